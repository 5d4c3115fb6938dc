//! An attacker who edits the database gets only refusals. Each test names the guard that it rests
//! on.

use crate::support::{TestVault, wallet};
use rusqlite::params;
use serde_json::{Value, json};
use strongroom::SlotId;
use strongroom::sign_in::Act;
use time::Duration;
use time::format_description::well_known::Rfc3339;

async fn two_slots(vault: &TestVault) -> [SlotId; 2] {
    let alices = vault.seal(b"alice's").await.to_json();
    let mallorys = vault.seal(b"mallory's").await.to_json();
    [vault.store(&alices, &[&wallet(1)]).await.slot(), vault.store(&mallorys, &[&wallet(2)]).await.slot()]
}

/// Guard: the tag of AES-256-GCM (storage/records.rs, `Records::open`).
#[tokio::test]
async fn an_edited_row_is_refused_and_others_are_unaffected() {
    let vault = TestVault::new();
    let [a, b] = two_slots(&vault).await;
    let db = vault.database();
    let read = |db: &rusqlite::Connection| {
        db.query_row("SELECT record FROM slot WHERE slot = ?1", [a.as_bytes()], |row| {
            row.get::<_, Vec<u8>>(0)
        })
    };
    let good = read(&db).expect("the row");
    for at in [0, 1, 40, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        db.execute("UPDATE slot SET record = ?2 WHERE slot = ?1", params![a.as_bytes(), bad])
            .expect("edited");
        assert_eq!(vault.access(a, &wallet(1)).await.code(), (500, "record_damaged"), "byte {at}");
        assert_eq!(vault.access(b, &wallet(2)).await.body["secret"], "mallory's");
    }
    // A list that contains it does not fail.
    let other = vault.seal(b"alice's other").await.to_json();
    let other = vault.store(&other, &[&wallet(1)]).await.slot();
    let headers = vault.sign(&wallet(1), &[]).await;
    let listed = vault.call("GET", "/secret/slots", &headers, b"").await;
    assert_eq!(listed.body["slots"].as_array().expect("a list").len(), 1);
    assert_eq!(listed.body["slots"][0]["slot"], other.to_string());
    db.execute("UPDATE slot SET record = ?2 WHERE slot = ?1", params![a.as_bytes(), good]).expect("mended");
    assert_eq!(vault.access(a, &wallet(1)).await.body["secret"], "alice's");
}

/// Guard: the slot in the associated data (storage/records.rs, `aad`). Without it, Mallory's own
/// row would open in the place of Alice's.
#[tokio::test]
async fn swapped_rows_are_refused() {
    let vault = TestVault::new();
    let [a, b] = two_slots(&vault).await;
    let db = vault.database();
    for sql in [
        "UPDATE slot SET slot = x'00' WHERE slot = ?1",
        "UPDATE slot SET slot = ?1 WHERE slot = ?2",
        "UPDATE slot SET slot = ?2 WHERE slot = x'00'",
    ] {
        let parameters = [a.as_bytes(), b.as_bytes()];
        let used = sql.matches('?').count().max(usize::from(sql.contains("?2")) * 2);
        db.execute(sql, rusqlite::params_from_iter(&parameters[..used])).expect("swapped");
    }
    for (slot, reader) in [(a, 1), (a, 2), (b, 1), (b, 2)] {
        assert_eq!(vault.access(slot, &wallet(reader)).await.code(), (500, "record_damaged"));
    }
}

/// Guard: the generation in the associated data (storage/records.rs, `aad`).
#[tokio::test]
async fn a_row_with_another_generation_is_refused() {
    let vault = TestVault::new();
    let [a, _] = two_slots(&vault).await;
    vault
        .database()
        .execute("UPDATE slot SET generation = 2 WHERE slot = ?1", [a.as_bytes()])
        .expect("edited");
    assert_eq!(vault.access(a, &wallet(1)).await.code(), (500, "record_damaged"));
}

/// Guard: the expiry is read from inside the record (secrets/slots.rs, `load`).
#[tokio::test]
async fn an_expiry_that_is_edited_away_still_holds() {
    let vault = TestVault::new();
    let payload = vault.seal(b"short").await.to_json();
    let mut body: Value =
        serde_json::from_slice(&crate::support::store_body(&payload, &[&wallet(1)])).expect("JSON");
    body["expiresAt"] = json!((vault.now() + Duration::minutes(1)).format(&Rfc3339).expect("a time"));
    let slot = vault.call("POST", "/secret/store", &[], body.to_string().as_bytes()).await.slot();
    assert_eq!(vault.access(slot, &wallet(1)).await.status, 200);
    vault.database().execute("UPDATE slot SET expires_at = NULL", []).expect("edited");
    vault.pass_time(Duration::minutes(1));
    assert_eq!(vault.access(slot, &wallet(1)).await.code(), (404, "slot_not_found"));
    let headers = vault.sign(&wallet(1), &[]).await;
    let listed = vault.call("GET", "/secret/slots", &headers, b"").await;
    assert_eq!(listed.body["slots"], json!([]));
}

/// Guard: the list compares the principals inside the record (secrets/slots.rs, `list`).
#[tokio::test]
async fn a_look_up_tag_that_is_moved_lists_nothing() {
    let vault = TestVault::new();
    let [a, b] = two_slots(&vault).await;
    // Alice's slot now also stands under Mallory's tag.
    vault
        .database()
        .execute(
            "INSERT INTO principal (tag, slot) SELECT tag, ?1 FROM principal WHERE slot = ?2",
            [a.as_bytes(), b.as_bytes()],
        )
        .expect("edited");
    let headers = vault.sign(&wallet(2), &[Act::Slots]).await;
    let listed = vault.call("GET", "/secret/slots", &headers, b"").await;
    assert_eq!(listed.body["slots"].as_array().expect("a list").len(), 1);
    assert_eq!(listed.body["slots"][0]["slot"], b.to_string());
}

/// The database holds neither texts nor addresses in the clear.
#[tokio::test]
async fn the_disk_shows_neither_payload_nor_reader() {
    let vault = TestVault::new();
    let payload = vault.seal(b"alice's").await;
    vault.store(&payload.to_json(), &[&wallet(1)]).await.slot();
    let db = vault.database();
    db.pragma_update(None, "wal_checkpoint", "TRUNCATE").ok();
    let path = db.path().expect("a file").to_owned();
    let mut bytes = std::fs::read(&path).expect("the database");
    bytes.extend(std::fs::read(format!("{path}-wal")).unwrap_or_default());
    let address = wallet(1).address();
    let client_ciphertext = payload.entries()[0].kem_ciphertext();
    for needle in [
        &b"alice's"[..],
        &address.as_bytes()[..],
        &address.to_string().as_bytes()[2..],
        &client_ciphertext[..64],
    ] {
        assert!(!bytes.windows(needle.len()).any(|window| window == needle));
    }
}
