//! The vault's evidence, and the settings that it binds.

use crate::support::{TestVault, wallet};
use strongroom_attest::{AppraisalPolicy, Challenge, Evidence, Refusal, verify};

#[tokio::test]
async fn evidence_is_fresh_for_a_nonce_and_the_same_on_every_path() {
    let vault = TestVault::new();
    let nonce = [0xAB; 32];
    let asked = Challenge { nonce: Some(nonce), ..Challenge::default() };
    let no_tee = AppraisalPolicy { allow_no_tee: true, ..AppraisalPolicy::default() };
    for path in ["/attestation", "/secret/attestation", "/chest/attestation"] {
        let answer = vault.call("GET", &format!("{path}?nonce={}", hex::encode(nonce)), &[], b"").await;
        let evidence: Evidence = serde_json::from_value(answer.body).expect("evidence");
        let server = verify(&evidence, &asked, &no_tee, vault.now()).expect("good evidence");
        assert_eq!(server.encapsulation_key(), &vault.vault_key().await);
        assert_eq!(
            verify(&evidence, &Challenge::default(), &no_tee, vault.now()).err(),
            Some(Refusal::Nonce)
        );
        assert_eq!(
            verify(&evidence, &asked, &AppraisalPolicy::default(), vault.now()).err(),
            Some(Refusal::NoTee)
        );
    }
    for bad in ["00", "xy", &"0".repeat(66)] {
        let answer = vault.call("GET", &format!("/attestation?nonce={bad}"), &[], b"").await;
        assert_eq!(answer.code(), (400, "malformed_nonce"), "{bad}");
    }
}

#[tokio::test]
async fn without_a_nonce_it_is_cached_for_a_minute() {
    let vault = TestVault::new();
    let first = vault.call("GET", "/attestation", &[], b"").await.body;
    assert_eq!(vault.call("GET", "/attestation", &[], b"").await.body, first);
    vault.pass_time(time::Duration::seconds(61));
    assert_ne!(vault.call("GET", "/attestation", &[], b"").await.body["timestamp"], first["timestamp"]);
    // The five fields that clients of the older system read are there.
    for field in ["platform", "report", "measurement", "timestamp", "mlkemPublicKey"] {
        assert!(first[field].is_string(), "{field}");
    }
}

/// The path of the older system's successor answers the same.
#[tokio::test]
async fn chest_is_secret() {
    let vault = TestVault::new();
    let payload = vault.seal(b"alice's").await.to_json();
    let body = crate::support::store_body(&payload, &[&wallet(1)]);
    let slot = vault.call("POST", "/chest/store", &[], &body).await.slot();
    let headers = vault.sign(&wallet(1), &[]).await;
    let opened = vault.call("GET", &format!("/chest/access/{slot}"), &headers, b"").await;
    assert_eq!(opened.body["secret"], "alice's");
    assert_eq!(vault.access(slot, &wallet(1)).await.body["secret"], "alice's");
}

/// The settings that are shown are those that the evidence binds.
#[tokio::test]
async fn the_settings_are_those_of_the_evidence() {
    let vault = TestVault::new();
    let shown = vault.call("GET", "/attestation/configuration", &[], b"").await;
    assert_eq!(shown.status, 200);
    let configuration: strongroom_attest::Configuration =
        serde_json::from_value(shown.body).expect("the settings");
    let evidence = vault.call("GET", "/attestation", &[], b"").await.body;
    assert_eq!(evidence["configDigest"], hex::encode(configuration.digest()));
}
