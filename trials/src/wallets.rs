//! Wallets whose backups are signed before a trial, because a signature takes a sixth of a second.

use crate::client::Client;
use crate::rng;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::sync::Mutex;
use strongroom::backup::{Archive, Keys, Position, SignedBackup, UserId};
use strongroom::mnemonic::Mnemonic;
use strongroom::sign_in::Draft;
use strongroom::slh_dsa::Context as Signed;
use time::OffsetDateTime;

const WORDS: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const CREATED: u64 = 1_800_000_000;

/// A wallet, and its versions in their order.
pub struct Wallet {
    keys: Keys,
    user_id: UserId,
    chain: Vec<SignedBackup>,
}

/// Makes wallets on all cores, each with this many versions of a JSON with this many bytes.
pub fn prepare(wallets: u32, versions: usize, bytes: usize) -> Result<Vec<Wallet>> {
    let next = Mutex::new(0..wallets);
    let made = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let Some(account) = next.lock().expect("nobody panics").next() else { return };
                    let wallet = Wallet::new(account, versions, bytes);
                    made.lock().expect("nobody panics").push(wallet);
                }
            });
        }
    });
    made.into_inner().expect("nobody panics").into_iter().collect()
}

impl Wallet {
    fn new(account: u32, versions: usize, bytes: usize) -> Result<Self> {
        let keys = Keys::strongroom(&Mnemonic::parse(WORDS, "")?, account);
        let user_id = UserId::of_owner(keys.public_key().owner());
        let mut position = Position::first(user_id);
        let mut chain: Vec<SignedBackup> = Vec::with_capacity(versions);
        for n in 0..versions {
            let note = "x".repeat(bytes.saturating_sub(40));
            let archive = Archive::from_json(format!(r#"{{"version":{n},"note":"{note}"}}"#).as_bytes())?;
            let backup = archive.sign(&keys, &position, CREATED, &mut rng());
            position = Position::after(backup.statement().context("the backup is not native")?)
                .context("the last version has no next one")?;
            chain.push(backup);
        }
        Ok(Self { keys, user_id, chain })
    }

    /// The version of this number, from 1.
    #[must_use]
    pub fn version(&self, number: usize) -> Option<&SignedBackup> {
        self.chain.get(number.checked_sub(1)?)
    }

    /// The path of the wallet's versions.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/backups/{}/users/{}", self.keys.public_key(), self.user_id)
    }

    /// The names in that path.
    #[must_use]
    pub fn names(&self) -> (String, String) {
        (self.keys.public_key().to_string(), self.user_id.to_string())
    }

    /// The header of a session, which lasts for ten minutes.
    pub async fn session(&self, client: &mut Client) -> Result<[(&'static str, String); 1]> {
        let nonce = client.nonce().await?;
        let draft = Draft {
            domain: "localhost",
            address: self.keys.public_key().owner(),
            statement: None,
            uri: "http://localhost",
            chain_id: 1,
            nonce: &nonce,
            issued_at: OffsetDateTime::now_utc(),
            expiration_time: None,
            resources: vec![],
        };
        let text = draft.write()?.to_string();
        let signature = self.keys.signing_key().sign(Signed::SESSION, text.as_bytes());
        let body = json!({
            "message": text,
            "publicKey": self.keys.public_key().to_string(),
            "signature": signature.to_string(),
        });
        let answer = client.send("POST", "/auth/session", &[], body.to_string().into_bytes()).await?;
        ensure!(answer.status == 201, "{}: {}", answer.status, answer.json());
        let token = answer.json()["token"].as_str().context("the answer has no token")?.to_owned();
        Ok([("authorization", format!("Bearer {token}"))])
    }

    /// Compares an answer to a read with the version that was signed.
    pub fn is_whole(&self, number: usize, answer: &Value) -> Result<()> {
        let backup = SignedBackup::from_json(answer["backup"].to_string().as_bytes())?;
        let signed = self.version(number).with_context(|| format!("version {number} was never signed"))?;
        ensure!(backup == *signed, "version {number} is not what was pushed");
        backup.verify(&self.keys.public_key())?;
        Ok(())
    }
}
