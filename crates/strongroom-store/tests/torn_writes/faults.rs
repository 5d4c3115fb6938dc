//! What a store answers when its files fail, and what that leaves.

use crate::crash::{check, crash};
use crate::standing::Act;
use crate::workload::{Call, EVERYBODY, open};
use strongroom::SlotId;
use strongroom_store::{SlotContent, SqliteStore, Store, StoreError, Tag};
use strongroom_testkit::recording_vfs::Recording;

#[tokio::test]
async fn a_full_disk_fails_writes_and_not_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let recording = Recording::start(folder.path());
    let store = open(folder.path());
    let mut done = vec![insertion(1), insertion(2)];
    assert_served(&store, &done).await;

    recording.fail_writes_full(true);
    let mut failing = changes();
    let full = |error: &StoreError| matches!(error, StoreError::Full(_));
    assert_fail(&store, &failing, full).await;
    // Readers must sign in to read. For this run the mark in memory counts.
    assert!(store.spend_nonce([5; 16], i64::MAX).await.expect("spent"));
    assert!(!store.spend_nonce([5; 16], i64::MAX).await.expect("asked"));
    assert_holds_what_was_inserted(&store).await;

    // What failed has taken nothing, neither held tags nor generations.
    recording.fail_writes_full(false);
    failing.push(Act::Spend([6; 16], i64::MAX));
    assert_served(&store, &failing).await;
    done.append(&mut failing);
    drop(store);
    let log = recording.stop();
    let done: Vec<_> = done.into_iter().map(answered).collect();
    check(folder.path(), &done, 0).await;
    for seed in 0..20 {
        check(crash(&log, seed).path(), &done, 0).await;
    }
}

#[tokio::test]
async fn a_failed_sync_is_no_success() {
    let folder = tempfile::tempdir().expect("a folder");
    let recording = Recording::start(folder.path());
    let store = open(folder.path());
    let mut done = vec![insertion(1), insertion(2)];
    assert_served(&store, &done).await;

    recording.fail_syncs(true);
    let failing = changes();
    assert_fail(&store, &failing, |error| matches!(error, StoreError::Database(_))).await;
    assert_holds_what_was_inserted(&store).await;
    let failed = recording.length();

    // The next commits overwrite what the failed ones wrote, so it cannot come back after them.
    recording.fail_syncs(false);
    let later = [insertion(5), Act::Spend([6; 16], i64::MAX)];
    assert_served(&store, &later).await;
    drop(store);
    let log = recording.stop();
    let in_flight = failing.into_iter().map(|act| Call { act, started: 0, answered: None });
    let in_doubt: Vec<_> = done.iter().cloned().map(answered).chain(in_flight).collect();
    done.extend(later);
    let done: Vec<_> = done.into_iter().map(answered).collect();
    check(folder.path(), &done, 0).await;
    for seed in 0..20 {
        check(crash(&log[..failed], seed).path(), &in_doubt, 0).await;
        check(crash(&log, seed).path(), &done, 0).await;
    }
}

fn slot(n: u8) -> SlotId {
    SlotId::from_bytes([n; 32])
}

fn content(n: u8) -> SlotContent {
    SlotContent {
        record: vec![n; 5000],
        expires_at: None,
        held: Some(Tag([n; 32])),
        principals: vec![EVERYBODY],
    }
}

fn insertion(n: u8) -> Act {
    Act::Insert(slot(n), content(n))
}

/// One change of every kind, after the slots 1 and 2 were inserted.
fn changes() -> Vec<Act> {
    vec![insertion(3), Act::Replace(slot(1), 1, content(4)), Act::Delete(slot(2))]
}

/// A call that was answered before anything that the check asks about.
fn answered(act: Act) -> Call {
    Call { act, started: 0, answered: Some(0) }
}

async fn assert_served(store: &SqliteStore, acts: &[Act]) {
    for act in acts {
        assert!(act.clone().run(store).await.expect("served"));
    }
}

async fn assert_fail(store: &SqliteStore, acts: &[Act], expected: fn(&StoreError) -> bool) {
    for act in acts {
        let answer = act.clone().run(store).await;
        assert!(answer.as_ref().is_err_and(expected), "{answer:?}");
    }
}

/// Checks the store that goes on running.
async fn assert_holds_what_was_inserted(store: &SqliteStore) {
    for n in [1, 2] {
        let row = store.slot(slot(n)).await.expect("read").expect("it is there");
        assert_eq!((row.generation, row.record), (1, content(n).record));
    }
    assert_eq!(store.slot(slot(3)).await.expect("read"), None);
    assert_eq!(store.slots_of(EVERYBODY, None, 9).await.expect("listed").rows.len(), 2);
}
