//! Wallets' backups: only their owner can store them, and nobody can put an older version back.

use crate::support::{Answer, RunningVault, TestVault, ask, wallet};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use strongroom::backup::{
    Archive, BackupContent, CapsuleKem, DateOrder, DatedMessage, Keys, PayloadCipher, Position, SignedBackup,
    UserId,
};
use strongroom::mnemonic::Mnemonic;
use strongroom::sign_in::Act;
use strongroom::slh_dsa::{Context, Signature};
use strongroom_server::limits::Rate;
use strongroom_testkit::rng;
use time::Duration;

const WORDS: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const USER: UserId = UserId::from_bytes([0xAB; 16]);
const OTHER_USER: UserId = UserId::from_bytes([0xCD; 16]);

fn mnemonic() -> Mnemonic {
    Mnemonic::parse(WORDS, "").unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn native(account: u32) -> Keys {
    Keys::strongroom(&mnemonic(), account)
}

fn compatible(index: u32) -> Keys {
    Keys::compatible(&mnemonic(), index)
}

fn archive() -> Archive {
    Archive::from_json(br#"{"accounts":[]}"#).expect("JSON")
}

/// A compatible backup. Each call encrypts again, so each payload is new.
fn payload(keys: &Keys) -> SignedBackup {
    archive().sign_compatible(keys, CapsuleKem::MlKem768, PayloadCipher::XSalsa20Poly1305, &mut rng())
}

fn at(keys: &Keys, position: &Position) -> SignedBackup {
    archive().sign(keys, position, 1_800_000_000, &mut rng())
}

/// The native version that follows another one.
fn after(keys: &Keys, backup: &SignedBackup) -> SignedBackup {
    at(keys, &Position::after(backup.statement().expect("native")).expect("a next one"))
}

fn path(keys: &Keys, user: UserId) -> String {
    format!("/backups/{}/users/{user}", keys.public_key())
}

async fn upload(vault: &TestVault, keys: &Keys, user: UserId, backup: &SignedBackup) -> Answer {
    vault.call("POST", &path(keys, user), &[], backup.to_json().as_bytes()).await
}

fn assert_ok(answer: &Answer) {
    assert_eq!((answer.status, &answer.body), (200, &json!({ "message": "Ok" })));
}

/// The body of a query with a message that these keys sign.
fn query(vault: &TestVault, keys: &Keys, message: DatedMessage, spelling: DateOrder, rest: Value) -> Value {
    let text = message.on(vault.now(), spelling);
    let mut body = rest;
    body["signature"] = keys.signing_key().sign(Context::NONE, text.as_bytes()).to_string().into();
    body
}

async fn ask_query(vault: &TestVault, keys: &Keys, body: &Value) -> Answer {
    let path = format!("/backups/{}/query", keys.public_key());
    vault.call("POST", &path, &[], body.to_string().as_bytes()).await
}

async fn read(vault: &TestVault, keys: &Keys, user: UserId, rest: Value) -> Answer {
    let mut rest = rest;
    rest["userId"] = user.to_string().into();
    let body = query(vault, keys, DatedMessage::Read(user), DateOrder::YearFirst, rest);
    ask_query(vault, keys, &body).await
}

async fn delete(vault: &TestVault, keys: &Keys, user: UserId) -> Answer {
    let body = query(vault, keys, DatedMessage::Delete(user), DateOrder::YearFirst, json!({}));
    vault.call("DELETE", &path(keys, user), &[], body.to_string().as_bytes()).await
}

/// The stored version, verified and opened as a client does.
fn restored(answer: &Answer, keys: &Keys) -> Vec<u8> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let backup = SignedBackup::from_json(answer.body["backup"].to_string().as_bytes()).expect("a backup");
    let verified = backup.verify(&keys.public_key()).expect("the owner's");
    verified.restore(keys).unwrap_or_else(|error| panic!("{error}")).archive.expose().to_vec()
}

/// The numbers in a list of versions.
fn numbers(answer: &Answer) -> Vec<u64> {
    let versions = answer.body["versions"].as_array().expect("a list");
    versions.iter().map(|version| version["version"].as_u64().expect("a number")).collect()
}

async fn version(vault: &TestVault, keys: &Keys, user: UserId) -> u64 {
    read(vault, keys, user, json!({})).await.body["backup"]["version"].as_u64().expect("a version")
}

#[tokio::test]
async fn a_field_wallet_uploads_lists_reads_and_deletes() {
    let vault = TestVault::new();
    let keys = compatible(0);
    let backup = payload(&keys);
    assert_ok(&upload(&vault, &keys, USER, &backup).await);
    for spelling in [DateOrder::YearFirst, DateOrder::MonthFirst] {
        let list = query(&vault, &keys, DatedMessage::List(keys.public_key()), spelling, json!({}));
        let listed = ask_query(&vault, &keys, &list).await;
        assert_eq!(listed.status, 200, "{}", listed.body);
        assert_eq!(listed.body["backups"].as_array().map(Vec::len), Some(1));
        assert_eq!(listed.body["backups"][0]["userId"], USER.to_string());
        assert!(listed.body["backups"][0]["updatedAt"].as_str().expect("a time").ends_with('Z'));
    }
    let found = read(&vault, &keys, USER, json!({})).await;
    assert_eq!(restored(&found, &keys), archive().expose());
    let BackupContent::Compatible { payload } = backup.content() else { panic!("compatible") };
    assert_eq!(found.body["backup"]["payload"], format!("0x{}", hex::encode(payload)));
    assert_ok(&delete(&vault, &keys, USER).await);
    assert_eq!(read(&vault, &keys, USER, json!({})).await.code(), (404, "backup_not_found"));
    // Deleting a backup that is not there succeeds.
    assert_ok(&delete(&vault, &keys, USER).await);
    assert_ok(&delete(&vault, &keys, OTHER_USER).await);
}

#[tokio::test]
async fn keys_and_user_ids_are_taken_in_either_case() {
    let vault = TestVault::new();
    let keys = compatible(0);
    let upper = |path: String| path.replace("0x", "§").to_uppercase().replace('§', "0x");
    let path = format!("/backups/{}/users/{}", upper(keys.public_key().to_string()), upper(USER.to_string()));
    assert_ok(&vault.call("POST", &path, &[], payload(&keys).to_json().as_bytes()).await);
    assert_eq!(version(&vault, &keys, USER).await, 1);
}

/// Guard: the signature is verified before anything is stored (backups/routes.rs, `upload`).
#[tokio::test]
async fn a_signature_that_does_not_verify_changes_nothing() {
    let vault = TestVault::new();
    let (keys, others) = (compatible(0), compatible(1));
    let (first, second) = (payload(&keys), payload(&keys));
    assert_ok(&upload(&vault, &keys, USER, &first).await);
    let over_another = SignedBackup::from_parts(second.content().clone(), first.signature().clone());
    let mut altered = second.signature().as_bytes().to_vec();
    altered[30_000] ^= 1;
    let altered = Signature::from_bytes(altered).expect("its length");
    let altered = SignedBackup::from_parts(second.content().clone(), altered);
    for bad in [payload(&others), over_another, altered] {
        assert_eq!(upload(&vault, &keys, USER, &bad).await.code(), (401, "bad_signature"));
        assert_eq!(upload(&vault, &keys, OTHER_USER, &bad).await.code(), (401, "bad_signature"));
    }
    assert_eq!(version(&vault, &keys, USER).await, 1);
    assert_eq!(read(&vault, &keys, OTHER_USER, json!({})).await.code(), (404, "backup_not_found"));
    // The refused upload has not taken the digest either.
    assert_ok(&upload(&vault, &keys, USER, &second).await);
}

#[tokio::test]
async fn what_is_no_upload_is_refused_by_name() {
    let vault = TestVault::new();
    let keys = compatible(0);
    let signature = format!("0x{}", "00".repeat(49_856));
    let body = |payload: &str, signature: &str| json!({ "payload": payload, "signature": signature });
    let send = async |path: &str, body: Value| {
        vault.call("POST", path, &[], body.to_string().as_bytes()).await.body.clone()
    };
    let path = path(&keys, USER);
    for (payload, cut, code, says) in [
        ("0xzz", &signature[..], "malformed_backup", "payload"),
        ("0x000", &signature[..], "malformed_backup", "payload"),
        ("00", &signature[..], "malformed_backup", "payload"),
        ("0x", &signature[..], "malformed_backup", "JSON object"),
        ("0x02f8", &signature[..], "malformed_backup", "JSON object"),
        ("0x00", &signature[..99_712], "malformed_signature", "49855"),
        ("0x00", &format!("{signature}00")[..], "malformed_signature", "49857"),
        ("0x00", &signature[..99_713], "malformed_signature", "hex"),
        ("0x00", "", "malformed_signature", "hex"),
    ] {
        let answer = send(&path, body(payload, cut)).await;
        assert_eq!((&answer["statusCode"], &answer["code"]), (&400.into(), &code.into()), "{payload}");
        assert!(answer["message"].as_str().expect("text").contains(says), "{answer}");
    }
    assert_eq!(send(&path, json!({ "payload": "0x00" })).await["code"], "malformed_backup");
    assert_eq!(send(&path, json!({ "payload": 1, "signature": "0x" })).await["code"], "malformed_request");
    assert_eq!(send(&path, json!([])).await["code"], "malformed_request");
    let good = || body("0x00", &signature);
    for user in ["", "1", "not-a-uuid", &USER.to_string().replace('-', ""), &format!("{USER}0")] {
        let path = format!("/backups/{}/users/{user}", keys.public_key());
        let answer = send(&path, good()).await;
        let expected = if user.is_empty() { "no_such_route" } else { "malformed_user_id" };
        assert_eq!(answer["code"], expected, "{user}");
    }
    for key in ["0x00", &keys.public_key().to_string()[2..], "x"] {
        let answer = send(&format!("/backups/{key}/users/{USER}"), good()).await;
        assert_eq!(answer["code"], "malformed_public_key", "{key}");
    }
    let query = json!({ "signature": signature, "version": 1 });
    assert_eq!(ask_query(&vault, &keys, &query).await.code(), (400, "malformed_request"));
    let query = json!({ "signature": signature, "userId": USER.to_string(), "version": 0 });
    assert_eq!(ask_query(&vault, &keys, &query).await.code(), (400, "malformed_query"));
    // A mistyped parameter must not give another version than the one that was asked for.
    for query in ["versoin=1", "version=0", "version=x", "version=", "version=1&version=2", "version=1&x"] {
        let answer = vault.call("GET", &format!("{path}?{query}"), &[], b"").await;
        assert_eq!(answer.code(), (400, "malformed_query"), "{query}");
    }
}

/// Guard: a payload is taken once (store, `push`; backups/versions.rs, the digest's tag).
#[tokio::test]
async fn a_recorded_upload_is_not_put_back() {
    let vault = TestVault::new();
    let keys = compatible(0);
    let (first, second) = (payload(&keys), payload(&keys));
    assert_ok(&upload(&vault, &keys, USER, &first).await);
    assert_ok(&upload(&vault, &keys, USER, &first).await);
    assert_eq!(version(&vault, &keys, USER).await, 1, "a retry makes no version");
    assert_ok(&upload(&vault, &keys, USER, &second).await);
    let superseded = (409, "backup_superseded");
    assert_eq!(upload(&vault, &keys, USER, &first).await.code(), superseded);
    // Another user id does not help, although the signature does not cover the user id.
    assert_eq!(upload(&vault, &keys, OTHER_USER, &second).await.code(), superseded);
    assert_ok(&delete(&vault, &keys, USER).await);
    for recorded in [&first, &second] {
        assert_eq!(upload(&vault, &keys, USER, recorded).await.code(), superseded, "after its deletion");
    }
    vault.pass_time(Duration::days(8));
    assert_eq!(upload(&vault, &keys, USER, &second).await.code(), superseded, "and for ever");
    assert_ok(&upload(&vault, &keys, USER, &payload(&keys)).await);
    assert_eq!(version(&vault, &keys, USER).await, 3, "numbers go on");
}

/// Guard: dated messages name the act, the backup and the day (backups/grant.rs, `by_message`).
#[tokio::test]
async fn a_dated_message_is_of_its_day_its_act_its_key_and_its_backup() {
    let vault = TestVault::new();
    let (keys, others) = (compatible(0), compatible(1));
    assert_ok(&upload(&vault, &keys, USER, &payload(&keys)).await);
    let bad = (401, "bad_signature");
    let reading = query(
        &vault,
        &keys,
        DatedMessage::Read(USER),
        DateOrder::YearFirst,
        json!({ "userId": USER.to_string() }),
    );
    assert_eq!(ask_query(&vault, &keys, &reading).await.status, 200);
    // The path of another key.
    assert_eq!(ask_query(&vault, &others, &reading).await.code(), bad);
    // Another backup, another act.
    let mut other = reading.clone();
    other["userId"] = OTHER_USER.to_string().into();
    assert_eq!(ask_query(&vault, &keys, &other).await.code(), bad);
    let mut deleting = reading.clone();
    deleting["delete"] = true.into();
    assert_eq!(ask_query(&vault, &keys, &deleting).await.code(), bad);
    let mut listing = reading.clone();
    listing.as_object_mut().expect("an object").remove("userId");
    assert_eq!(ask_query(&vault, &keys, &listing).await.code(), bad);
    // Two days later, and two days ago.
    vault.pass_time(Duration::days(2));
    assert_eq!(ask_query(&vault, &keys, &reading).await.code(), bad);
    let future = read(&vault, &keys, USER, json!({}));
    assert_eq!(future.await.status, 200);
    let ahead = query(
        &vault,
        &keys,
        DatedMessage::Read(USER),
        DateOrder::MonthFirst,
        json!({ "userId": USER.to_string() }),
    );
    vault.pass_time(Duration::days(-2));
    assert_eq!(ask_query(&vault, &keys, &ahead).await.code(), bad);
}

/// Guard: counter and previous digest follow the last version (backups/versions.rs, `relation`).
#[tokio::test]
async fn a_native_version_follows_the_one_before() {
    let vault = TestVault::new();
    let keys = native(0);
    let first = at(&keys, &Position::first(USER));
    let second = after(&keys, &first);
    let third = after(&keys, &second);
    let gap = (409, "backup_counter");
    assert_eq!(upload(&vault, &keys, USER, &second).await.code(), gap, "before the first");
    assert_ok(&upload(&vault, &keys, USER, &first).await);
    assert_ok(&upload(&vault, &keys, USER, &first).await);
    assert_eq!(upload(&vault, &keys, USER, &third).await.code(), gap);
    let skipped = Position::new(USER, 3, *second.statement().expect("native").position().previous());
    let skipped = at(&keys, &skipped.expect("a counter"));
    assert_eq!(upload(&vault, &keys, USER, &skipped).await.code(), gap, "after the right one, with a gap");
    // The counter is right, and the previous digest is another version's.
    let fork = after(&keys, &at(&keys, &Position::first(USER)));
    assert_eq!(upload(&vault, &keys, USER, &fork).await.code(), gap);
    assert_ok(&upload(&vault, &keys, USER, &second).await);
    assert_eq!(upload(&vault, &keys, USER, &first).await.code(), gap, "an older one");
    assert_eq!(version(&vault, &keys, USER).await, 2);
    let versions = read(&vault, &keys, USER, json!({ "versions": true })).await;
    let next = &versions.body["next"];
    assert_eq!(next["counter"], 3);
    assert_eq!(next["previous"], hex::encode(second.statement().expect("native").digest()));
    assert_ok(&delete(&vault, &keys, USER).await);
    for recorded in [&first, &second] {
        assert_eq!(upload(&vault, &keys, USER, recorded).await.code(), gap, "after its deletion");
    }
    assert_ok(&upload(&vault, &keys, USER, &third).await);
    let found = read(&vault, &keys, USER, json!({})).await;
    assert_eq!(restored(&found, &keys), archive().expose());
}

/// Guard: the statement is compared with path, key and envelope (backups/routes.rs, `upload`;
/// `SignedBackup::verify`).
#[tokio::test]
async fn a_statement_is_of_its_owner_its_user_and_its_envelope() {
    let vault = TestVault::new();
    let (keys, others) = (native(0), native(1));
    let backup = at(&keys, &Position::first(USER));
    let wrong = (401, "wrong_statement");
    assert_eq!(upload(&vault, &keys, OTHER_USER, &backup).await.code(), wrong);
    assert_eq!(upload(&vault, &others, USER, &backup).await.code(), wrong);
    let BackupContent::Native { statement, .. } = backup.content().clone() else { panic!("native") };
    let BackupContent::Native { envelope, .. } = at(&keys, &Position::first(USER)).content().clone() else {
        panic!("native")
    };
    let mixed =
        SignedBackup::from_parts(BackupContent::Native { envelope, statement }, backup.signature().clone());
    assert_eq!(upload(&vault, &keys, USER, &mixed).await.code(), wrong);
    let other = at(&keys, &Position::first(USER));
    let forged = SignedBackup::from_parts(other.content().clone(), backup.signature().clone());
    assert_eq!(upload(&vault, &keys, USER, &forged).await.code(), (401, "bad_signature"));
    assert_ok(&upload(&vault, &keys, USER, &backup).await);
}

/// Guard: all versions of a backup have one form (backups/versions.rs, `relation`). Otherwise a
/// recorded compatible upload could follow a native version.
#[tokio::test]
async fn a_series_has_one_form() {
    let vault = TestVault::new();
    let keys = native(0);
    assert_ok(&upload(&vault, &keys, USER, &at(&keys, &Position::first(USER))).await);
    assert_eq!(upload(&vault, &keys, USER, &payload(&keys)).await.code(), (409, "backup_form"));
    assert_ok(&upload(&vault, &keys, OTHER_USER, &payload(&keys)).await);
    let native_there = at(&keys, &Position::first(OTHER_USER));
    assert_eq!(upload(&vault, &keys, OTHER_USER, &native_there).await.code(), (409, "backup_form"));
}

#[tokio::test]
async fn the_last_versions_are_kept_and_what_is_deleted_for_a_week() {
    let vault = TestVault::with(|config| {
        config.limits.backup_versions = NonZeroU32::new(2).expect("two");
    });
    let keys = compatible(0);
    for _ in 0..3 {
        assert_ok(&upload(&vault, &keys, USER, &payload(&keys)).await);
    }
    assert_eq!(numbers(&read(&vault, &keys, USER, json!({ "versions": true })).await), [3, 2]);
    assert_eq!(read(&vault, &keys, USER, json!({ "version": 2 })).await.body["backup"]["version"], 2);
    for gone in [1, 4] {
        let answer = read(&vault, &keys, USER, json!({ "version": gone })).await;
        assert_eq!(answer.code(), (404, "backup_not_found"));
    }
    assert_ok(&delete(&vault, &keys, USER).await);
    let listing =
        query(&vault, &keys, DatedMessage::List(keys.public_key()), DateOrder::YearFirst, json!({}));
    assert_eq!(ask_query(&vault, &keys, &listing).await.body["backups"], json!([]));
    let listed = read(&vault, &keys, USER, json!({ "versions": true })).await;
    assert_eq!(numbers(&listed), [3, 2]);
    assert!(listed.body["versions"][0]["deletedAt"].is_string());
    let found = read(&vault, &keys, USER, json!({ "version": 3 })).await;
    assert_eq!(restored(&found, &keys), archive().expose(), "until a week has passed");
    vault.pass_time(Duration::days(7));
    assert_eq!(numbers(&read(&vault, &keys, USER, json!({ "versions": true })).await), [0_u64; 0]);
    let answer = read(&vault, &keys, USER, json!({ "version": 3 })).await;
    assert_eq!(answer.code(), (404, "backup_not_found"), "also before it is swept");
}

/// Guard: what an owner may store is counted (backups/quota.rs, `prune`).
#[tokio::test]
async fn an_owner_has_a_quota() {
    let keys = compatible(0);
    let vault = TestVault::with(|config| config.limits.backup_bytes = Some(120_000));
    // Each version has some 52 KB, so a newer one takes the oldest one's place.
    for _ in 0..3 {
        assert_ok(&upload(&vault, &keys, USER, &payload(&keys)).await);
    }
    assert_eq!(numbers(&read(&vault, &keys, USER, json!({ "versions": true })).await), [3, 2]);
    // An upload under one user id removes no version under another.
    let answer = upload(&vault, &keys, OTHER_USER, &payload(&keys)).await;
    assert_eq!(answer.code(), (413, "backup_quota"));
    assert_eq!(version(&vault, &keys, USER).await, 3, "what was there is there");
    assert_ok(&upload(&vault, &compatible(1), USER, &payload(&compatible(1))).await);
    // Deleted versions have the same room once more. Beyond it, the oldest of them go.
    assert_ok(&delete(&vault, &keys, USER).await);
    assert_ok(&upload(&vault, &keys, OTHER_USER, &payload(&keys)).await);
    for _ in 0..3 {
        assert_ok(&delete(&vault, &keys, OTHER_USER).await);
        assert_ok(&upload(&vault, &keys, OTHER_USER, &payload(&keys)).await);
    }
    assert_eq!(numbers(&read(&vault, &keys, OTHER_USER, json!({ "versions": true })).await), [4, 3]);
    assert_eq!(numbers(&read(&vault, &keys, USER, json!({ "versions": true })).await), [3, 2]);

    let vault = TestVault::with(|config| config.limits.backup_bytes = Some(10_000));
    let answer = upload(&vault, &keys, USER, &payload(&keys)).await;
    assert_eq!(answer.code(), (413, "backup_quota"));
    let text = answer.body["message"].as_str().expect("text");
    assert!(text.contains("make it smaller"), "{text}");

    let vault = TestVault::with(|config| config.limits.backup_user_ids = 1);
    assert_ok(&upload(&vault, &keys, USER, &payload(&keys)).await);
    assert_ok(&upload(&vault, &keys, USER, &payload(&keys)).await);
    let answer = upload(&vault, &keys, OTHER_USER, &payload(&keys)).await;
    assert_eq!(answer.code(), (413, "backup_quota"));
}

#[tokio::test]
async fn uploads_are_counted_by_owner_and_by_address() {
    let keys = compatible(0);
    let vault = TestVault::with(|config| config.limits.backups_an_hour = NonZeroU32::new(1));
    assert_ok(&upload(&vault, &keys, USER, &payload(&keys)).await);
    let refused = upload(&vault, &keys, USER, &payload(&keys)).await;
    assert_eq!(refused.code(), (429, "too_many_requests"));
    assert!(refused.headers.contains_key("retry-after"));
    // The rate counts all user ids together, for an hour.
    assert_eq!(upload(&vault, &keys, OTHER_USER, &payload(&keys)).await.code(), (429, "too_many_requests"));
    vault.pass_time(Duration::hours(1));
    let last = payload(&keys);
    assert_ok(&upload(&vault, &keys, USER, &last).await);
    vault.pass_time(Duration::hours(1));
    // An upload that somebody else sends again does not count for the owner.
    for _ in 0..3 {
        assert_ok(&upload(&vault, &keys, USER, &last).await);
    }
    assert_ok(&upload(&vault, &keys, USER, &payload(&keys)).await);
    assert_ok(&upload(&vault, &compatible(1), USER, &payload(&compatible(1))).await);
    let vault = TestVault::with(|config| config.limits.anonymous_bytes_a_day = Some(200 * 1024));
    assert_ok(&upload(&vault, &keys, USER, &payload(&keys)).await);
    let refused = upload(&vault, &keys, USER, &payload(&keys)).await;
    assert_eq!(refused.code(), (429, "anonymous_quota"));
    assert_eq!(version(&vault, &keys, USER).await, 1);
}

/// Guard: verifications are counted by address before they run (verifier.rs, `admit_verification`).
#[tokio::test]
async fn verifications_are_counted_by_address() {
    let vault = TestVault::with(|config| {
        config.limits.verification_rate = Rate::new(1);
        config.trusted_hops = 1;
    });
    let keys = compatible(0);
    let body = json!({ "signature": format!("0x{}", "00".repeat(49_856)) }).to_string();
    let path = format!("/backups/{}/query", keys.public_key());
    let from = async |client: &str| {
        vault.call("POST", &path, &[("x-forwarded-for", client.to_owned())], body.as_bytes()).await
    };
    let mut tried = 0;
    let refused = loop {
        let answer = from("192.0.2.1").await;
        if answer.code() != (401, "bad_signature") {
            break answer;
        }
        tried += 1;
        assert!(tried < 100, "nobody is refused");
    };
    assert_eq!(refused.code(), (429, "too_many_requests"));
    assert_eq!(from("192.0.2.2").await.code(), (401, "bad_signature"));
    // Requests that need no verification are not counted there.
    let cheap = vault.call("GET", "/openapi.json", &[("x-forwarded-for", "192.0.2.1".to_owned())], b"").await;
    assert_eq!(cheap.status, 200);
}

#[tokio::test]
async fn what_verifications_cost_is_for_the_operator_to_see() {
    let vault = TestVault::new();
    let ports = vault.listen(None).await;
    let keys = compatible(0);
    let backup = payload(&keys);
    assert_ok(&upload(&vault, &keys, USER, &backup).await);
    assert_ok(&upload(&vault, &keys, USER, &backup).await);
    assert_eq!(upload(&vault, &compatible(1), USER, &backup).await.code(), (401, "bad_signature"));
    let figures = ports.metrics().await;
    let value = |name: &str| {
        let line = figures.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().parse::<f64>().expect("a number")
    };
    let of = |what: &str, outcome: &str| {
        value(&format!(r#"strongroom_slh_dsa_verification_seconds_{what}{{outcome="{outcome}"}}"#))
    };
    assert_eq!((of("count", "valid"), of("count", "invalid")), (2.0, 1.0));
    assert!(of("sum", "valid") > 0.0001, "a good part of a millisecond each");
    assert_eq!(value("strongroom_slh_dsa_verifications_active"), 0.0);
    for name in [keys.public_key().to_string(), USER.to_string()] {
        assert!(!figures.contains(&name), "nobody is named");
    }
}

/// Guard: records are bound to their place (storage/records.rs, `aad`).
#[tokio::test]
async fn rows_that_are_swapped_or_altered_are_refused() {
    let vault = TestVault::new();
    let keys = compatible(0);
    for _ in 0..2 {
        assert_ok(&upload(&vault, &keys, USER, &payload(&keys)).await);
    }
    assert_ok(&upload(&vault, &keys, OTHER_USER, &payload(&keys)).await);
    let database = vault.database();
    let damaged = (500, "record_damaged");
    // An older version is put in the newer one's place.
    database
        .execute_batch(
            "CREATE TEMP TABLE kept AS SELECT * FROM backup_version;
             UPDATE backup_version SET record = (SELECT record FROM kept
                 WHERE kept.series = backup_version.series AND kept.number = 1)
             WHERE number = 2",
        )
        .expect("swapped by hand");
    assert_eq!(read(&vault, &keys, USER, json!({})).await.code(), damaged);
    assert_eq!(read(&vault, &keys, OTHER_USER, json!({})).await.status, 200, "the others are served");
    database
        .execute_batch("UPDATE backup_version SET record = (SELECT record FROM kept WHERE kept.rowid = backup_version.rowid)")
        .expect("put back");
    assert_eq!(read(&vault, &keys, USER, json!({})).await.status, 200);
    // A head of another revision, or of another backup.
    database
        .execute("UPDATE backup_series SET revision = revision + 1 WHERE revision = 2", [])
        .expect("altered");
    assert_eq!(read(&vault, &keys, USER, json!({})).await.code(), damaged);
    assert_eq!(upload(&vault, &keys, USER, &payload(&keys)).await.code(), damaged);
    database.execute("UPDATE backup_series SET revision = 2 WHERE revision = 3", []).expect("put back");
    assert_eq!(version(&vault, &keys, USER).await, 2);
}

/// Guard: the list compares the owner inside the record (backups/versions.rs, `heads_of`).
#[tokio::test]
async fn an_owners_tag_that_is_moved_lists_nothing() {
    let vault = TestVault::new();
    let (keys, mallory) = (compatible(0), compatible(1));
    assert_ok(&upload(&vault, &keys, USER, &payload(&keys)).await);
    assert_ok(&upload(&vault, &mallory, OTHER_USER, &payload(&mallory)).await);
    let database = vault.database();
    let tags: Vec<Vec<u8>> = database
        .prepare("SELECT DISTINCT owner FROM backup_series")
        .expect("a table")
        .query_map([], |row| row.get(0))
        .expect("rows")
        .collect::<Result<_, _>>()
        .expect("tags");
    for tag in tags {
        database.execute("UPDATE backup_series SET owner = ?1", [tag]).expect("edited");
        let listing = query(
            &vault,
            &mallory,
            DatedMessage::List(mallory.public_key()),
            DateOrder::YearFirst,
            json!({}),
        );
        let listed = ask_query(&vault, &mallory, &listing).await;
        for backup in listed.body["backups"].as_array().expect("a list") {
            assert_eq!(backup["userId"], OTHER_USER.to_string());
        }
    }
}

#[tokio::test]
async fn a_signature_in_the_uri_is_advised_where_to_go() {
    let vault = TestVault::new();
    let keys = compatible(0);
    let list = format!("/backups/{}", keys.public_key());
    let one = path(&keys, USER);
    for (method, path) in
        [("GET", &list), ("GET", &one), ("POST", &one), ("DELETE", &one), ("GET", &format!("{one}/versions"))]
    {
        let path = format!("{path}?signature=0xabcd");
        let answer = vault.call(method, &path, &[], b"").await;
        assert_eq!(answer.code(), (414, "signature_in_uri"), "{method}");
        let advice = answer.body["message"].as_str().expect("text");
        assert!(advice.contains("/query") && advice.contains("/auth/session"), "{advice}");
    }
}

/// Guard: the listener cuts a URI that the HTTP parser would refuse (http/signature_in_uri.rs).
#[test]
fn a_whole_signature_in_the_uri_is_advised_too() {
    let vault = RunningVault::start();
    let address = vault.url.trim_start_matches("http://localhost:");
    let address = format!("127.0.0.1:{address}").parse().expect("an address");
    let target = format!("/backups/{}?signature=0x{}", compatible(0).public_key(), "ab".repeat(49_856));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answer = runtime.block_on(ask(address, &request));
    assert!(answer.starts_with("HTTP/1.1 414 "), "{answer}");
    assert!(answer.contains("signature_in_uri") && answer.contains("/auth/session"), "{answer}");
}

/// A client that does not sign in learns nothing of what is there.
#[tokio::test]
async fn reading_needs_a_session_and_no_wallet_has_one() {
    let vault = TestVault::new();
    let keys = compatible(0);
    assert_ok(&upload(&vault, &keys, USER, &payload(&keys)).await);
    for path in [path(&keys, USER), path(&keys, OTHER_USER), format!("/backups/{}", keys.public_key())] {
        for headers in [vec![], vault.sign(&wallet(1), &[Act::Backups]).await] {
            let answer = vault.call("GET", &path, &headers, b"").await;
            assert_eq!(answer.code(), (401, "sign_in_required"));
        }
    }
    assert_eq!(vault.call("DELETE", &path(&keys, USER), &[], b"").await.code(), (401, "sign_in_required"));
}
