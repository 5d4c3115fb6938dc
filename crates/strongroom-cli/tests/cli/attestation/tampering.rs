//! A proxy that changes what a server proves. The client notices before it sends anything.

use super::proxy::Proxy;
use super::{Guest, all_hold, draft, refused};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use strongroom::key::{DecapsulationKey, EncapsulationKey};
use strongroom_attest::platform::none;
use strongroom_attest::{Claims, Evidence, KeyOrigin, Purpose};
use strongroom_testkit::tee::dstack;

fn attackers_key() -> EncapsulationKey {
    DecapsulationKey::from_seed(&[9; 64]).encapsulation_key()
}

fn swap_key(evidence: &mut Value) {
    let key = attackers_key();
    evidence["mlkemPublicKey"] = key.to_base64().into();
    evidence["keyId"] = hex::encode(key.id().as_bytes()).into();
}

/// Valid evidence of platform `none`, for the attacker's key.
fn forge(evidence: &mut Value, tls_spki_sha256: Option<[u8; 32]>) {
    show_anew(evidence, tls_spki_sha256, none::evidence);
}

/// Evidence for the attacker's key and the other facts that are shown, as `sign` makes it.
pub(super) fn show_anew(
    evidence: &mut Value,
    tls_spki_sha256: Option<[u8; 32]>,
    sign: impl FnOnce(&Claims<'_>) -> Evidence,
) {
    let bytes = |name: &str| {
        let mut bytes = [0; 32];
        hex::decode_to_slice(evidence[name].as_str().expect("text"), &mut bytes).expect("hex");
        bytes
    };
    let key = attackers_key();
    let forged = sign(&Claims {
        purpose: Purpose::Service,
        vault_id: bytes("vaultId"),
        epoch: 1,
        encapsulation_key: &key,
        key_origin: KeyOrigin::Generated,
        config_digest: bytes("configDigest"),
        tls_spki_sha256,
        nonce: bytes("nonce"),
        timestamp: evidence["timestamp"].as_str().expect("text").to_owned(),
    });
    *evidence = serde_json::to_value(forged).expect("plain data");
}

/// The compose hash of another application, with the digest that belongs to it.
fn swap_event(evidence: &mut Value) {
    let events = evidence["evidence"]["eventLog"].as_array_mut().expect("a list");
    let event = events.iter_mut().find(|event| event["event"] == "compose-hash").expect("an event");
    *event = dstack::event("compose-hash", &[7; 32]);
}

#[test]
fn whatever_is_changed_is_named_and_nothing_is_sent_after_it() {
    let guest = Guest::new();
    let server = guest.serve(&[]);
    draft(&guest.place, &server.url);
    let honest = Proxy::start(&server.url, |_| ());
    all_hold(&guest.place, &honest.url);
    honest.was_asked_once();

    type Change = fn(&mut Value);
    let changes: [(&str, Change); 13] = [
        ("does not bind the fields", swap_key),
        ("the key id is not that of", |evidence| {
            evidence["mlkemPublicKey"] = attackers_key().to_base64().into();
        }),
        ("runs outside a TEE", |evidence| forge(evidence, None)),
        ("runs outside a TEE", |evidence| {
            evidence["platform"] = "none".into();
            evidence["evidence"] = json!({ "type": "none" });
        }),
        ("the evidence is malformed: evidence", |evidence| evidence["platform"] = "none".into()),
        ("not known to this client", |evidence| evidence["platform"] = "sgx".into()),
        ("lacks the collateral", |evidence| evidence["collateral"] = json!({})),
        ("app-compose.json is not the text", |evidence| {
            evidence["evidence"]["appCompose"] = r#"{"name":"another"}"#.into();
        }),
        ("does not lead to the quote's RTMR3", swap_event),
        ("does not lead to the quote's RTMR3", |evidence| evidence["evidence"] = json!({ "type": "tdx" })),
        ("does not bind the fields", |evidence| evidence["tlsSpkiSha256"] = "00".repeat(32).into()),
        ("no evidence of the kind", |evidence| {
            // A server of the zk-api that proves nothing answers like this.
            let fields = evidence.as_object_mut().expect("an object");
            let five = ["platform", "report", "measurement", "timestamp", "mlkemPublicKey"];
            fields.retain(|name, _| five.contains(&name.as_str()));
        }),
        ("the evidence is too large", |evidence| evidence["measurement"] = "0".repeat(1 << 20).into()),
    ];
    for (error, change) in changes {
        let proxy = Proxy::start(&server.url, change);
        refused(guest.secret("put", &proxy.url, &[], "words"), error);
        proxy.was_asked_once();
    }
}

#[test]
fn an_answer_to_another_question_is_none() {
    let guest = Guest::new();
    let server = guest.serve(&[]);
    draft(&guest.place, &server.url);
    let earlier = Arc::new(Mutex::new(None));
    let replay = Proxy::start(&server.url, {
        let earlier = Arc::clone(&earlier);
        move |evidence| {
            let mut earlier = earlier.lock().expect("no panic");
            *evidence = earlier.get_or_insert_with(|| evidence.clone()).clone();
        }
    });
    all_hold(&guest.place, &replay.url);
    replay.was_asked_once();
    refused(guest.secret("put", &replay.url, &[], "words"), "does not carry the nonce");
    replay.was_asked_once();
    // The new nonce is written over the old one.
    let earlier = earlier.lock().expect("no panic").clone().expect("an answer");
    let renamed = Proxy::start(&server.url, move |evidence| {
        let nonce = evidence["nonce"].take();
        *evidence = earlier.clone();
        evidence["nonce"] = nonce;
    });
    refused(guest.secret("put", &renamed.url, &[], "words"), "does not bind the fields");
    renamed.was_asked_once();
}
