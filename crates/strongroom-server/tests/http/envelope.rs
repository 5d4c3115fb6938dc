//! Native envelopes in a vault: the policy inside wins, and the vault opens only what it allows. A
//! test that rests on a guard names it; `./check guards` removes the guards one by one.

use crate::support::{Answer, TestVault, client_key, wallet};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use strongroom::encoding::{base64, from_base64};
use strongroom::envelope::{self, Envelope};
use strongroom::key::{HybridDecapsulationKey, Identity, Recipient};
use strongroom::policy::EnvelopePolicy;
use strongroom::principal::Principal;
use strongroom::sign_in::Act;
use strongroom::w3pk;
use strongroom::{SlotId, wallet::WalletKey};
use strongroom_testkit::rng;
use time::Duration;

impl TestVault {
    async fn vault_id(&self) -> [u8; 32] {
        let answer = self.call("GET", "/secret/attestation", &[], b"").await;
        let mut id = [0; 32];
        hex::decode_to_slice(answer.body["vaultId"].as_str().expect("an id"), &mut id).expect("hex");
        id
    }

    /// A policy for these readers, with this vault as the audience.
    async fn policy(&self, readers: &[&WalletKey]) -> EnvelopePolicy {
        EnvelopePolicy {
            readers: readers.iter().map(|wallet| wallet.address().into()).collect(),
            audience: Some(self.vault_id().await),
            ..EnvelopePolicy::default()
        }
    }

    /// An envelope for the client's first key and the vault.
    async fn seal_native(&self, plaintext: &[u8], policy: EnvelopePolicy) -> Envelope {
        let keys = [client_key(1).encapsulation_key(), self.vault_key().await].map(Recipient::from);
        envelope::seal(plaintext, &keys, policy, &mut rng()).expect("two recipients")
    }

    async fn store_native(&self, envelope: &Envelope) -> Answer {
        self.call("POST", "/secret/store", &[], body(envelope).to_string().as_bytes()).await
    }

    async fn store_policy(&self, policy: EnvelopePolicy) -> Answer {
        self.store_native(&self.seal_native(b"secret", policy).await).await
    }

    async fn access_to(&self, slot: SlotId, wallet: &WalletKey, key: &Recipient) -> Answer {
        let headers = self.sign(wallet, &[Act::seal_to(slot, key)]).await;
        self.ask_for(slot, &headers, &key.to_string()).await
    }

    async fn ask_for(&self, slot: SlotId, headers: &[(&str, String)], key: &str) -> Answer {
        let body = json!({ "sealTo": key }).to_string();
        self.call("POST", &format!("/secret/access/{slot}"), headers, body.as_bytes()).await
    }
}

fn body(envelope: &Envelope) -> Value {
    json!({ "secret": { "envelope": base64(envelope.as_bytes()) } })
}

#[tokio::test]
async fn an_envelope_is_stored_opened_and_fetched() {
    let vault = TestVault::new();
    let alice = wallet(1);
    let envelope = vault.seal_native(b"four years", vault.policy(&[&alice]).await).await;
    let stored = vault.store_native(&envelope).await;
    assert_eq!(stored.body["openable"], true);
    let slot = stored.slot();
    assert_eq!(vault.access(slot, &alice).await.body["secret"], "four years");
    assert_eq!(vault.access(slot, &wallet(2)).await.code(), (404, "slot_not_found"));

    let sign_in = vault.sign(&alice, &[]).await;
    let fetched = vault.call("GET", &format!("/chest/envelope/{slot}"), &sign_in, b"").await;
    assert_eq!(fetched.body, body(&envelope)["secret"]);
    assert_eq!(fetched.etag(), "\"1\"");
    // The only reader owns it.
    assert_eq!(vault.delete(slot, &alice).await.status, 204);
}

#[tokio::test]
async fn as_bytes_and_as_a_string_it_is_the_same() {
    let vault = TestVault::new();
    let alice = wallet(1);
    let envelope = vault.seal_native(b"four years", vault.policy(&[&alice]).await).await;
    let octets = |content_type: &str, bytes: &[u8], expires_at: &str| {
        let request = Request::post("/secret/store").header("content-type", content_type);
        let request = if expires_at.is_empty() {
            request
        } else {
            request.header("x-strongroom-expires-at", expires_at)
        };
        request.body(Body::from(bytes.to_vec())).expect("a request")
    };
    let octet = "application/octet-stream";
    let stored = vault.send(octets(octet, envelope.as_bytes(), "2999-01-01T00:00:00Z")).await;
    assert_eq!(stored.body["expiresAt"], "2999-01-01T00:00:00Z");
    let slot = stored.slot();
    // The same envelope again, as JSON in a string: it is a retry except for its expiry.
    let as_string =
        json!({ "secret": body(&envelope)["secret"].to_string(), "expiresAt": "2999-01-01T00:00:00Z" });
    let again = vault.call("POST", "/secret/store", &[], as_string.to_string().as_bytes()).await;
    assert_eq!(again.slot(), slot);

    let mut sign_in = vault.sign(&alice, &[]).await;
    sign_in.push(("accept", octet.to_owned()));
    let request =
        sign_in.iter().fold(Request::get(format!("/secret/envelope/{slot}")), |request, (name, value)| {
            request.header(*name, value)
        });
    let bytes = vault.send_for_bytes(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(bytes, envelope.as_bytes());

    assert_eq!(
        vault.send(octets("text/plain", envelope.as_bytes(), "")).await.code(),
        (415, "unsupported_media_type")
    );
    assert_eq!(vault.send(octets(octet, b"{}", "")).await.code(), (400, "malformed_payload"));
    assert_eq!(
        vault.send(octets(octet, envelope.as_bytes(), "tomorrow")).await.code(),
        (400, "malformed_expiry")
    );
    let cut = vault.call("POST", "/secret/store", &[], br#"{"secret":{"envelope":"U1JFTlYAAAE="}}"#).await;
    assert_eq!(cut.code(), (400, "malformed_payload"));
    let no_payload = &envelope.as_bytes()[..envelope.as_bytes().len() - 40];
    assert_eq!(vault.send(octets(octet, no_payload, "")).await.code(), (400, "malformed_payload"));
    let twice = octets(octet, envelope.as_bytes(), "2999-01-01T00:00:00Z");
    let (mut parts, bytes) = twice.into_parts();
    parts.headers.append("x-strongroom-expires-at", "2998-01-01T00:00:00Z".parse().expect("a value"));
    assert_eq!(vault.send(Request::from_parts(parts, bytes)).await.code(), (400, "malformed_expiry"));
    let beside_json =
        octets("application/json", body(&envelope).to_string().as_bytes(), "2999-01-01T00:00:00Z");
    assert_eq!(vault.send(beside_json).await.code(), (400, "malformed_expiry"));
    assert!(cut.body["message"].as_str().expect("text").contains("cut short"), "{}", cut.body);
}

#[tokio::test]
async fn readers_travel_inside_and_win() {
    let vault = TestVault::new();
    let [alice, bob] = [wallet(1), wallet(2)];
    let envelope = vault.seal_native(b"secret", vault.policy(&[&alice, &bob]).await).await;
    let with = |addresses: Value| {
        let mut body = body(&envelope);
        body["publicAddresses"] = addresses;
        body.to_string()
    };
    let [a, b] = [&alice, &bob].map(|wallet| wallet.address().to_string());
    for others in [json!([a]), json!([a, wallet(3).address().to_string()])] {
        let answer = vault.call("POST", "/secret/store", &[], with(others).as_bytes()).await;
        assert_eq!(answer.code(), (422, "readers_disagree"));
    }
    let empty = vault.call("POST", "/secret/store", &[], with(json!([])).as_bytes()).await;
    assert_eq!(empty.code(), (400, "malformed_address"));
    let agreed =
        vault.call("POST", "/secret/store", &[], with(json!([b.to_lowercase(), a])).as_bytes()).await;
    let slot = agreed.slot();
    assert_eq!(vault.access(slot, &bob).await.body["secret"], "secret");
    // It was stored unsigned for two readers, so nobody owns it.
    assert_eq!(vault.delete(slot, &bob).await.code(), (403, "no_owner"));

    let nobody = EnvelopePolicy { readers: vec![], ..vault.policy(&[]).await };
    assert_eq!(vault.store_policy(nobody).await.code(), (422, "policy_without_readers"));
}

#[tokio::test]
async fn owners_travel_inside_and_win() {
    let vault = TestVault::new();
    let [alice, bob, carol] = [wallet(1), wallet(2), wallet(3)];
    let owners = vec![bob.address().into(), carol.address().into(), Principal::SlhDsa([7; 32])];
    let policy = EnvelopePolicy { owners, ..vault.policy(&[&alice]).await };
    let envelope = vault.seal_native(b"secret", policy).await;
    let bytes = body(&envelope).to_string();
    // Alice signs and is the only reader, and yet the policy's owner owns the slot.
    let sign_in = vault.sign(&alice, &[]).await;
    let slot = vault.call("POST", "/secret/store", &sign_in, bytes.as_bytes()).await.slot();
    assert_eq!(vault.delete(slot, &alice).await.code(), (403, "not_the_owner"));
    let listed = vault.call("GET", "/secret/slots", &vault.sign(&carol, &[]).await, b"").await;
    assert_eq!(
        (&listed.body["slots"][0]["owner"], &listed.body["slots"][0]["reader"]),
        (&true.into(), &false.into())
    );
    assert_eq!(vault.delete(slot, &carol).await.status, 204);
}

/// Guard: the audience is compared (secrets/policy.rs, `check_vault`).
#[tokio::test]
async fn an_envelope_for_another_vault_is_refused() {
    let vault = TestVault::new();
    let good = vault.policy(&[&wallet(1)]).await;
    for audience in [None, Some([7; 32])] {
        let answer = vault.store_policy(EnvelopePolicy { audience, ..good.clone() }).await;
        assert_eq!(answer.code(), (422, "wrong_audience"));
    }
    assert_eq!(vault.store_policy(good).await.status, 201);
}

/// Guard: a policy that is not implemented is refused (secrets/policy.rs, `check_vault`).
#[tokio::test]
async fn a_policy_that_asks_for_more_is_refused() {
    let vault = TestVault::new();
    let good = vault.policy(&[&wallet(1)]).await;
    for policy in [
        EnvelopePolicy { approvals: Some(1), ..good.clone() },
        EnvelopePolicy { one_time: true, ..good.clone() },
    ] {
        assert_eq!(vault.store_policy(policy).await.code(), (422, "unsupported_policy"));
    }
    assert_eq!(
        vault.store_policy(EnvelopePolicy { label: Some("a note".to_owned()), ..good }).await.status,
        201
    );
}

/// Guard: both times are compared at each opening (secrets/opening.rs, `open`).
#[tokio::test]
async fn an_envelope_is_opened_in_its_time_alone() {
    let vault = TestVault::new();
    let alice = wallet(1);
    let now = u64::try_from(vault.now().unix_timestamp()).expect("after 1970");
    let good = vault.policy(&[&alice]).await;
    let past = EnvelopePolicy { not_after: Some(now - 1), ..good.clone() };
    assert_eq!(vault.store_policy(past).await.code(), (422, "outside_validity"));

    let policy = EnvelopePolicy { not_before: Some(now + 1000), not_after: Some(now + 2000), ..good };
    let slot = vault.store_policy(policy).await.slot();
    assert_eq!(vault.access(slot, &alice).await.code(), (422, "outside_validity"));
    vault.pass_time(Duration::seconds(1001));
    assert_eq!(vault.access(slot, &alice).await.body["secret"], "secret");
    vault.pass_time(Duration::seconds(1000));
    assert_eq!(vault.access(slot, &alice).await.code(), (422, "outside_validity"));
    let key = Recipient::from(client_key(9).encapsulation_key());
    assert_eq!(vault.access_to(slot, &alice, &key).await.code(), (422, "outside_validity"));
    // The sealed envelope may be fetched at any time.
    let fetched =
        vault.call("GET", &format!("/secret/envelope/{slot}"), &vault.sign(&alice, &[]).await, b"").await;
    assert_eq!(fetched.status, 200);
}

#[tokio::test]
async fn without_a_stanza_for_the_vault_it_is_kept_closed() {
    let vault = TestVault::new();
    let alice = wallet(1);
    let keys = [client_key(1).encapsulation_key().into()];
    // The vault is not a recipient, so the rest of the policy does not concern it.
    let policy = EnvelopePolicy {
        audience: Some([7; 32]),
        one_time: true,
        not_after: Some(1),
        ..vault.policy(&[&alice]).await
    };
    let envelope = envelope::seal(b"mine", &keys, policy, &mut rng()).expect("one recipient");
    let stored = vault.store_native(&envelope).await;
    assert_eq!(stored.body["openable"], false);
    assert_eq!(vault.access(stored.slot(), &alice).await.code(), (422, "vault_not_recipient"));
}

/// Guard: one tag over all formats (secrets/storing.rs, `ciphertext_for_vault`, the arm of
/// `SealedSecret::Envelope`).
#[tokio::test]
async fn nobody_stores_a_held_envelope_again_and_an_owner_puts_it_rewrapped() {
    let vault = TestVault::new();
    let [alice, mallory] = [wallet(1), wallet(2)];
    let mine = Identity::from(client_key(1));
    let envelope = vault.seal_native(b"alice's", vault.policy(&[&alice]).await).await;
    let sign_in = vault.sign(&alice, &[]).await;
    let stored = vault.call("POST", "/secret/store", &sign_in, body(&envelope).to_string().as_bytes()).await;
    let slot = stored.slot();
    // Mallory is a recipient and signs. The policy inside is the same, but the owner would be
    // another.
    let other = Recipient::from(client_key(3).encapsulation_key());
    let rewrapped = envelope.rewrap([&mine], &[other], &[], &mut rng()).expect("a recipient");
    for again in [&envelope, &rewrapped] {
        let sign_in = vault.sign(&mallory, &[]).await;
        let answer = vault.call("POST", "/secret/store", &sign_in, body(again).to_string().as_bytes()).await;
        assert_eq!(answer.code(), (409, "ciphertext_held"));
    }
    let put = vault.put(slot, &alice, &stored.etag(), body(&rewrapped).to_string().as_bytes()).await;
    assert_eq!((put.status, put.etag()), (200, "\"2\"".to_owned()));
    assert_eq!(vault.access(slot, &alice).await.body["secret"], "alice's");
}

#[tokio::test]
async fn an_altered_envelope_for_the_vault_is_refused() {
    let vault = TestVault::new();
    let envelope = vault.seal_native(b"secret", vault.policy(&[&wallet(1)]).await).await;
    let mut bytes = envelope.as_bytes().to_vec();
    *bytes.last_mut().expect("a tag") ^= 1;
    let answer = vault.store_native(&Envelope::parse(bytes).expect("its header is whole")).await;
    assert_eq!(answer.code(), (422, "vault_cannot_open"));
}

#[tokio::test]
async fn an_answer_comes_sealed_to_ones_own_key() {
    let vault = TestVault::new();
    let alice = wallet(1);
    let native = vault.store_policy(vault.policy(&[&alice]).await).await.slot();
    let payload = vault.store(&vault.seal(b"secret").await.to_json(), &[&alice]).await.slot();
    let hybrid = Identity::from(HybridDecapsulationKey::from_seed(&[9; 32]).expect("a seed"));
    for (slot, identity) in [(native, hybrid), (payload, client_key(9).into())] {
        let answer = vault.access_to(slot, &alice, &identity.recipient()).await;
        let sealed = from_base64(answer.body["sealed"].as_str().expect("base64")).expect("base64");
        let sealed = Envelope::parse(sealed).expect("an envelope");
        assert_eq!(sealed.open([&identity]).expect("its recipient").expose(), b"secret");
        assert_eq!(sealed.header().policy(), &EnvelopePolicy::default());
        assert!(!answer.body.to_string().contains(r#""secret""#), "{}", answer.body);
        let other = vault.access_to(slot, &wallet(2), &identity.recipient()).await;
        assert_eq!(other.code(), (404, "slot_not_found"));
    }
}

/// Guard: the act is bound to slot and key (`is_bound` and `resource` in sign_in/act.rs of
/// `strongroom`).
#[tokio::test]
async fn a_statement_for_one_key_serves_no_other() {
    let vault = TestVault::new();
    let alice = wallet(1);
    let slot = vault.store_policy(vault.policy(&[&alice]).await).await.slot();
    let other_slot = vault.store_policy(vault.policy(&[&alice]).await).await.slot();
    let [mine, mallorys] = [client_key(8), client_key(9)].map(|key| Recipient::from(key.encapsulation_key()));
    for resources in [
        vec![],
        vec![Act::Access(slot)],
        vec![Act::seal_to(slot, &mine)],
        vec![Act::seal_to(other_slot, &mallorys)],
    ] {
        let headers = vault.sign(&alice, &resources).await;
        let answer = vault.ask_for(slot, &headers, &mallorys.to_string()).await;
        assert_eq!(answer.code(), (401, "sign_in_for_another_act"), "{resources:?}");
    }
    // It does not serve an access in the clear either.
    let headers = vault.sign(&alice, &[Act::seal_to(slot, &mine)]).await;
    let answer = vault.call("GET", &format!("/secret/access/{slot}"), &headers, b"").await;
    assert_eq!(answer.code(), (401, "sign_in_for_another_act"));
    let headers = vault.sign(&alice, &[Act::seal_to(slot, &mine)]).await;
    assert_eq!(vault.ask_for(slot, &headers, "no key").await.code(), (400, "malformed_key"));
    let answer = vault.call("POST", &format!("/secret/access/{slot}"), &headers, br#"{"sealTo":1}"#).await;
    assert_eq!(answer.code(), (400, "malformed_request"));
    assert_eq!(vault.ask_for(slot, &headers, &mine.to_string()).await.status, 200);
}

/// Guard: the statement covers the expiry (secrets/routes.rs, `parse`). Otherwise a proxy that ends
/// the TLS could let the slot expire early.
#[tokio::test]
async fn a_bound_statement_covers_the_end_beside_an_envelope() {
    let vault = TestVault::new();
    let alice = wallet(1);
    let envelope = vault.seal_native(b"secret", vault.policy(&[&alice]).await).await;
    let slot = vault.store_native(&envelope).await.slot();
    let end = "2999-01-01T00:00:00Z";
    let put = async |signed: &[u8], end: Option<&str>| {
        let mut headers = vault.sign(&alice, &[Act::put(slot, signed)]).await;
        headers.push(("if-match", "\"1\"".to_owned()));
        headers.push(("content-type", "application/octet-stream".to_owned()));
        headers.extend(end.map(|end| ("x-strongroom-expires-at", end.to_owned())));
        let request = headers
            .iter()
            .fold(Request::put(format!("/secret/envelope/{slot}")), |request, (name, value)| {
                request.header(*name, value)
            });
        vault.send(request.body(Body::from(envelope.as_bytes().to_vec())).expect("a request")).await
    };
    let refused = (401, "sign_in_for_another_act");
    assert_eq!(put(envelope.as_bytes(), Some(end)).await.code(), refused);
    let with_end = [envelope.as_bytes(), end.as_bytes()].concat();
    assert_eq!(put(&with_end, None).await.code(), refused);
    assert_eq!(put(&with_end, Some(end)).await.body["expiresAt"], end);
}

/// Guard: the signer must be a reader or an owner (secrets/storing.rs, `retry_of`).
#[tokio::test]
async fn a_retry_tells_a_stranger_nothing() {
    let vault = TestVault::new();
    let [alice, bob, mallory] = [wallet(1), wallet(2), wallet(3)];
    let owners = vec![alice.address().into()];
    let envelope =
        vault.seal_native(b"secret", EnvelopePolicy { owners, ..vault.policy(&[&bob]).await }).await;
    let request = body(&envelope).to_string();
    let slot = vault.call("POST", "/secret/store", &[], request.as_bytes()).await.slot();
    for signer in [&alice, &bob] {
        let again =
            vault.call("POST", "/secret/store", &vault.sign(signer, &[]).await, request.as_bytes()).await;
        assert_eq!(again.slot(), slot);
    }
    let again =
        vault.call("POST", "/secret/store", &vault.sign(&mallory, &[]).await, request.as_bytes()).await;
    assert_eq!(again.code(), (409, "ciphertext_held"));
}

#[tokio::test]
async fn a_put_without_owners_leaves_them() {
    let vault = TestVault::new();
    let [alice, bob] = [wallet(1), wallet(2)];
    let owners = vec![alice.address().into(), bob.address().into()];
    let slot = vault.store_policy(EnvelopePolicy { owners, ..vault.policy(&[&alice]).await }).await.slot();
    let without = vault.seal_native(b"again", vault.policy(&[&alice]).await).await;
    let put = vault.put(slot, &alice, "\"1\"", body(&without).to_string().as_bytes()).await;
    assert_eq!(put.status, 200, "{}", put.body);
    assert_eq!(vault.delete(slot, &bob).await.status, 204);
}

#[tokio::test]
async fn what_a_newer_policy_asks_for_is_refused_by_name() {
    let vault = TestVault::new();
    let bytes = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/envelope/refused-policy-unknown-key.json"
    ));
    let vector: Value = serde_json::from_slice(&bytes.expect("a vector")).expect("JSON");
    let request = json!({ "secret": { "envelope": vector["envelope"] } }).to_string();
    let answer = vault.call("POST", "/secret/store", &[], request.as_bytes()).await;
    assert_eq!(answer.code(), (422, "unsupported_policy"));
    assert!(answer.body["message"].as_str().expect("text").contains("unknown key 9"), "{}", answer.body);
}

/// Gives the same numbers each time, so two formats encapsulate to the same ciphertext.
struct Fixed(Vec<u8>);

impl getrandom::rand_core::TryRng for Fixed {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        unreachable!("sealing takes bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("sealing takes bytes")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.copy_from_slice(&self.0.drain(..bytes.len()).collect::<Vec<_>>());
        Ok(())
    }
}

impl getrandom::rand_core::TryCryptoRng for Fixed {}

/// Guard: one tag over all formats (secrets/storing.rs, `ciphertext_for_vault`).
#[tokio::test]
async fn a_ciphertext_that_one_format_holds_is_held_for_the_other() {
    let [alice, mallory] = [wallet(1), wallet(2)];
    for native_first in [true, false] {
        let vault = TestVault::new();
        let key = vault.vault_key().await;
        // Lengths of what is drawn: file key 32, id 16, encapsulation 32, salt 24 for an envelope;
        // K 32, iv 12, encapsulation 32 for a w3pk payload.
        let mut native_rng = Fixed([&[1; 48][..], &[5; 32], &[2; 24]].concat());
        let mut w3pk_rng = Fixed([&[3; 44][..], &[5; 32]].concat());
        let native =
            envelope::seal(b"a", &[key.clone().into()], vault.policy(&[&alice]).await, &mut native_rng);
        let native = native.expect("one recipient");
        let payload =
            w3pk::seal(b"b", &[key], w3pk::Generation::Second, &mut w3pk_rng).expect("one recipient");
        assert_eq!(native.header().stanzas()[0].enc(), payload.entries()[0].kem_ciphertext());
        let answers = if native_first {
            [vault.store_native(&native).await, vault.store(&payload.to_json(), &[&mallory]).await]
        } else {
            let first = vault.store(&payload.to_json(), &[&mallory]).await;
            [first, vault.store_native(&native).await]
        };
        assert_eq!(answers.map(|answer| answer.status), [201, 409]);
    }
}
