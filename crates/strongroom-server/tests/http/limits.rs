//! Bounds on what one client may ask, and all clients together. Each test has a client that exceeds
//! one. Rates run by the machine's clock, so the tests ask until they are refused and not a number
//! of times.

use crate::support::{Answer, TestVault, store_body, wallet};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;
use strongroom::wallet::WalletKey;
use strongroom_server::limits::{Limits, Rate};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use tokio::task::JoinSet;

const ALICE: &str = "192.0.2.1";
const BOB: &str = "192.0.2.2";

/// A vault behind one proxy, whose header names the client's address.
fn behind_a_proxy(change: impl FnOnce(&mut Limits)) -> TestVault {
    TestVault::with(|config| {
        config.trusted_hops = 1;
        change(&mut config.limits);
    })
}

async fn get(vault: &TestVault, client: &str, path: &str) -> Answer {
    vault.call("GET", path, &[("x-forwarded-for", client.to_owned())], b"").await
}

fn retry_after(answer: &Answer) -> u64 {
    answer.headers["retry-after"].to_str().expect("ASCII").parse().expect("seconds")
}

/// The body of a store request, with this expiry.
async fn body(vault: &TestVault, readers: &[&WalletKey], end: Option<OffsetDateTime>) -> Vec<u8> {
    let payload = vault.seal(b"alice's").await.to_json();
    let mut body: Value = serde_json::from_slice(&store_body(&payload, readers)).expect("JSON");
    if let Some(end) = end {
        body["expiresAt"] = json!(end.format(&Rfc3339).expect("a time"));
    }
    body.to_string().into_bytes()
}

fn end_of(answer: &Answer) -> Option<OffsetDateTime> {
    assert_eq!(answer.status, 201, "{}", answer.body);
    Some(OffsetDateTime::parse(answer.body["expiresAt"].as_str()?, &Rfc3339).expect("a time"))
}

/// Guard: the client is counted (http/edge.rs, `admit`).
#[tokio::test]
async fn an_address_over_its_rate_is_refused_and_others_are_served() {
    let vault = behind_a_proxy(|limits| limits.address_rate = Rate::new(1));
    let mut served = 0;
    let refused = loop {
        let answer = get(&vault, ALICE, "/openapi.json").await;
        if answer.status != 200 {
            break answer;
        }
        served += 1;
        assert!(served < 100, "nobody is refused");
    };
    assert!(served >= 4, "four are served at once, not {served}");
    assert_eq!(refused.code(), (429, "too_many_requests"));
    assert_eq!(retry_after(&refused), 1);
    assert_eq!(get(&vault, BOB, "/openapi.json").await.status, 200);
}

/// Guard: health is outside the bounds (http/router.rs, `app`).
#[tokio::test]
async fn health_is_never_limited() {
    let vault = behind_a_proxy(|limits| limits.address_rate = Rate::new(1));
    for path in ["/health", "/health/live", "/health/ready", "/version"] {
        for _ in 0..50 {
            assert_eq!(get(&vault, ALICE, path).await.status, 200, "{path}");
        }
    }
}

/// Guard: only entries of trusted proxies count (limits/client_address.rs, `behind_proxies`).
/// Otherwise anybody could pretend to be many clients.
#[tokio::test]
async fn a_client_makes_no_new_names_for_himself() {
    for (trusted_hops, before) in [(0, ""), (1, ", 198.51.100.1")] {
        let vault = TestVault::with(|config| {
            config.trusted_hops = trusted_hops;
            config.limits.address_rate = Rate::new(1);
        });
        let mut served = 0;
        while get(&vault, &format!("192.0.2.{served}{before}"), "/openapi.json").await.status == 200 {
            served += 1;
            assert!(served < 100, "{trusted_hops} hops: each name is a new client");
        }
    }
}

/// Guard: the wallet is counted before its nonce is spent (sign_in/checks.rs, `admit`).
#[tokio::test]
async fn a_wallet_over_its_rate_is_refused_and_may_ask_the_same_again() {
    let vault = TestVault::with(|config| config.limits.wallet_rate = Rate::new(1));
    let mut served = 0;
    let (headers, refused) = loop {
        let headers = vault.sign(&wallet(1), &[]).await;
        let answer = vault.call("GET", "/secret/slots", &headers, b"").await;
        if answer.status != 200 {
            break (headers, answer);
        }
        served += 1;
        assert!(served < 100, "nobody is refused");
    };
    assert_eq!(refused.code(), (429, "too_many_requests"));
    let spent: i64 = vault
        .database()
        .query_row("SELECT count(*) FROM spent_nonce", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(spent, served, "a refused request keeps its nonce");

    let others = vault.sign(&wallet(2), &[]).await;
    assert_eq!(vault.call("GET", "/secret/slots", &others, b"").await.status, 200);

    tokio::time::sleep(std::time::Duration::from_secs(retry_after(&refused))).await;
    assert_eq!(vault.call("GET", "/secret/slots", &headers, b"").await.status, 200);
}

/// Requests that are not signed by the wallet do not use up its rate.
#[tokio::test]
async fn forged_sign_ins_cost_a_wallet_nothing() {
    let vault = TestVault::with(|config| config.limits.wallet_rate = Rate::new(1));
    let nonce = vault.nonce().await;
    for _ in 0..20 {
        let forged = vault.sign_draft(&wallet(2), vault.draft(&wallet(1), &nonce));
        let answer = vault.call("GET", "/secret/slots", &forged, b"").await;
        assert_eq!(answer.code(), (401, "wrong_signer"));
    }
    let headers = vault.sign(&wallet(1), &[]).await;
    assert_eq!(vault.call("GET", "/secret/slots", &headers, b"").await.status, 200);
}

/// Guard: bytes that nobody signs for are counted (secrets/storing.rs, `admit_unsigned`).
#[tokio::test]
async fn an_address_stores_so_much_unsigned_and_signed_what_it_likes() {
    let size = body(&TestVault::new(), &[&wallet(1)], None).await.len() as u64;
    let vault = behind_a_proxy(|limits| limits.anonymous_bytes_a_day = Some(5 * size / 2));
    let store = async |client: &str, mut headers: Vec<(&str, String)>| {
        headers.push(("x-forwarded-for", client.to_owned()));
        let body = body(&vault, &[&wallet(1)], None).await;
        vault.call("POST", "/secret/store", &headers, &body).await
    };
    for _ in 0..2 {
        store(ALICE, vec![]).await.slot();
    }
    let refused = store(ALICE, vec![]).await;
    assert_eq!(refused.code(), (429, "anonymous_quota"));
    assert!(retry_after(&refused) > 3600, "two and a half are a day's: {}", retry_after(&refused));
    store(BOB, vec![]).await.slot();
    store(ALICE, vault.sign(&wallet(1), &[]).await).await.slot();
    assert_eq!(store(ALICE, vec![]).await.code(), (429, "anonymous_quota"));
}

/// Guard: a secret that nobody signs for expires (secrets/storing.rs, `admit_unsigned`).
#[tokio::test]
async fn what_is_stored_unsigned_ends_by_its_lifetime() {
    let lifetime = Duration::hours(1);
    let vault = TestVault::with(|config| config.limits.anonymous_lifetime = Some(lifetime.unsigned_abs()));
    let readers = [&wallet(1), &wallet(2)];
    let store = async |headers: &[(&str, String)], end| {
        vault.call("POST", "/secret/store", headers, &body(&vault, &readers, end).await).await
    };
    let before = vault.now();
    let end = end_of(&store(&[], None).await).expect("an end");
    assert!((before + lifetime..=vault.now() + lifetime).contains(&end), "{end} of {before}");

    let (sooner, later) = (before + Duration::minutes(30), before + 2 * lifetime);
    assert_eq!(end_of(&store(&[], Some(sooner)).await), Some(sooner));
    assert_eq!(store(&[], Some(later)).await.code(), (400, "malformed_expiry"));
    for end in [Some(later), None] {
        let headers = vault.sign(&wallet(1), &[]).await;
        assert_eq!(end_of(&store(&headers, end).await), end, "who signs is not bound");
    }
}

/// The expiry that the vault sets is later when a client asks again after a lost answer.
///
/// Guard: such an expiry need not be the same (secrets/storing.rs, `end_is_ours`).
#[tokio::test]
async fn a_retry_finds_its_slot_whose_end_the_vault_set() {
    let vault = TestVault::with(|config| {
        config.limits.anonymous_lifetime = Some(Duration::hours(1).unsigned_abs());
    });
    let body = body(&vault, &[&wallet(1)], None).await;
    let first = vault.call("POST", "/secret/store", &[], &body).await;
    vault.pass_time(Duration::seconds(7));
    let again = vault.call("POST", "/secret/store", &[], &body).await;
    assert_eq!((again.slot(), end_of(&again)), (first.slot(), end_of(&first)));
    // The same request would not expire if it were signed, so it is another request.
    let headers = vault.sign(&wallet(1), &[]).await;
    let signed = vault.call("POST", "/secret/store", &headers, &body).await;
    assert_eq!(signed.code(), (409, "ciphertext_held"));
}

/// Guard: a request waits for its turn in a bounded queue (http/edge.rs, `admit`).
#[tokio::test]
async fn who_finds_the_queue_full_is_told_at_once_and_health_answers_meanwhile() {
    let vault = Arc::new(TestVault::with(|config| {
        (config.limits.max_active, config.limits.max_waiting) = (1, 0);
    }));
    let body = body(&vault, &[&wallet(1)], None).await;
    // The one request that has its turn waits for the database.
    let db = vault.database();
    db.execute_batch("BEGIN IMMEDIATE").expect("the database is locked");
    let (mut requests, start) = (JoinSet::new(), Instant::now());
    for _ in 0..30 {
        let (vault, body) = (Arc::clone(&vault), body.clone());
        requests.spawn(async move { vault.call("POST", "/secret/store", &[], &body).await });
    }
    for _ in 0..29 {
        let answer = requests.join_next().await.expect("one more").expect("no panic");
        assert_eq!((answer.code(), retry_after(&answer)), ((503, "overloaded"), 1));
    }
    assert!(start.elapsed() < Duration::milliseconds(1500), "some waited: {:?}", start.elapsed());
    for path in ["/health", "/health/live", "/version"] {
        assert_eq!(vault.call("GET", path, &[], b"").await.status, 200, "{path}");
    }
    assert_eq!(vault.call("GET", "/attestation", &[], b"").await.code(), (503, "overloaded"));
    db.execute_batch("ROLLBACK").expect("the database is free");
    requests.join_next().await.expect("the first").expect("no panic").slot();
    assert_eq!(vault.call("GET", "/attestation", &[], b"").await.status, 200, "the turn is given back");
}

/// Guard: bodies get memory only while there is some (http/body.rs, `body_room`).
#[tokio::test]
async fn all_bodies_together_have_a_bounded_memory() {
    let vault = TestVault::with(|config| config.limits.max_bodies_bytes = 96 * 1024);
    for _ in 0..2 {
        let large = vault.call("POST", "/secret/store", &[], &[b' '; 100_000]).await;
        assert_eq!((large.code(), retry_after(&large)), ((503, "overloaded"), 1));
        // The memory of each request is free again, whatever its outcome.
        let within = vault.call("POST", "/secret/store", &[], &[b' '; 60_000]).await;
        assert_eq!(within.code(), (400, "malformed_request"));
    }
}
