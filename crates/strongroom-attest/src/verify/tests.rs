use super::*;
use strongroom::key::DecapsulationKey;

const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
const NONCE: [u8; 32] = [4; 32];
const ASKED: Challenge = Challenge { purpose: Purpose::Service, nonce: Some(NONCE), tls_spki_sha256: None };

fn evidence_with(change: impl FnOnce(&mut Claims<'_>)) -> Evidence {
    let key = DecapsulationKey::from_seed(&[1; 64]).encapsulation_key();
    let mut claims = Claims {
        purpose: Purpose::Service,
        vault_id: [2; 32],
        epoch: 1,
        encapsulation_key: &key,
        key_origin: KeyOrigin::Generated,
        config_digest: [3; 32],
        tls_spki_sha256: None,
        nonce: NONCE,
        timestamp: "1970-01-01T00:00:00Z".to_owned(),
    };
    change(&mut claims);
    none::evidence(&claims)
}

fn no_tee() -> AppraisalPolicy {
    AppraisalPolicy { allow_no_tee: true, ..AppraisalPolicy::default() }
}

fn refusal(evidence: &Evidence, policy: &AppraisalPolicy) -> Refusal {
    verify(evidence, &ASKED, policy, NOW).expect_err("it must be refused")
}

#[test]
fn good_evidence_passes_and_carries_the_key() {
    let evidence = evidence_with(|claims| claims.tls_spki_sha256 = Some([5; 32]));
    let server = verify(&evidence, &ASKED, &no_tee(), NOW).expect("good evidence");
    assert_eq!(server.encapsulation_key().to_base64(), evidence.mlkem_public_key);
    assert_eq!((server.vault_id(), server.platform()), (&[2; 32], "none"));
    // Nobody signs that key.
    assert_eq!(server.tls_spki_sha256(), None);
    assert_eq!(refusal(&evidence, &AppraisalPolicy { tls_in_tee: true, ..no_tee() }), Refusal::TlsNotInTee);
}

#[test]
fn the_default_policy_wants_a_tee() {
    assert_eq!(refusal(&evidence_with(|_| ()), &AppraisalPolicy::default()), Refusal::NoTee);
}

/// Every field that a server shows is bound: evidence with a field that was changed later is
/// refused.
#[test]
fn every_shown_field_is_bound() {
    type Change = fn(&mut Evidence);
    let rows: [(&str, Change); 6] = [
        ("vaultId", |e| e.vault_id = "00".repeat(32)),
        ("epoch", |e| e.epoch = 2),
        ("mlkemPublicKey", |e| {
            let other = DecapsulationKey::from_seed(&[9; 64]).encapsulation_key();
            e.mlkem_public_key = other.to_base64();
            e.key_id = hex::encode(other.id().as_bytes());
        }),
        ("configDigest", |e| e.config_digest = "00".repeat(32)),
        ("tlsSpkiSha256", |e| e.tls_spki_sha256 = "00".repeat(32)),
        ("timestamp", |e| e.timestamp = "1970-01-01T00:00:01Z".to_owned()),
    ];
    for (field, change) in rows {
        let mut evidence = evidence_with(|_| ());
        change(&mut evidence);
        assert_eq!(refusal(&evidence, &no_tee()), Refusal::ReportData, "{field}");
    }
    // A report for one purpose cannot serve another.
    for purpose in [Purpose::Handoff, Purpose::Recovery] {
        let evidence = evidence_with(|claims| claims.purpose = purpose);
        assert_eq!(refusal(&evidence, &no_tee()), Refusal::ReportData, "{purpose:?}");
    }
    let mut imported = evidence_with(|claims| claims.key_origin = KeyOrigin::Imported);
    imported.key_origin = KeyOrigin::Generated;
    assert_eq!(refusal(&imported, &no_tee()), Refusal::ReportData);
}

#[test]
fn every_other_rule_has_its_refusal() {
    let changed = |change: fn(&mut Evidence)| {
        let mut evidence = evidence_with(|_| ());
        change(&mut evidence);
        refusal(&evidence, &no_tee())
    };
    assert_eq!(changed(|e| e.version = 2), Refusal::Version);
    assert_eq!(changed(|e| e.nonce = "00".repeat(32)), Refusal::Nonce);
    assert_eq!(changed(|e| e.key_id = "00".repeat(16)), Refusal::KeyId);
    assert_eq!(changed(|e| e.platform = "sgx".to_owned()), Refusal::UnknownPlatform);
    assert_eq!(changed(|e| e.report = "!".to_owned()), Refusal::Malformed { field: "report" });
    assert_eq!(changed(|e| e.vault_id = "00".to_owned()), Refusal::Malformed { field: "vaultId" });
    assert_eq!(changed(|e| e.timestamp = String::new()), Refusal::Malformed { field: "timestamp" });
    let field = "mlkemPublicKey";
    assert_eq!(changed(|e| e.mlkem_public_key = "AAAA".to_owned()), Refusal::Malformed { field });

    let imported = evidence_with(|claims| claims.key_origin = KeyOrigin::Imported);
    assert_eq!(refusal(&imported, &no_tee()), Refusal::ImportedKey);
    let other_vault = AppraisalPolicy { vault_id: Some([0; 32]), ..no_tee() };
    assert_eq!(refusal(&evidence_with(|_| ()), &other_vault), Refusal::VaultId);
    let other_config = AppraisalPolicy { config_digests: vec![[0; 32], [1; 32]], ..no_tee() };
    assert_eq!(refusal(&evidence_with(|_| ()), &other_config), Refusal::ConfigDigest);
}

#[test]
fn times_have_edges() {
    let at = |timestamp: &str, nonce: Option<[u8; 32]>| {
        let evidence = evidence_with(|claims| {
            claims.timestamp = timestamp.to_owned();
            claims.nonce = nonce.unwrap_or(NO_NONCE);
        });
        let challenge = Challenge { nonce, ..Challenge::default() };
        verify(&evidence, &challenge, &no_tee(), NOW).map(|_| ())
    };
    assert_eq!(at("1970-01-01T00:05:00Z", Some(NONCE)), Ok(()));
    assert_eq!(at("1970-01-01T00:05:01Z", Some(NONCE)), Err(Refusal::Timestamp));
    assert_eq!(at("1969-12-31T23:55:00Z", Some(NONCE)), Ok(()));
    assert_eq!(at("1969-12-31T23:54:59Z", Some(NONCE)), Err(Refusal::Timestamp));
    // A cached answer to nobody's nonce may be old.
    assert_eq!(at("1969-12-31T00:00:00Z", None), Ok(()));
}

#[test]
fn evidence_of_other_servers_with_five_fields_is_no_evidence() {
    let five = r#"{"platform":"none","report":"","measurement":"","timestamp":"","mlkemPublicKey":""}"#;
    assert_eq!(Evidence::from_json(five.as_bytes()), Err(Refusal::NoEvidence));
    assert_eq!(Evidence::from_json(&vec![b' '; 1024 * 1024 + 1]), Err(Refusal::Oversized));
}
