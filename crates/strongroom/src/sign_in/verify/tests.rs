//! The checks of a statement, each with its refusal.

use super::*;
use crate::backup::UserId;
use crate::sign_in::Draft;
use crate::slot::SlotId;
use crate::wallet::WalletKey;

fn wallet() -> WalletKey {
    WalletKey::from_bytes(&[7; 32]).expect("a scalar")
}

fn rules() -> Rules {
    Rules { origins: vec!["http://localhost:3000".parse().expect("an origin")], chain_ids: vec![] }
}

const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));

fn draft() -> Draft<'static> {
    Draft {
        domain: "localhost:3000",
        address: wallet().address(),
        statement: None,
        uri: "http://localhost:3000/anything?at=all",
        chain_id: 1,
        nonce: "abcdefgh",
        issued_at: NOW,
        expiration_time: None,
        resources: vec![],
    }
}

fn verify_text(text: &str, act: Act, rules: &Rules) -> Result<SignedIn, SignInError> {
    let statement = WalletStatement::parse(text).expect("a valid statement");
    statement.verify(&wallet().sign(text), &act, rules, NOW)
}

fn verify(draft: Draft<'_>, act: Act, rules: &Rules) -> Result<WalletAddress, SignInError> {
    verify_text(&draft.write().expect("a valid draft").to_string(), act, rules).map(|s| s.address())
}

const SLOT: SlotId = SlotId::from_bytes([1; 32]);

#[test]
fn a_signed_statement_signs_in() {
    assert_eq!(verify(draft(), Act::Slots, &rules()), Ok(wallet().address()));
}

#[test]
fn origins_are_the_configured_ones() {
    let other_domain = Draft { domain: "localhost", ..draft() };
    assert_eq!(verify(other_domain, Act::Slots, &rules()), Err(SignInError::Domain));
    for uri in [
        "http://localhost",
        "https://localhost:3000",
        "http://localhost:30001",
        "http://localhost:3000@evil.example",
        "urn:a:b",
    ] {
        assert_eq!(verify(Draft { uri, ..draft() }, Act::Slots, &rules()), Err(SignInError::Uri), "{uri}");
    }
    let text = draft().write().expect("valid").to_string();
    assert!(verify_text(&format!("http://{text}"), Act::Slots, &rules()).is_ok());
    let other_scheme = verify_text(&format!("https://{text}"), Act::Slots, &rules());
    assert_eq!(other_scheme, Err(SignInError::Domain));
}

#[test]
fn chains_may_be_restricted() {
    let only_five = Rules { chain_ids: vec![5], ..rules() };
    assert_eq!(verify(draft(), Act::Slots, &only_five), Err(SignInError::Chain));
    assert!(verify(Draft { chain_id: 5, ..draft() }, Act::Slots, &only_five).is_ok());
}

#[test]
fn times_have_edges() {
    let issued = |seconds| {
        verify(Draft { issued_at: NOW + Duration::seconds(seconds), ..draft() }, Act::Slots, &rules())
    };
    assert!(issued(120).is_ok());
    assert_eq!(issued(121), Err(SignInError::IssuedInFuture));
    assert!(issued(-420).is_ok());
    assert_eq!(issued(-421), Err(SignInError::IssuedTooLongAgo));
    let expires = |seconds| {
        verify(
            Draft { expiration_time: Some(NOW + Duration::seconds(seconds)), ..draft() },
            Act::Slots,
            &rules(),
        )
    };
    assert!(expires(1).is_ok());
    assert_eq!(expires(0), Err(SignInError::Expired));
    let not_before = |time: &str| {
        let text = format!("{}\nNot Before: {time}", draft().write().expect("valid"));
        verify_text(&text, Act::Slots, &rules())
    };
    assert!(not_before("2024-10-04T00:00:00Z").is_ok());
    assert_eq!(not_before("2024-10-04T00:00:01Z"), Err(SignInError::NotYet));
}

#[test]
fn a_statement_for_one_act_serves_no_other() {
    let acts = [
        Act::store(b"body"),
        Act::store(b"other body"),
        Act::Access(SLOT),
        Act::Access(SlotId::from_bytes([2; 32])),
        Act::Envelope(SLOT),
        Act::Slots,
        Act::put(SLOT, b"body"),
        Act::put(SLOT, b"other body"),
        Act::put(SlotId::from_bytes([2; 32]), b"body"),
        Act::Delete(SLOT),
        Act::Delete(SlotId::from_bytes([2; 32])),
        Act::SealTo { slot: SLOT, key_sha256: [1; 32] },
        Act::SealTo { slot: SLOT, key_sha256: [2; 32] },
        Act::SealTo { slot: SlotId::from_bytes([2; 32]), key_sha256: [1; 32] },
        Act::Backups,
        Act::DeleteBackup(UserId::from_bytes([1; 16])),
        Act::DeleteBackup(UserId::from_bytes([2; 16])),
    ];
    for signed in acts {
        for asked in acts {
            let bound = Draft { resources: vec![signed.resource()], ..draft() };
            let expected = if signed == asked { Ok(wallet().address()) } else { Err(SignInError::OtherAct) };
            assert_eq!(verify(bound, asked, &rules()), expected, "{signed:?} for {asked:?}");
        }
    }
    let both = Draft { resources: vec![Act::Slots.resource(), Act::Access(SLOT).resource()], ..draft() };
    assert_eq!(verify(both, Act::Slots, &rules()), Err(SignInError::OtherAct));
    let foreign = Draft { resources: vec!["urn:other:thing".to_owned()], ..draft() };
    assert!(verify(foreign.clone(), Act::Access(SLOT), &rules()).is_ok());
    assert_eq!(verify(foreign, Act::Delete(SLOT), &rules()), Err(SignInError::Unbound));
    assert_eq!(verify(draft(), Act::put(SLOT, b""), &rules()), Err(SignInError::Unbound));
}

#[test]
fn the_signature_must_be_the_addresss() {
    let statement = draft().write().expect("valid");
    let other = WalletKey::from_bytes(&[8; 32]).expect("a scalar");
    let verify = |signature: &WalletSignature| {
        statement.verify(signature, &Act::Slots, &rules(), NOW).map(|signed| signed.address())
    };
    assert_eq!(verify(&other.sign(&statement.to_string())), Err(SignInError::Signer));
    assert_eq!(verify(&wallet().sign("another text")), Err(SignInError::Signer));
    let mut nothing = [0; 65];
    nothing[64] = 27;
    let nothing = WalletSignature::from_bytes(&nothing).expect("the shape is right");
    assert_eq!(verify(&nothing), Err(SignInError::Signer));
}

#[test]
fn a_session_is_asked_for_by_the_key_that_the_statement_names() {
    let [key, other] = [1, 2].map(|n| crate::slh_dsa::SigningKey::from_seed(&[n; 96]));
    let draft = |resources| Draft {
        domain: "localhost:3000",
        address: key.public_key().owner(),
        statement: None,
        uri: "http://localhost:3000",
        chain_id: 1,
        nonce: "abcdefgh",
        issued_at: NOW,
        expiration_time: None,
        resources,
    };
    let scope = vec![Act::Backups.resource(), Act::Slots.resource()];
    let statement = draft([&scope[..], &["urn:other:thing".to_owned()]].concat()).write().expect("valid");
    let text = statement.to_string();
    let signature = key.sign(Context::SESSION, text.as_bytes());
    let asked = statement.verify(&key.public_key(), &signature, &rules(), NOW).expect("signed");
    assert_eq!((asked.owner(), asked.nonce()), (key.public_key().owner(), "abcdefgh"));
    assert_eq!(asked.scope(), scope);
    let signer = Err(SignInError::SlhDsaSigner);
    // Another key does not become the owner by signing, and a signature in another context does not
    // count.
    let by_other = other.sign(Context::SESSION, text.as_bytes());
    assert_eq!(statement.verify(&other.public_key(), &by_other, &rules(), NOW), signer);
    assert_eq!(statement.verify(&key.public_key(), &by_other, &rules(), NOW), signer);
    let backup = key.sign(Context::BACKUP, text.as_bytes());
    assert_eq!(statement.verify(&key.public_key(), &backup, &rules(), NOW), signer);
    let late = NOW + Duration::minutes(8);
    let verify = |now, rules: &Rules| statement.verify(&key.public_key(), &signature, rules, now);
    assert_eq!(verify(late, &rules()), Err(SignInError::IssuedTooLongAgo));
    assert_eq!(verify(NOW, &Rules { chain_ids: vec![5], ..rules() }), Err(SignInError::Chain));
    assert_eq!(verify(NOW, &Rules { origins: vec![], ..rules() }), Err(SignInError::Domain));
}
