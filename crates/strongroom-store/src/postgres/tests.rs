use super::connections::CALL_TIMEOUT;
use super::*;
use crate::conformance;
use std::sync::Arc;
use std::time::{Duration, Instant};
use strongroom_testkit::postgres::TempPostgres;

async fn connect(url: &str) -> Result<PostgresDatabase, StoreError> {
    let url = url.parse().expect("a URL");
    PostgresDatabase::connect(&url, &PostgresOptions::default()).await
}

async fn open(url: &str) -> PostgresStore {
    connect(url).await.expect("reached").open(&[1; 32]).await.expect("a store")
}

fn content(record: &[u8]) -> SlotContent {
    SlotContent { record: record.to_vec(), expires_at: None, held: None, principals: vec![] }
}

#[tokio::test]
async fn it_conforms() {
    let postgres = TempPostgres::start();
    conformance::run(&open(&postgres.url("vault")).await).await;
}

#[tokio::test]
async fn servers_that_start_at_once_on_an_empty_database_share_it() {
    let postgres = TempPostgres::start();
    let url = Arc::new(postgres.url("vault"));
    let mut starting = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let url = Arc::clone(&url);
        starting.spawn(async move { open(&url).await });
    }
    let stores = starting.join_all().await;
    let slot = SlotId::from_bytes([7; 32]);
    stores[0].insert(slot, content(b"shared")).await.expect("stored");
    assert_eq!(stores[7].slot(slot).await.expect("read").expect("there").record, b"shared");
    let mut spent = 0;
    for store in &stores {
        spent += u32::from(store.spend_nonce([1; 16], i64::MAX).await.expect("answered"));
    }
    assert_eq!(spent, 1);
    assert!(stores[0].is_shared());
}

#[tokio::test]
async fn the_store_of_another_vault_and_unknown_tables_are_refused() {
    let postgres = TempPostgres::start();
    let url = postgres.url("vault");
    assert_eq!(connect(&url).await.expect("reached").vault_id().await.expect("asked"), None);
    drop(open(&url).await);
    assert_eq!(connect(&url).await.expect("reached").vault_id().await.expect("asked"), Some([1; 32]));
    let other = connect(&url).await.expect("reached").open(&[2; 32]).await;
    assert!(matches!(other, Err(StoreError::ForeignVault)));
    postgres.sql("vault", "UPDATE strongroom.vault SET schema = 99");
    let unknown = connect(&url).await.expect("reached").open(&[1; 32]).await;
    assert!(matches!(unknown, Err(StoreError::UnknownSchema(99))));
}

/// Several servers at once find the store of a build without backups.
#[tokio::test]
async fn older_tables_get_those_of_backups_and_recovery() {
    let postgres = TempPostgres::start();
    let url = Arc::new(postgres.url("vault"));
    drop(open(&url).await);
    postgres.sql(
        "vault",
        "DROP TABLE strongroom.backup_series, strongroom.backup_version, strongroom.backup_digest, strongroom.recovery; UPDATE strongroom.vault SET schema = 1",
    );
    let mut starting = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let url = Arc::clone(&url);
        starting.spawn(async move { open(&url).await });
    }
    let stores = starting.join_all().await;
    conformance::run(&stores[0]).await;
}

#[tokio::test]
async fn a_database_that_may_lose_commits_is_refused_and_sessions_do_not_weaken_it() {
    for setting in ["fsync", "full_page_writes"] {
        let postgres = TempPostgres::with(&[&format!("{setting}=off")]);
        let refused = connect(&postgres.url("vault")).await;
        assert!(matches!(refused, Err(StoreError::Unsafe(name)) if name == setting));
    }
    let postgres = TempPostgres::with(&["synchronous_commit=off"]);
    let store = open(&postgres.url("vault")).await;
    let shown = store
        .connections
        .call(|client| async move { client.query_one("SHOW synchronous_commit", &[]).await })
        .await;
    assert_eq!(shown.expect("shown").get::<_, String>(0), "on");
}

// On threads of their own, connections notice their end as they do in a server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_costs_calls_of_that_moment_and_nothing_acknowledged() {
    let mut postgres = TempPostgres::start();
    let store = open(&postgres.url("vault")).await;
    let slot = SlotId::from_bytes([7; 32]);
    store.insert(slot, content(b"kept")).await.expect("stored");
    assert!(store.spend_nonce([9; 16], i64::MAX).await.expect("spent"));
    postgres.kill();
    let start = Instant::now();
    assert!(store.slot(slot).await.is_err(), "nobody answers");
    assert!(start.elapsed() < CALL_TIMEOUT + Duration::from_secs(1));
    postgres.start_again();
    assert_eq!(store.slot(slot).await.expect("it is there again").expect("kept").record, b"kept");
    assert!(!store.spend_nonce([9; 16], i64::MAX).await.expect("asked"));
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_given_up_in_time() {
    let postgres = TempPostgres::start();
    let store = open(&postgres.url("vault")).await;
    store.ready().await.expect("ready");
    postgres.freeze(true);
    let start = Instant::now();
    assert!(store.ready().await.is_err());
    assert!(start.elapsed() < CALL_TIMEOUT + Duration::from_secs(1), "{:?}", start.elapsed());
    postgres.freeze(false);
    store.ready().await.expect("and serves again");
}

/// Two calls lock the same rows in opposite order: the database ends one, and it is tried again.
#[tokio::test]
async fn what_the_database_gives_up_for_anothers_sake_is_tried_again() {
    let postgres = TempPostgres::start();
    let store = Arc::new(open(&postgres.url("vault")).await);
    let tags: Vec<Tag> = (0..50).map(|n| Tag([n; 32])).collect();
    for n in [1, 2] {
        store.insert(SlotId::from_bytes([n; 32]), content(b"x")).await.expect("stored");
    }
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..100_u64 {
        let (store, mut principals) = (Arc::clone(&store), tags.clone());
        if n % 2 == 0 {
            principals.reverse();
        }
        calls.spawn(async move {
            let slot = SlotId::from_bytes([1 + (n % 2) as u8; 32]);
            let generation = store.slot(slot).await.expect("read").expect("there").generation;
            store.replace(slot, generation, SlotContent { principals, ..content(b"y") }).await.map(drop)
        });
    }
    assert!(calls.join_all().await.iter().all(Result::is_ok));
}

/// Each answer has a sync of its own, as the database counts them: answers one after the other
/// cannot share one. The database's own setting would do without.
#[tokio::test]
async fn every_answer_follows_a_sync_of_the_log() {
    let postgres = TempPostgres::with(&["synchronous_commit=off"]);
    // From version 18 on the count is in another view.
    let newer = postgres.sql("vault", "SHOW server_version_num").parse::<u32>().expect("a number") >= 180_000;
    let count = if newer {
        "SELECT sum(fsyncs)::bigint FROM pg_stat_io WHERE object = 'wal'"
    } else {
        "SELECT wal_sync FROM pg_stat_wal"
    };
    let syncs = || postgres.sql("vault", count).parse::<u32>().expect("a number");
    let store = open(&postgres.url("vault")).await;
    let before = syncs();
    const ANSWERS: u8 = 50;
    for n in 0..ANSWERS {
        assert!(store.spend_nonce([n; 16], i64::MAX).await.expect("spent"));
    }
    // The database reports its counts late: when a connection is idle, or ends.
    drop(store);
    let deadline = Instant::now() + Duration::from_secs(10);
    while syncs() < before + u32::from(ANSWERS) {
        assert!(Instant::now() < deadline, "{} syncs for {ANSWERS} answers", syncs() - before);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
