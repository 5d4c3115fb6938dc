//! A long mixed workload with a fixed seed. Each answer is compared with that of a model, which
//! knows what a slot holds, who may read it and who owns it. Both stores run the same workload.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "shared with the other test binaries")]
mod support;

mod model;

use model::{Model, Secret};
use std::sync::Arc;
use strongroom::SlotId;
use strongroom::sign_in::Act;
use strongroom::w3pk::{self, Generation};
use strongroom::wallet::WalletKey;
use strongroom_store::{DatabaseUrl, PostgresDatabase, PostgresOptions, Store};
use strongroom_testkit::postgres::TempPostgres;
use strongroom_testkit::rng;
use strongroom_testkit::seeded_random::SeededRandom;
use support::{Answer, TestVault, client_key, store_body, wallet};
use time::Duration;

const SEED: u64 = 0x5EED;
/// `STRONGROOM_MODEL_STEPS` asks for more.
const STEPS: usize = 600;
const WALLETS: usize = 5;

#[tokio::test]
async fn every_answer_is_the_models_on_sqlite() {
    Run::new(TestVault::new()).all().await;
}

#[tokio::test]
async fn every_answer_is_the_models_on_postgres() {
    let postgres = TempPostgres::start();
    let url: DatabaseUrl = postgres.url("vault").parse().expect("a URL");
    let database = PostgresDatabase::connect(&url, &PostgresOptions::default()).await.expect("reached");
    let vault = TestVault::on(async |vault_id| {
        let store: Arc<dyn Store> = Arc::new(database.open(&vault_id).await.expect("a store"));
        store
    });
    Run::new(vault.await).all().await;
}

struct Run {
    vault: TestVault,
    model: Model,
    random: SeededRandom,
}

impl Run {
    fn new(vault: TestVault) -> Self {
        Self { vault, model: Model::default(), random: SeededRandom::new(SEED) }
    }

    async fn all(mut self) {
        let steps = std::env::var("STRONGROOM_MODEL_STEPS")
            .map_or(STEPS, |steps| steps.parse().expect("STRONGROOM_MODEL_STEPS is a number"));
        for step in 0..steps {
            match self.random.below(20) {
                0..5 => self.store(step).await,
                5..6 => self.store_again().await,
                6..11 => self.access().await,
                11..13 => self.fetch().await,
                13..15 => self.replace(step).await,
                15..16 => self.delete().await,
                16..19 => self.list().await,
                _ => {
                    let seconds = self.random.below(120) as i64;
                    self.vault.pass_time(Duration::seconds(seconds));
                }
            }
        }
        // A workload that meets no such case shows nothing about it.
        let met = &self.model.met;
        for answer in ["200", "201", "204", "401", "403", "404", "409", "412", "422"] {
            assert!(met.get(answer).is_some_and(|times| *times > 0), "{answer} was never met: {met:?}");
        }
    }

    fn anybody(&mut self) -> usize {
        self.random.below(WALLETS)
    }

    fn owner_or_anybody(&mut self, slot: SlotId) -> usize {
        let anybody = self.anybody();
        self.model.owner(slot).filter(|_| self.random.below(2) == 0).unwrap_or(anybody)
    }

    fn some(&mut self) -> Vec<usize> {
        let mut wallets: Vec<usize> = (0..WALLETS).collect();
        self.random.shuffle(&mut wallets);
        wallets.truncate(1 + self.random.below(3));
        wallets.sort_unstable();
        wallets
    }

    /// Mostly a slot that was there once, and sometimes one that never was.
    fn slot(&mut self) -> SlotId {
        let slots = self.model.slots();
        if slots.is_empty() || self.random.below(20) == 0 {
            return SlotId::from_bytes(self.random.bytes());
        }
        // Mostly one of the last slots, which have not expired yet.
        let back = self.random.below(slots.len()).min(self.random.below(slots.len()));
        slots[slots.len() - 1 - back]
    }

    async fn secret(&mut self, step: usize) -> Secret {
        let text = format!("text {step}");
        let openable = self.random.below(6) != 0;
        let mut recipients = vec![client_key(1).encapsulation_key()];
        if openable {
            recipients.push(self.vault.vault_key().await);
        }
        let generation = if self.random.below(2) == 0 { Generation::First } else { Generation::Second };
        let payload =
            w3pk::seal(text.as_bytes(), &recipients, generation, &mut rng()).expect("sealed").to_json();
        let readers = self.some();
        let expires_at = (self.random.below(4) == 0).then(|| {
            let end = self.vault.now() + Duration::seconds(30 + self.random.below(900) as i64);
            end.unix_timestamp()
        });
        Secret { text, payload, openable, readers, owner: None, expires_at }
    }

    async fn store(&mut self, step: usize) {
        let mut secret = self.secret(step).await;
        let signer = (self.random.below(2) == 0).then(|| self.anybody());
        secret.owner = signer.or(match secret.readers[..] {
            [sole] => Some(sole),
            _ => None,
        });
        let answer = self.send_store(&secret, signer).await;
        self.model.meets(&answer, 201);
        assert_eq!(answer.body["openable"], secret.openable);
        assert_eq!(answer.etag(), "\"1\"");
        self.model.insert(answer.slot(), secret, signer);
    }

    async fn send_store(&mut self, secret: &Secret, signer: Option<usize>) -> Answer {
        let headers = match signer {
            Some(signer) => self.vault.sign(&key(signer), &[]).await,
            None => vec![],
        };
        self.vault.call("POST", "/secret/store", &headers, &body(secret)).await
    }

    /// The same request again gets the same slot. The same ciphertext for other readers is refused
    /// for ever.
    async fn store_again(&mut self) {
        let Some((slot, secret, signer)) = self.model.any(&mut self.random) else { return };
        let now = self.vault.now().unix_timestamp();
        if secret.expires_at.is_some_and(|end| end <= now) {
            return;
        }
        let same = self.random.below(2) == 0;
        let mut asked = secret.clone();
        if !same {
            asked.readers = vec![(secret.readers[0] + 1) % WALLETS];
        }
        let answer = self.send_store(&asked, signer).await;
        let unchanged = same && self.model.is_as_stored(slot, &secret);
        match (secret.openable, unchanged) {
            (true, true) => {
                self.model.meets(&answer, 201);
                assert_eq!(answer.slot(), slot);
            }
            (true, false) => self.model.meets_code(&answer, 409, "ciphertext_held"),
            (false, _) => {
                // The vault has no entry in this payload, so it may be stored any number of times.
                self.model.meets(&answer, 201);
                asked.owner = signer.or((asked.readers.len() == 1).then(|| asked.readers[0]));
                self.model.insert(answer.slot(), asked, signer);
            }
        }
    }

    async fn access(&mut self) {
        let (slot, who) = (self.slot(), self.anybody());
        let headers = self.vault.sign(&key(who), &[]).await;
        let path = format!("/secret/access/{slot}");
        let answer = self.vault.call("GET", &path, &headers, b"").await;
        let now = self.vault.now().unix_timestamp();
        match self.model.readable(slot, who, now).cloned() {
            None => self.model.meets_code(&answer, 404, "slot_not_found"),
            Some(secret) if !secret.openable => self.model.meets_code(&answer, 422, "vault_not_recipient"),
            Some(secret) => {
                self.model.meets(&answer, 200);
                assert_eq!(answer.body["secret"], secret.text);
            }
        }
        // The sign-in is used up, whatever the outcome.
        let again = self.vault.call("GET", &path, &headers, b"").await;
        self.model.meets_code(&again, 401, "nonce_spent");
    }

    async fn fetch(&mut self) {
        let (slot, who) = (self.slot(), self.anybody());
        let headers = self.vault.sign(&key(who), &[Act::Envelope(slot)]).await;
        let answer = self.vault.call("GET", &format!("/secret/envelope/{slot}"), &headers, b"").await;
        let now = self.vault.now().unix_timestamp();
        match self.model.readable(slot, who, now).cloned() {
            None => self.model.meets_code(&answer, 404, "slot_not_found"),
            Some(secret) => {
                self.model.meets(&answer, 200);
                assert_eq!(
                    answer.body,
                    serde_json::from_str::<serde_json::Value>(&secret.payload).expect("JSON")
                );
                assert_eq!(answer.etag(), self.model.etag(slot));
            }
        }
    }

    async fn replace(&mut self, step: usize) {
        let (slot, mut secret) = (self.slot(), self.secret(step).await);
        let who = self.owner_or_anybody(slot);
        let current = self.model.etag(slot);
        let right = self.random.below(3) != 0;
        let etag = if right { current } else { "\"77\"".to_owned() };
        let answer = self.vault.put(slot, &key(who), &etag, &body(&secret)).await;
        let now = self.vault.now().unix_timestamp();
        match self.model.owned(slot, who, now) {
            Err((status, code)) => self.model.meets_code(&answer, status, code),
            Ok(()) if !right => self.model.meets_code(&answer, 412, "generation_changed"),
            Ok(()) => {
                self.model.meets(&answer, 200);
                secret.owner = Some(who);
                self.model.replace(slot, secret);
                assert_eq!(answer.etag(), self.model.etag(slot));
            }
        }
    }

    async fn delete(&mut self) {
        let slot = self.slot();
        let who = self.owner_or_anybody(slot);
        let answer = self.vault.delete(slot, &key(who)).await;
        let now = self.vault.now().unix_timestamp();
        match self.model.owned(slot, who, now) {
            Err((status, code)) => self.model.meets_code(&answer, status, code),
            Ok(()) => {
                self.model.meets(&answer, 204);
                self.model.delete(slot);
            }
        }
    }

    /// All pages of one wallet's list, compared with the model's list.
    async fn list(&mut self) {
        let who = self.anybody();
        let mut listed = Vec::new();
        let mut query = "?limit=7".to_owned();
        loop {
            let headers = self.vault.sign(&key(who), &[]).await;
            let answer = self.vault.call("GET", &format!("/secret/slots{query}"), &headers, b"").await;
            self.model.meets(&answer, 200);
            listed.extend(answer.body["slots"].as_array().expect("a list").clone());
            match answer.body["next"].as_str() {
                Some(next) => query = format!("?limit=7&after={next}"),
                None => break,
            }
        }
        let now = self.vault.now().unix_timestamp();
        let expected = self.model.listed(who, now);
        let listed: Vec<_> = listed
            .iter()
            .map(|slot| {
                let text = |name: &str| slot[name].as_str().expect("a text").to_owned();
                let is = |name: &str| slot[name].as_bool().expect("true or false");
                (text("slot"), is("owner"), is("reader"), is("openable"), text("etag"))
            })
            .collect();
        assert_eq!(listed, expected);
    }
}

fn key(n: usize) -> WalletKey {
    wallet(n as u8 + 1)
}

fn body(secret: &Secret) -> Vec<u8> {
    let readers: Vec<WalletKey> = secret.readers.iter().map(|n| key(*n)).collect();
    let body = store_body(&secret.payload, &readers.iter().collect::<Vec<_>>());
    let Some(end) = secret.expires_at else { return body };
    let mut body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let end = time::OffsetDateTime::from_unix_timestamp(end).expect("a time");
    let text = end.format(&time::format_description::well_known::Rfc3339).expect("a time");
    body["expiresAt"] = text.into();
    body.to_string().into_bytes()
}
