//! The promises of spec/storage.md §5. Each test is an attack that works if its guard is removed.
//! It names the guard; `./check guards` removes the guards one by one.

use crate::support::{TestVault, client_key, store_body, wallet};
use serde_json::{Value, json};
use strongroom::encoding::{base64, from_base64};
use strongroom::w3pk::{self, Generation};
use strongroom_testkit::{older_payload_json, rng};
use time::Duration;

/// Index of the vault's entry in a payload of `TestVault::seal`.
const VAULT: usize = 1;

fn edited(payload: &str, edit: impl FnOnce(&mut Value)) -> String {
    let mut value = serde_json::from_str(payload).expect("JSON");
    edit(&mut value);
    value.to_string()
}

/// Guard: `SqliteStore::insert` looks the tag up (sqlite/slots.rs, `holder`).
#[tokio::test]
async fn nobody_has_a_held_payload_opened_by_storing_it_again() {
    let vault = TestVault::new();
    let [alice, mallory] = [wallet(1), wallet(2)];
    let payload = vault.seal(b"alice's").await.to_json();
    let slot = vault.store(&payload, &[&alice]).await.slot();

    let stolen = [
        payload.clone(),
        // The same KEM ciphertext with another client entry, in another order, or with other
        // fields.
        edited(&payload, |p| p["recipients"].as_array_mut().expect("a list").reverse()),
        edited(&payload, |p| drop(p["recipients"].as_array_mut().expect("a list").remove(0))),
        edited(&payload, |p| p["note"] = json!("mine")),
    ];
    for payload in stolen {
        let answer = vault.store(&payload, &[&mallory]).await;
        assert_eq!(answer.code(), (409, "ciphertext_held"));
        let with_alice = vault.store(&payload, &[&alice, &mallory]).await;
        assert_eq!(with_alice.code(), (409, "ciphertext_held"));
    }
    assert_eq!(vault.access(slot, &mallory).await.code(), (404, "slot_not_found"));
    assert_eq!(vault.access(slot, &alice).await.body["secret"], "alice's");
}

/// Guard: one tag over all formats (secrets/storing.rs, `ciphertext_for_vault`, the arm of
/// `AnyPayload::Older`).
#[tokio::test]
async fn nor_transcoded_from_the_older_format_or_into_it() {
    let vault = TestVault::new();
    let [alice, mallory] = [wallet(1), wallet(2)];
    let key = vault.vault_key().await;
    let older = older_payload_json(key.as_bytes(), b"alice's");
    vault.store(&older, &[&alice]).await.slot();

    let older: Value = serde_json::from_str(&older).expect("JSON");
    let ciphertext = from_base64(older["ciphertext"].as_str().expect("base64")).expect("base64");
    // K xor 0 is K: the older payload as an entry of the first generation.
    let entry =
        json!({ "publicKey": key.to_base64(), "ciphertext": base64(&[&ciphertext[..], &[0; 32]].concat()) });
    let transcoded = json!({
        "recipients": [entry], "encryptedData": older["encryptedData"], "iv": older["iv"], "authTag": older["authTag"],
    });
    let answer = vault.store(&transcoded.to_string(), &[&mallory]).await;
    assert_eq!(answer.code(), (409, "ciphertext_held"));

    // The other way round: a first-generation payload whose wrapped key happens to be zero is
    // stored first.
    let older = older_payload_json(key.as_bytes(), b"alice's too");
    let parsed: Value = serde_json::from_str(&older).expect("JSON");
    let ciphertext = from_base64(parsed["ciphertext"].as_str().expect("base64")).expect("base64");
    let mut first = transcoded;
    first["recipients"][0]["ciphertext"] = json!(base64(&[&ciphertext[..], &[0; 32]].concat()));
    for field in ["encryptedData", "iv", "authTag"] {
        first[field] = parsed[field].clone();
    }
    vault.store(&first.to_string(), &[&alice]).await.slot();
    assert_eq!(vault.store(&older, &[&mallory]).await.code(), (409, "ciphertext_held"));
}

/// Guard: deletion, replacement and expiry leave the tag (sqlite/slots.rs, which never deletes from
/// `held`).
#[tokio::test]
async fn nor_after_its_slot_was_deleted_replaced_or_has_expired() {
    let vault = TestVault::new();
    let [alice, mallory] = [wallet(1), wallet(2)];

    let deleted = vault.seal(b"deleted").await.to_json();
    let slot = vault.store(&deleted, &[&alice]).await.slot();
    assert_eq!(vault.delete(slot, &alice).await.status, 204);

    let replaced = vault.seal(b"replaced").await.to_json();
    let stored = vault.store(&replaced, &[&alice]).await;
    let new = vault.seal(b"new").await.to_json();
    let body = store_body(&new, &[&alice]);
    assert_eq!(vault.put(stored.slot(), &alice, &stored.etag(), &body).await.status, 200);

    let expired = vault.seal(b"expired").await.to_json();
    let mut body: Value = serde_json::from_slice(&store_body(&expired, &[&alice])).expect("JSON");
    let end = vault.now() + Duration::minutes(1);
    body["expiresAt"] = json!(end.format(&time::format_description::well_known::Rfc3339).expect("a time"));
    vault.call("POST", "/secret/store", &[], body.to_string().as_bytes()).await.slot();
    vault.pass_time(Duration::minutes(2));

    for (what, payload) in [("deleted", deleted), ("replaced", replaced), ("expired", expired), ("new", new)]
    {
        let answer = vault.store(&payload, &[&mallory]).await;
        assert_eq!(answer.code(), (409, "ciphertext_held"), "{what}");
    }
}

/// Guard: `SqliteStore::replace` looks the tag up too.
#[tokio::test]
async fn nor_by_putting_it_into_a_slot_of_ones_own() {
    let vault = TestVault::new();
    let [alice, mallory] = [wallet(1), wallet(2)];
    let payload = vault.seal(b"alice's").await.to_json();
    vault.store(&payload, &[&alice]).await.slot();

    // Mallory's slot holds a payload of their own, or Alice's payload, relabelled so the vault does
    // not see its entry.
    let own = vault.seal(b"mallory's").await.to_json();
    let other_key = client_key(9).encapsulation_key().to_base64();
    let relabelled = edited(&payload, |p| p["recipients"][VAULT]["publicKey"] = json!(other_key));
    for first in [own, relabelled] {
        let stored = vault.store(&first, &[&mallory]).await;
        let body = store_body(&payload, &[&mallory]);
        let answer = vault.put(stored.slot(), &mallory, &stored.etag(), &body).await;
        assert_eq!(answer.code(), (409, "ciphertext_held"));
    }
}

/// Guard: what a slot holds is read from its sealed record and not from the tag table
/// (secrets/storing.rs, `replace`).
#[tokio::test]
async fn nor_by_an_edited_tag_that_names_ones_own_slot() {
    let vault = TestVault::new();
    let [alice, mallory] = [wallet(1), wallet(2)];
    let payload = vault.seal(b"alice's").await.to_json();
    vault.store(&payload, &[&alice]).await.slot();
    let own = vault.seal(b"mallory's").await.to_json();
    let stored = vault.store(&own, &[&mallory]).await;
    vault.database().execute("UPDATE held SET slot = ?1", [stored.slot().as_bytes()]).expect("edited");
    let body = store_body(&payload, &[&mallory]);
    let answer = vault.put(stored.slot(), &mallory, &stored.etag(), &body).await;
    assert_eq!(answer.code(), (409, "ciphertext_held"));
    assert_eq!(vault.store(&payload, &[&mallory]).await.code(), (409, "ciphertext_held"));
}

/// Guard: the vault opens its entry once before it stores (secrets/storing.rs, `entry_for_vault`).
#[tokio::test]
async fn nobody_occupies_a_tag_with_garbage() {
    let vault = TestVault::new();
    let [alice, mallory] = [wallet(1), wallet(2)];
    let payload = vault.seal(b"alice's").await.to_json();
    let squats = [
        edited(&payload, |p| p["encryptedData"] = json!(base64(b"garbage"))),
        edited(&payload, |p| p["authTag"] = json!(base64(&[0; 16]))),
    ];
    for squat in squats {
        assert_eq!(vault.store(&squat, &[&mallory]).await.code(), (422, "vault_cannot_open"));
    }
    let older = json!({
        "ciphertext": base64(&from_base64(serde_json::from_str::<Value>(&payload).expect("JSON")["recipients"][VAULT]
            ["ciphertext"].as_str().expect("base64")).expect("base64")[..1568]),
        "encryptedData": "", "iv": base64(&[0; 12]), "authTag": base64(&[0; 16]),
    });
    assert_eq!(vault.store(&older.to_string(), &[&mallory]).await.code(), (422, "vault_cannot_open"));
    assert_eq!(vault.store(&payload, &[&alice]).await.status, 201);
}

/// Guard: a second entry is refused (secrets/storing.rs, `ciphertext_for_vault`). Without it, the
/// second entry is never tagged, and anybody can strip the first entry and store the second.
#[tokio::test]
async fn two_entries_for_the_vault_are_refused() {
    let vault = TestVault::new();
    let [alice, mallory] = [wallet(1), wallet(2)];
    let payload = vault.seal(b"alice's").await.to_json();
    let other = vault.seal(b"mallory's").await.to_json();
    let decoy: Value = serde_json::from_str(&other).expect("JSON");
    let hidden = edited(&payload, |p| {
        let entry = decoy["recipients"][VAULT].clone();
        p["recipients"].as_array_mut().expect("a list").push(entry);
    });
    assert_eq!(vault.store(&hidden, &[&alice]).await.code(), (422, "vault_recipient_repeated"));
    assert_eq!(vault.store(&hidden, &[&mallory]).await.code(), (422, "vault_recipient_repeated"));
}

/// Guard: the readers must be the same (secrets/storing.rs, `retry_of`).
#[tokio::test]
async fn a_retry_after_a_lost_answer_finds_its_slot() {
    let vault = TestVault::new();
    let [alice, bob] = [wallet(1), wallet(2)];
    let payload = vault.seal(b"alice's").await.to_json();
    let slot = vault.store(&payload, &[&alice, &bob]).await.slot();
    // The same decoded fields and the same set of readers, however they are written.
    let spaced = edited(&payload, |p| p["extra"] = json!(1)).replace(',', ", ");
    for (payload, readers) in [(&payload, [&alice, &bob]), (&spaced, [&bob, &alice])] {
        assert_eq!(vault.store(payload, &readers).await.slot(), slot);
    }
    // Neither fewer nor more. A single reader would own the slot.
    for readers in [&[&alice][..], &[&alice, &bob, &wallet(3)]] {
        let answer = vault.store(&payload, readers).await;
        assert_eq!(answer.code(), (409, "ciphertext_held"), "{} readers", readers.len());
    }
}

/// Guard: the expiry must be the same (secrets/storing.rs, `retry_of`). Otherwise an answer would
/// promise what the slot does not keep.
#[tokio::test]
async fn a_retry_has_the_same_end() {
    let vault = TestVault::new();
    let payload = vault.seal(b"alice's").await.to_json();
    let mut body: Value = serde_json::from_slice(&store_body(&payload, &[&wallet(1)])).expect("JSON");
    body["expiresAt"] = json!("2999-01-01T00:00:00Z");
    let ending = body.to_string();
    let slot = vault.call("POST", "/secret/store", &[], ending.as_bytes()).await.slot();
    assert_eq!(vault.call("POST", "/secret/store", &[], ending.as_bytes()).await.slot(), slot);
    assert_eq!(vault.store(&payload, &[&wallet(1)]).await.code(), (409, "ciphertext_held"));
}

/// Guard: the owner must be the same too (secrets/storing.rs, `retry_of`).
#[tokio::test]
async fn a_retry_does_not_tell_a_stranger_that_he_owns_it() {
    let vault = TestVault::new();
    let [alice, bob, mallory] = [wallet(1), wallet(2), wallet(3)];
    let payload = vault.seal(b"alice's").await.to_json();
    let sign_in = vault.sign(&alice, &[]).await;
    let slot = vault.store_signed(&payload, &[&alice, &bob], &sign_in).await.slot();
    // Bob may read it, but does not own it either.
    for signer in [&mallory, &bob] {
        let sign_in = vault.sign(signer, &[]).await;
        let answer = vault.store_signed(&payload, &[&alice, &bob], &sign_in).await;
        assert_eq!(answer.code(), (409, "ciphertext_held"));
    }
    let sign_in = vault.sign(&alice, &[]).await;
    assert_eq!(vault.store_signed(&payload, &[&alice, &bob], &sign_in).await.slot(), slot);
}

#[tokio::test]
async fn a_payload_that_is_not_for_the_vault_is_kept_and_not_held() {
    let vault = TestVault::new();
    let [alice, bob] = [wallet(1), wallet(2)];
    let recipients = [client_key(1).encapsulation_key()];
    let payload = w3pk::seal(b"local", &recipients, Generation::Second, &mut rng()).expect("one").to_json();
    let stored = vault.store(&payload, &[&alice]).await;
    assert_eq!(stored.body["openable"], false);
    assert_eq!(vault.access(stored.slot(), &alice).await.code(), (422, "vault_not_recipient"));
    let headers = vault.sign(&alice, &[]).await;
    let fetched = vault.call("GET", &format!("/secret/envelope/{}", stored.slot()), &headers, b"").await;
    assert_eq!(fetched.body, serde_json::from_str::<Value>(&payload).expect("JSON"));
    assert_eq!(vault.store(&payload, &[&bob]).await.status, 201);
}
