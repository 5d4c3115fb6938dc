//! A server of backups that lies: the client accepts from it only what the owner signed, for the
//! user id and version that were asked for.

use serde_json::{Value, json};
use strongroom::backup::{Archive, CapsuleKem, Keys, PayloadCipher, Position, SignedBackup, UserId};
use strongroom::mnemonic::Mnemonic;
use strongroom::os_rng;
use strongroom_client::{BackupServer, ClientError};
use strongroom_testkit::canned;

const WORDS: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const USER: UserId = UserId::from_bytes([7; 16]);

/// Starts a server that gives a nonce, a token, and this answer to all other requests.
fn serve(answer: &Value) -> String {
    let answer = answer.clone();
    canned::serve(move |target| match target {
        "/auth/nonce" => json!({ "nonce": "abcdefgh" }),
        "/auth/session" => json!({ "token": "strongroom-session-1AAAA" }),
        _ => answer.clone(),
    })
}

fn keys(account: u32) -> Keys {
    Keys::strongroom(&Mnemonic::parse(WORDS, "").unwrap_or_else(|error| panic!("{error}")), account)
}

fn backup(keys: &Keys, user: UserId, counter: u64) -> SignedBackup {
    let archive = Archive::from_json(b"{}").expect("JSON");
    let position = Position::new(user, counter, [u8::from(counter > 1); 32]).expect("a counter");
    archive.sign(keys, &position, 1, &mut os_rng())
}

/// An answer that claims that a backup is this version.
fn as_version(backup: &SignedBackup, version: u64) -> Value {
    let mut fields: Value = serde_json::from_str(&backup.to_json()).expect("JSON");
    fields["userId"] = USER.to_string().into();
    fields["updatedAt"] = "2026-11-25T00:00:00Z".into();
    fields["version"] = version.into();
    json!({ "backup": fields })
}

#[test]
fn a_server_that_lies_is_noticed() {
    let (keys, others) = (keys(0), keys(1));
    let fetch = |answer: &Value, version| {
        let server = BackupServer::at(&serve(answer)).expect("a URL");
        server
            .sign_in(keys.signing_key(), &[])
            .expect("a token")
            .fetch(USER, version)
            .map(|found| found.version)
    };
    let second = backup(&keys, USER, 2);
    let good = as_version(&second, 2);
    assert_eq!(fetch(&good, None).ok(), Some(2));
    assert_eq!(fetch(&good, Some(2)).ok(), Some(2));
    let other_version = fetch(&good, Some(1));
    assert!(matches!(other_version, Err(ClientError::Answer(what)) if what.contains("another version")));
    // An older one as the newest.
    let older = fetch(&as_version(&backup(&keys, USER, 1), 2), None);
    assert!(matches!(older, Err(ClientError::Answer(what)) if what.contains("another number")), "{older:?}");
    let elsewhere = fetch(&as_version(&backup(&keys, UserId::from_bytes([8; 16]), 2), 2), None);
    assert!(matches!(elsewhere, Err(ClientError::Answer(what)) if what.contains("user id")), "{elsewhere:?}");
    let foreign = fetch(&as_version(&backup(&others, USER, 2), 2), None);
    assert!(matches!(foreign, Err(ClientError::Backup(_))), "{foreign:?}");
    let mut altered = good.clone();
    let signature = altered["backup"]["signature"].as_str().expect("hex").to_owned();
    altered["backup"]["signature"] =
        format!("{}{}", &signature[..signature.len() - 1], if signature.ends_with('0') { '1' } else { '0' })
            .into();
    assert!(matches!(fetch(&altered, None), Err(ClientError::Backup(_))));
    let mut compatible = Archive::from_json(b"{}").expect("JSON").sign_compatible(
        &others,
        CapsuleKem::MlKem768,
        PayloadCipher::Aes256Gcm,
        &mut os_rng(),
    );
    assert!(matches!(fetch(&as_version(&compatible, 2), None), Err(ClientError::Backup(_))));
    compatible = Archive::from_json(b"{}").expect("JSON").sign_compatible(
        &keys,
        CapsuleKem::MlKem768,
        PayloadCipher::Aes256Gcm,
        &mut os_rng(),
    );
    assert_eq!(
        fetch(&as_version(&compatible, 9), None).ok(),
        Some(9),
        "a compatible backup has no number of its own"
    );
    for nothing in [json!({}), json!({ "backup": {} }), json!({ "backup": { "version": 1 } })] {
        assert!(matches!(fetch(&nothing, None), Err(ClientError::Answer(_))), "{nothing}");
    }
}
