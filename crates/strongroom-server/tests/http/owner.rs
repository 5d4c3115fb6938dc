//! The owners of a slot, and the calls that only an owner may make.

use crate::support::{TestVault, client_key, store_body, wallet};
use serde_json::{Value, json};
use strongroom::SlotId;
use strongroom::sign_in::Act;

#[tokio::test]
async fn the_signer_else_the_sole_reader_else_nobody_owns_a_slot() {
    let vault = TestVault::new();
    let [alice, bob, carol] = [wallet(1), wallet(2), wallet(3)];
    let json = |n: u8| format!("secret {n}");

    let payload = vault.seal(json(1).as_bytes()).await.to_json();
    let slot = vault.store(&payload, &[&alice]).await.slot();
    assert_eq!(vault.delete(slot, &alice).await.status, 204);

    let payload = vault.seal(json(2).as_bytes()).await.to_json();
    let slot = vault.store(&payload, &[&alice, &bob]).await.slot();
    assert_eq!(vault.delete(slot, &alice).await.code(), (403, "no_owner"));

    let payload = vault.seal(json(3).as_bytes()).await.to_json();
    let sign_in = vault.sign(&carol, &[]).await;
    let slot = vault.store_signed(&payload, &[&alice], &sign_in).await.slot();
    assert_eq!(vault.delete(slot, &alice).await.code(), (403, "not_the_owner"));
    assert_eq!(vault.delete(slot, &bob).await.code(), (404, "slot_not_found"));
    // Carol owns it, but is not a reader.
    assert_eq!(vault.access(slot, &carol).await.code(), (404, "slot_not_found"));
    assert_eq!(vault.delete(slot, &carol).await.status, 204);
    assert_eq!(vault.delete(slot, &carol).await.code(), (404, "slot_not_found"));
}

#[tokio::test]
async fn a_store_bound_to_its_body_serves_no_other_body() {
    let vault = TestVault::new();
    let payload = vault.seal(b"alice's").await.to_json();
    let body = store_body(&payload, &[&wallet(1)]);
    let bound = vault.sign(&wallet(1), &[Act::store(&body)]).await;
    let other = vault.store_signed(&payload, &[&wallet(2)], &bound).await;
    assert_eq!(other.code(), (401, "sign_in_for_another_act"));
    assert_eq!(vault.call("POST", "/secret/store", &bound, &body).await.status, 201);
}

#[tokio::test]
async fn replacing_needs_the_owner_the_body_and_the_present_etag() {
    let vault = TestVault::new();
    let [alice, bob] = [wallet(1), wallet(2)];
    let first = vault.seal(b"first").await.to_json();
    let stored = vault.store(&first, &[&alice]).await;
    let slot = stored.slot();
    let second = vault.seal(b"second").await.to_json();
    let body = store_body(&second, &[&alice, &bob]);
    let path = format!("/secret/envelope/{slot}");

    let without = vault.sign(&alice, &[Act::put(slot, &body)]).await;
    assert_eq!(vault.call("PUT", &path, &without, &body).await.code(), (428, "if_match_required"));
    for etag in ["\"2\"", "\"0\"", "1", "*", "W/\"1\"", "\"+1\"", "\"01\"", "\"18446744073709551615\""] {
        assert_eq!(vault.put(slot, &alice, etag, &body).await.code(), (412, "generation_changed"), "{etag}");
    }
    let mut unbound = vault.sign(&alice, &[]).await;
    unbound.push(("if-match", stored.etag()));
    assert_eq!(vault.call("PUT", &path, &unbound, &body).await.code(), (401, "sign_in_for_another_act"));
    let mut other_body = vault.sign(&alice, &[Act::put(slot, &body[1..])]).await;
    other_body.push(("if-match", stored.etag()));
    assert_eq!(vault.call("PUT", &path, &other_body, &body).await.code(), (401, "sign_in_for_another_act"));
    assert_eq!(vault.put(slot, &bob, &stored.etag(), &body).await.code(), (404, "slot_not_found"));

    let replaced = vault.put(slot, &alice, &stored.etag(), &body).await;
    assert_eq!((replaced.status, replaced.etag().as_str()), (200, "\"2\""));
    assert_eq!(vault.access(slot, &bob).await.body["secret"], "second");
    assert_eq!(vault.put(slot, &bob, "\"2\"", &body).await.code(), (403, "not_the_owner"));
    // The slot's earlier ciphertext stays taken, also for its owner.
    let back = store_body(&first, &[&alice]);
    assert_eq!(vault.put(slot, &alice, "\"2\"", &back).await.code(), (409, "ciphertext_held"));
    // The KEM ciphertext of the slot itself may stay, for example if only the readers change.
    let same = store_body(&second, &[&alice]);
    assert_eq!(vault.put(slot, &alice, "\"2\"", &same).await.status, 200);
    assert_eq!(vault.access(slot, &bob).await.code(), (404, "slot_not_found"));
}

#[tokio::test]
async fn a_list_has_pages_and_only_ones_own() {
    let vault = TestVault::new();
    let [alice, bob] = [wallet(1), wallet(2)];
    let mut expected = Vec::new();
    for n in 0..5 {
        let payload = vault.seal(&[n]).await.to_json();
        expected.push(vault.store(&payload, &[&alice]).await.slot());
    }
    let payload = vault.seal(b"bob's").await.to_json();
    vault.store(&payload, &[&bob]).await.slot();
    expected.sort();

    let mut found: Vec<SlotId> = Vec::new();
    let mut path = "/secret/slots?limit=2".to_owned();
    loop {
        let headers = vault.sign(&alice, &[Act::Slots]).await;
        let page = vault.call("GET", &path, &headers, b"").await;
        let slots = page.body["slots"].as_array().expect("a list");
        assert!(
            slots
                .iter()
                .all(|slot| slot["owner"] == true && slot["reader"] == true && slot["etag"] == "\"1\"")
        );
        found.extend(
            slots
                .iter()
                .map(|slot| slot["slot"].as_str().expect("a slot").parse::<SlotId>().expect("a slot")),
        );
        match &page.body["next"] {
            Value::String(next) => path = format!("/secret/slots?limit=2&after={next}"),
            _ => break,
        }
    }
    assert_eq!(found, expected);
    for query in ["limit=0", "limit=1001", "limit=x", "after=x"] {
        let headers = vault.sign(&alice, &[]).await;
        let answer = vault.call("GET", &format!("/secret/slots?{query}"), &headers, b"").await;
        assert_eq!(answer.code(), (400, "malformed_query"), "{query}");
        let again = vault.call("GET", "/secret/slots", &headers, b"").await;
        assert_eq!(again.status, 200, "the mistake cost no nonce");
    }
}

#[tokio::test]
async fn a_secret_that_is_no_text_comes_as_base64() {
    let vault = TestVault::new();
    let payload = vault.seal(&[0xFF, 0xFE]).await;
    assert_eq!(payload.open(&client_key(1)).expect("the client's").expose(), [0xFF, 0xFE]);
    let slot = vault.store(&payload.to_json(), &[&wallet(1)]).await.slot();
    let opened = vault.access(slot, &wallet(1)).await;
    assert_eq!(opened.body, json!({ "secretBase64": "//4=" }));
    assert_eq!(opened.headers["cache-control"], "no-store");
    let text = "quotes \" and \\ and \n and \u{1} and 🔐";
    let payload = vault.seal(text.as_bytes()).await.to_json();
    let slot = vault.store(&payload, &[&wallet(1)]).await.slot();
    assert_eq!(vault.access(slot, &wallet(1)).await.body, json!({ "secret": text }));
}
