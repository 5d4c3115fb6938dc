//! Two hundred clients at once. With limits raised, all are served and memory stays flat. With
//! limits on, some are told to wait, and health answers throughout.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use strongroom_trials::client::{Client, store_body, wallet};
use strongroom_trials::server::UNLIMITED;
use strongroom_trials::store::{Kind, Place};
use tokio::task::JoinSet;

const CLIENTS: u32 = 200;
const MIB: u64 = 1024 * 1024;

/// Each client stores and opens `rounds` times.
async fn store_and_open(address: SocketAddr, rounds: u32) {
    let mut tasks = JoinSet::new();
    for n in 0..CLIENTS {
        tasks.spawn(async move {
            let mut client = Client::connect(address).await.expect("connected");
            let (vault, owner) = (client.vault_key().await.expect("a key"), wallet(n));
            for round in 0..rounds {
                let text = format!("{round} of {n}");
                let body = store_body(&vault, &owner, &text).expect("sealed");
                let slot = client.store(body).await.expect("answered").slot().expect("stored");
                assert_eq!(client.open(slot, &owner).await.expect("opened"), text);
            }
        });
    }
    // A panic of one client fails the test.
    while let Some(client) = tasks.join_next().await {
        client.expect("every request succeeds");
    }
}

async fn all_are_served(kind: Kind) {
    let place = Place::new(kind).expect("a place");
    let server = place.start(&UNLIMITED).expect("a server");
    store_and_open(server.address, 3).await;
    let warm = server.rss_bytes().expect("its memory");
    store_and_open(server.address, 9).await;
    let after = server.rss_bytes().expect("its memory");
    println!(
        "{kind:?}: {} MiB after warming up, {} MiB after three times as many requests",
        warm / MIB,
        after / MIB
    );
    assert!(after < warm + 10 * MIB, "{warm} bytes grew to {after}");
    assert!(server.errors().is_empty(), "{:?}", server.errors());
    server.terminate().expect("it ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_are_served_on_sqlite() {
    all_are_served(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_are_served_on_postgres() {
    all_are_served(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_limits_they_wait_and_health_answers() {
    let place = Place::new(Kind::Sqlite).expect("a place");
    // With so few places, both kinds of refusal are met.
    let server = place.start(&["--address-rate=20", "--max-active=1", "--max-waiting=4"]).expect("a server");
    let (address, stop) = (server.address, Arc::new(AtomicBool::new(false)));
    let watcher = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            let (mut asked, mut slowest) = (0, Duration::ZERO);
            while !stop.load(Ordering::Relaxed) {
                let start = Instant::now();
                let mut client = Client::connect(address).await.expect("connected");
                assert_eq!(client.send("GET", "/health", &[], "").await.expect("answered").status, 200);
                slowest = slowest.max(start.elapsed());
                asked += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            (asked, slowest)
        }
    });
    let mut tasks = JoinSet::new();
    for n in 0..CLIENTS {
        tasks.spawn(async move {
            let mut client = Client::connect(address).await.expect("connected");
            let mut statuses = BTreeMap::<u16, u32>::new();
            let vault = strongroom::key::DecapsulationKey::from_seed(&[n as u8; 64]).encapsulation_key();
            for round in 0..10 {
                let body = store_body(&vault, &wallet(n), &format!("{round}")).expect("sealed");
                let answer = client.store(body).await.expect("answered");
                if answer.status >= 429 {
                    let wait = answer.headers.get("retry-after").expect("when to come again");
                    assert!(wait.to_str().expect("ASCII").parse::<u32>().expect("seconds") >= 1);
                }
                *statuses.entry(answer.status).or_default() += 1;
            }
            statuses
        });
    }
    let mut statuses = BTreeMap::<u16, u32>::new();
    while let Some(client) = tasks.join_next().await {
        for (status, count) in client.expect("no panic") {
            *statuses.entry(status).or_default() += count;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let (asked, slowest) = watcher.await.expect("health answers");
    println!("answers: {statuses:?}; health asked {asked} times, {} ms at most", slowest.as_millis());
    assert!(statuses.keys().all(|status| [201, 429, 503].contains(status)), "{statuses:?}");
    assert!([201, 429, 503].iter().all(|status| statuses.contains_key(status)), "{statuses:?}");
    assert!(asked > 0 && slowest < Duration::from_secs(2), "{slowest:?}");
}
