//! What a store makes of what a power loss left.

use crate::standing::{Act, Standing, expired};
use crate::workload::{Call, DATABASE, EVERYBODY, PRINCIPALS, open};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use strongroom::SlotId;
use strongroom_store::{Inserted, SlotContent, SlotRow, SqliteStore, Store, Tag};
use strongroom_testkit::recording_vfs::{Operation, crash_image};
use strongroom_testkit::seeded_random::SeededRandom;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// A folder as it may be found after the crash.
pub(crate) fn crash(log: &[Operation], seed: u64) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in crash_image(log, &mut SeededRandom::new(seed)) {
        std::fs::write(folder.path().join(name), bytes).expect("written");
    }
    folder
}

fn check_integrity(folder: &Path) {
    let db = Connection::open(folder.join(DATABASE)).expect("the file");
    let found: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
    assert_eq!(found, "ok");
}

/// Opens what a crash at `point` left, and checks that it holds all that was answered and nothing
/// else. A call that was in flight may be there as a whole.
pub(crate) async fn check(folder: &Path, calls: &[Call], point: usize) {
    let store = Arc::new(open(folder));
    let rows = rows_of(&store, EVERYBODY).await;
    let mut standing = Standing::default();
    calls.iter().filter(|call| call.is_answered(point)).for_each(|call| standing.apply(&call.act));
    let mut undone = Vec::new();
    for call in calls.iter().filter(|call| call.is_in_flight(point)) {
        if was_done(&call.act, &rows, &standing) {
            standing.apply(&call.act);
        } else {
            undone.extend(call.act.content().and_then(|content| content.held));
        }
    }

    for principal in PRINCIPALS.into_iter().chain([EVERYBODY]) {
        let listed =
            standing.slots.iter().filter(|(_, (_, content))| content.principals.contains(&principal));
        let expected = listed.map(|(slot, (generation, _))| (*slot, *generation)).collect::<BTreeSet<_>>();
        let found = rows_of(&store, principal).await;
        let found = found.iter().map(|row| (row.slot, row.generation)).collect::<BTreeSet<_>>();
        let lost: Vec<_> = expected.difference(&found).collect();
        let undue: Vec<_> = found.difference(&expected).collect();
        assert!(lost.is_empty() && undue.is_empty(), "{principal:?} lost {lost:?}, found {undue:?}");
    }
    for row in &rows {
        assert!(row.record == standing.slots[&row.slot].1.record, "the record of {}", row.slot);
    }
    let made = calls.iter().filter(|call| call.started <= point);
    for slot in made.filter_map(|call| call.act.slot()).collect::<BTreeSet<_>>() {
        let found = store.slot(slot).await.expect("read");
        assert_eq!(found.is_some(), standing.slots.contains_key(&slot), "{slot} by its name");
    }
    check_integrity(folder);

    // They run at once, to share commits.
    let mut probes = JoinSet::new();
    let held = standing.held.into_iter().map(|(tag, slot)| (tag, Inserted::Held(slot)));
    for (tag, expected) in held.chain(undone.into_iter().map(|tag| (tag, Inserted::Stored))) {
        let store = Arc::clone(&store);
        probes.spawn(async move {
            let content =
                SlotContent { record: vec![1], expires_at: None, held: Some(tag), principals: vec![] };
            let inserted = store.insert(SlotId::from_bytes(tag.0), content).await.expect("asked");
            assert_eq!(inserted, expected, "{tag:?}");
        });
    }
    for nonce in standing.nonces.into_keys() {
        let store = Arc::clone(&store);
        probes.spawn(async move {
            assert!(!store.spend_nonce(nonce, i64::MAX).await.expect("asked"), "{nonce:?} stays spent");
        });
    }
    probes.join_all().await;
}

async fn rows_of(store: &SqliteStore, principal: Tag) -> Vec<SlotRow> {
    let page = store.slots_of(principal, None, 10_000).await.expect("listed");
    assert!(!page.more, "all of it fits into one page");
    page.rows
}

/// Whether a call without an answer was done. If it was done in part, either result shows it later.
fn was_done(act: &Act, rows: &[SlotRow], standing: &Standing) -> bool {
    let rows: BTreeMap<_, _> = rows.iter().map(|row| (row.slot, row.generation)).collect();
    match act {
        Act::Insert(slot, _) => rows.contains_key(slot),
        Act::Replace(slot, generation, _) => rows.get(slot) == Some(&(generation + 1)),
        Act::Delete(slot) => !rows.contains_key(slot),
        // Nothing else tells, and either is right, so the check does not ask for it.
        Act::Spend(..) => false,
        Act::Sweep(now) => {
            let mut swept = standing.slots.iter().filter(|(_, (_, content))| expired(content, *now));
            !swept.any(|(slot, _)| rows.contains_key(slot))
        }
    }
}
