//! Two servers on one PostgreSQL, which is killed and started again meanwhile.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use strongroom_trials::client::{Client, store_body, wallet};
use strongroom_trials::ledger::ready;
use strongroom_trials::server::UNLIMITED;
use strongroom_trials::store::{Kind, Place};
use strongroom_trials::wallets::prepare;
use tokio::task::JoinSet;

/// Sends one sign-in to both servers from several clients at once, and again until each was told
/// yes or no. Gives the number of yeses.
async fn yeses(addresses: [SocketAddr; 2], slot: String, headers: Arc<[(&'static str, String); 2]>) -> u32 {
    let mut tasks = JoinSet::new();
    for n in 0..8 {
        let (slot, headers) = (slot.clone(), Arc::clone(&headers));
        tasks.spawn(async move {
            loop {
                let answer = async {
                    let mut client = Client::connect(addresses[n % 2]).await?;
                    client.send("GET", &slot, &headers[..], "").await
                };
                match answer.await.map(|answer| (answer.status, answer.json()["code"].clone())) {
                    Ok((200, _)) => return 1,
                    Ok((401, code)) if code == "nonce_spent" => return 0,
                    Ok((503, _)) => tokio::time::sleep(Duration::from_millis(50)).await,
                    other => panic!("{other:?}"),
                }
            }
        });
    }
    tasks.join_all().await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nonce_serves_once_while_the_database_comes_and_goes() {
    let mut place = Place::new(Kind::Postgres).expect("a place");
    // Both start on an empty database at the same moment.
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| place.start_another("other", &UNLIMITED));
        (place.start(&UNLIMITED), other.join().expect("no panic"))
    });
    let (one, other) = (one.expect("a server"), other.expect("another server"));
    let addresses = [one.address, other.address];
    let owner = wallet(1);
    let mut client = Client::connect(one.address).await.expect("connected");
    let vault = client.vault_key().await.expect("a key");
    let slot = client.store(store_body(&vault, &owner, "shared").expect("sealed")).await.expect("answered");
    let slot = slot.slot().expect("stored");
    let path = format!("/secret/access/{slot}");
    let mut elsewhere = Client::connect(other.address).await.expect("connected");
    assert_eq!(elsewhere.vault_key().await.expect("a key").to_base64(), vault.to_base64(), "one vault");

    let (stop, kills) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let mut postgres = place.postgres.take().expect("a database");
    let killer = std::thread::spawn({
        let (stop, kills) = (Arc::clone(&stop), Arc::clone(&kills));
        move || {
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(700));
                postgres.kill();
                postgres.start_again();
                kills.fetch_add(1, Ordering::Relaxed);
            }
            postgres
        }
    });
    let mut told = BTreeMap::<u32, u32>::new();
    let mut round = 0;
    // A fast machine is through with sixty before the database was killed often enough.
    while round < 60 || kills.load(Ordering::Relaxed) < 3 {
        // The servers take turns at issuing nonces, and each nonce is used on both. Issuing needs
        // no database.
        let mut issuer = Client::connect(addresses[round % 2]).await.expect("connected");
        let nonce = issuer.nonce().await.expect("a nonce");
        let headers = Client::sign(&owner, &nonce, &[]).expect("signed");
        let yeses = yeses(addresses, path.clone(), Arc::new(headers)).await;
        *told.entry(yeses).or_default() += 1;
        round += 1;
    }
    stop.store(true, Ordering::Relaxed);
    let postgres = killer.join().expect("no panic");
    println!(
        "the database was killed {} times; nonces by how often they served: {told:?}",
        kills.load(Ordering::Relaxed)
    );
    assert!(told.keys().all(|yeses| *yeses <= 1), "a nonce served twice: {told:?}");
    // If an answer was lost after the commit, its nonce served no client. Mostly a nonce served one
    // client.
    assert!(told[&1] as usize * 3 >= round * 2, "{told:?}");
    for address in addresses {
        ready(address).await.expect("it recovers by itself");
    }
    let mut elsewhere = Client::connect(other.address).await.expect("connected");
    assert_eq!(elsewhere.open(slot, &owner).await.expect("what one stored the other opens"), "shared");
    drop(postgres);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_a_server_says_503_and_when_to_come_again() {
    let mut place = Place::new(Kind::Postgres).expect("a place");
    let server = place.start(&UNLIMITED).expect("a server");
    let mut client = Client::connect(server.address).await.expect("connected");
    let (vault, owner) = (client.vault_key().await.expect("a key"), wallet(1));
    let body = store_body(&vault, &owner, "kept").expect("sealed");
    let slot = client.store(body.clone()).await.expect("answered").slot().expect("stored");
    place.postgres.as_mut().expect("a database").kill();
    let stored = client.store(store_body(&vault, &owner, "x").expect("sealed")).await.expect("answered");
    assert_eq!((stored.status, stored.json()["code"].as_str()), (503, Some("store_unavailable")));
    assert!(stored.headers.contains_key("retry-after"));
    assert_eq!(client.send("GET", "/health/live", &[], "").await.expect("answered").status, 200);
    assert_eq!(client.send("GET", "/attestation", &[], "").await.expect("answered").status, 200);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(client.send("GET", "/health/ready", &[], "").await.expect("answered").status, 503);
    place.postgres.as_mut().expect("a database").start_again();
    ready(server.address).await.expect("it recovers by itself");
    assert_eq!(client.open(slot, &owner).await.expect("opened"), "kept");
    // An answer may have been lost. The same request again finds its slot.
    assert_eq!(client.store(body).await.expect("answered").slot().expect("stored"), slot);
}

/// One wallet pushes to both at once. Each version is taken once, a session of one serves on the
/// other, and a retry there is not an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_keep_one_series_of_versions() {
    const VERSIONS: usize = 4;
    let place = Place::new(Kind::Postgres).expect("a place");
    let arguments = [&UNLIMITED[..], &["--verification-rate=0", "--backup-rate=0"]].concat();
    let servers = [place.start(&arguments), place.start_another("other", &arguments)];
    let addresses = servers.each_ref().map(|server| server.as_ref().expect("a server").address);
    let wallets = Arc::new(prepare(2, VERSIONS, 1000).expect("signed"));
    let mut clients = Vec::new();
    for address in addresses {
        clients.push(Client::connect(address).await.expect("connected"));
    }
    let session = wallets[0].session(&mut clients[0]).await.expect("a session");
    for number in 1..=VERSIONS {
        let mut pushes = JoinSet::new();
        for n in 0..6 {
            let wallets = Arc::clone(&wallets);
            pushes.spawn(async move {
                let mut client = Client::connect(addresses[n % 2]).await.expect("connected");
                let body = wallets[0].version(number).expect("signed").to_json().into_bytes();
                client.send("POST", &wallets[0].path(), &[], body).await.expect("answered").status
            });
        }
        assert_eq!(pushes.join_all().await, [200; 6], "version {number}");
        for client in &mut clients {
            let read = client.send("GET", &wallets[0].path(), &session, "").await.expect("answered");
            assert_eq!((read.status, &read.json()["backup"]["version"]), (200, &number.into()));
            wallets[0].is_whole(number, &read.json()).expect("as it was pushed");
        }
    }
    // Both refuse a version that comes too early.
    let early = wallets[1].version(2).expect("signed").to_json().into_bytes();
    for client in &mut clients {
        let refused = client.send("POST", &wallets[1].path(), &[], early.clone()).await.expect("answered");
        assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("backup_counter")));
    }
}
