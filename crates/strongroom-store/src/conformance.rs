//! What every [`Store`] does, as one suite. Each back end's tests call [`run`] on an empty store.

use crate::expiry::{SWEEP_BATCH, SWEEP_MARGIN_S};
use crate::{
    Answer, HeadRow, Inserted, MAX_BACKUPS, MAX_PAGE_BYTES, NewVersion, Pushed, Replaced, SlotContent, Store,
    StoreError, Tag,
};
use std::task::Poll;
use strongroom::SlotId;

fn slot(n: u8) -> SlotId {
    SlotId::from_bytes([n; 32])
}

fn content(record: &[u8], held: Option<u8>, principals: &[u8]) -> SlotContent {
    SlotContent {
        record: record.to_vec(),
        expires_at: None,
        held: held.map(|n| Tag([n; 32])),
        principals: principals.iter().map(|n| Tag([*n; 32])).collect(),
    }
}

/// Sixteen callers with the same nonce: one spends it.
async fn spends_once_among_many(store: &dyn Store) {
    for nonce in 100..120 {
        let spends = (0..16).map(|_| store.spend_nonce([nonce; 16], 9_000_000_000));
        let spent = join_all(spends).await;
        assert_eq!(spent.into_iter().filter(|spent| *spent.as_ref().expect("answered")).count(), 1);
    }
}

/// Sixteen callers with the same held tag, or for the same generation: one wins.
async fn holds_and_replaces_once_among_many(store: &dyn Store) {
    let inserts = (100..116).map(|n| store.insert(slot(n), content(b"x", Some(100), &[100])));
    let inserted: Vec<_> = join_all(inserts).await.into_iter().map(|made| made.expect("answered")).collect();
    assert_eq!(inserted.iter().filter(|made| **made == Inserted::Stored).count(), 1);
    let holder = inserted.iter().find_map(|made| match made {
        Inserted::Held(holder) => Some(*holder),
        Inserted::Stored => None,
    });
    let holder = holder.expect("fifteen were told");
    assert!(inserted.iter().all(|made| matches!(made, Inserted::Stored) || *made == Inserted::Held(holder)));
    let replaces = (0..16).map(|n| store.replace(holder, 1, content(&[n], Some(101 + n), &[n])));
    let replaced: Vec<_> = join_all(replaces).await.into_iter().map(|made| made.expect("answered")).collect();
    assert_eq!(replaced.iter().filter(|made| **made == Replaced::Stored(2)).count(), 1);
    assert_eq!(replaced.iter().filter(|made| **made == Replaced::Changed).count(), 15);
}

async fn join_all<T: Send>(answers: impl Iterator<Item = Answer<'_, T>>) -> Vec<Result<T, StoreError>> {
    let mut waiting: Vec<_> = answers.map(|answer| (answer, None)).collect();
    std::future::poll_fn(|context| {
        for (answer, result) in &mut waiting {
            if result.is_none()
                && let Poll::Ready(ready) = answer.as_mut().poll(context)
            {
                *result = Some(ready);
            }
        }
        if waiting.iter().all(|(_, result)| result.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    waiting.into_iter().map(|(_, result)| result.expect("all are ready")).collect()
}

/// Runs the suite; panics where the store does not conform.
pub(crate) async fn run(store: &dyn Store) {
    store.ready().await.expect("ready");
    inserts_and_reads(store).await;
    holds_for_ever(store).await;
    replaces_by_generation(store).await;
    lists_by_principal(store).await;
    spends_once(store).await;
    sweeps_what_expired(store).await;
    spends_once_among_many(store).await;
    holds_and_replaces_once_among_many(store).await;
    pushes_by_revision(store).await;
    takes_a_digest_once(store).await;
    deletes_versions_and_purges_them(store).await;
    lists_the_backups_of_an_owner(store).await;
    pushes_once_among_many(store).await;
    keeps_one_envelope_of_recovery(store).await;
}

async fn keeps_one_envelope_of_recovery(store: &dyn Store) {
    assert_eq!(store.recovery().await.expect("read"), None);
    for envelope in [&b"one"[..], b"another"] {
        store.set_recovery(Some(envelope.to_vec())).await.expect("set");
        assert_eq!(store.recovery().await.expect("read").as_deref(), Some(envelope));
    }
    store.set_recovery(None).await.expect("taken away");
    assert_eq!(store.recovery().await.expect("read"), None);
}

fn version(expected: u64, number: u64, digest: Option<u8>) -> NewVersion {
    NewVersion {
        owner: Tag([77; 32]),
        expected,
        head: format!("head {number}").into_bytes(),
        changed_at: 1000 + number as i64,
        number,
        record: format!("version {number}").into_bytes(),
        digest: digest.map(|n| Tag([n; 32])),
        gone: number.checked_sub(2).into_iter().collect(),
    }
}

async fn numbers(store: &dyn Store, backup: Tag) -> Vec<u64> {
    let mut there = Vec::new();
    for number in 1..10 {
        if let Some(record) = store.version(backup, number).await.expect("read") {
            assert_eq!(record, format!("version {number}").into_bytes());
            there.push(number);
        }
    }
    there
}

async fn pushes_by_revision(store: &dyn Store) {
    let backup = Tag([1; 32]);
    assert_eq!(store.head(backup).await.expect("read"), None);
    for wrong in [1, 7] {
        assert_eq!(store.push(backup, version(wrong, 1, None)).await.expect("asked"), Pushed::Changed);
    }
    assert_eq!(store.push(backup, version(0, 1, None)).await.expect("pushed"), Pushed::Stored);
    let head = |revision, number| Some(HeadRow { revision, record: format!("head {number}").into_bytes() });
    assert_eq!(store.head(backup).await.expect("read"), head(1, 1));
    for wrong in [0, 2] {
        assert_eq!(store.push(backup, version(wrong, 2, Some(60))).await.expect("asked"), Pushed::Changed);
    }
    assert_eq!(store.head(backup).await.expect("read"), head(1, 1), "a refusal changes nothing");
    assert_eq!(numbers(store, backup).await, [1]);
    // The refusal has not taken the digest either.
    assert_eq!(store.push(backup, version(1, 2, Some(60))).await.expect("pushed"), Pushed::Stored);
    assert_eq!(store.push(backup, version(2, 3, None)).await.expect("pushed"), Pushed::Stored);
    assert_eq!(store.head(backup).await.expect("read"), head(3, 3));
    assert_eq!(numbers(store, backup).await, [2, 3], "the last two are kept");
    assert_eq!(store.version(backup, u64::MAX).await.expect("read"), None);
}

async fn takes_a_digest_once(store: &dyn Store) {
    let [one, other, new] = [Tag([2; 32]), Tag([3; 32]), Tag([4; 32])];
    assert_eq!(store.push(one, version(0, 1, Some(61))).await.expect("pushed"), Pushed::Stored);
    assert_eq!(store.push(one, version(1, 2, Some(61))).await.expect("asked"), Pushed::Superseded);
    assert_eq!(store.push(new, version(0, 1, Some(61))).await.expect("asked"), Pushed::Superseded);
    assert_eq!(store.head(new).await.expect("read"), None, "no backup was made");
    assert_eq!(store.push(other, version(0, 1, Some(62))).await.expect("pushed"), Pushed::Stored);
    assert_eq!(store.push(other, version(1, 2, Some(61))).await.expect("asked"), Pushed::Superseded);
    assert_eq!(store.head(other).await.expect("read").map(|head| head.revision), Some(1));
    assert_eq!(numbers(store, other).await, [1]);
}

async fn deletes_versions_and_purges_them(store: &dyn Store) {
    let backup = Tag([5; 32]);
    for number in 1..=2 {
        store.push(backup, version(number - 1, number, Some(62 + number as u8))).await.expect("pushed");
    }
    let delete = async |expected| {
        store.delete_versions(backup, expected, b"deleted".to_vec(), 2000, 3000).await.expect("asked")
    };
    assert!(!delete(1).await && !delete(3).await && !delete(u64::MAX).await);
    assert!(delete(2).await);
    let head = store.head(backup).await.expect("read").expect("there");
    assert_eq!((head.revision, &head.record[..]), (3, &b"deleted"[..]));
    assert_eq!(numbers(store, backup).await, [1, 2], "they can be read until they are swept");
    // Later versions are marked only by a later deletion.
    for number in 3..=5 {
        let new = NewVersion { gone: vec![], ..version(number, number, None) };
        store.push(backup, new).await.expect("pushed");
    }
    store.sweep(2999).await.expect("swept");
    assert_eq!(numbers(store, backup).await, [1, 2, 3, 4, 5]);
    store.sweep(3000).await.expect("swept");
    assert_eq!(numbers(store, backup).await, [3, 4, 5]);
    let many = NewVersion { gone: vec![3, 5, 99], ..version(6, 6, None) };
    store.push(backup, many).await.expect("pushed");
    assert_eq!(numbers(store, backup).await, [4, 6]);
    let again = store.push(backup, version(7, 7, Some(63))).await;
    assert_eq!(again.expect("asked"), Pushed::Superseded, "a digest outlives its version");
}

async fn lists_the_backups_of_an_owner(store: &dyn Store) {
    let owner = Tag([78; 32]);
    assert_eq!(store.backups_of(owner).await.expect("listed"), []);
    for n in 0..MAX_BACKUPS as u8 + 5 {
        let new = NewVersion { owner, changed_at: i64::from(n), ..version(0, 1, None) };
        store.push(Tag([100 + n; 32]), new).await.expect("pushed");
    }
    let listed = store.backups_of(owner).await.expect("listed");
    assert_eq!(listed.len(), MAX_BACKUPS as usize);
    let newest: Vec<u8> = listed.iter().take(3).map(|backup| backup.tag.0[0]).collect();
    assert_eq!(newest, [204, 203, 202]);
    assert_eq!(listed[0].head, HeadRow { revision: 1, record: b"head 1".to_vec() });
    // A deletion is a change too: the backup comes first in the list.
    store.delete_versions(Tag([110; 32]), 1, b"deleted".to_vec(), 9000, 9999).await.expect("deleted");
    assert_eq!(store.backups_of(owner).await.expect("listed")[0].tag, Tag([110; 32]));
}

/// Sixteen callers make the same backup, follow the same version, or bring the same digest: one
/// wins.
async fn pushes_once_among_many(store: &dyn Store) {
    let count = |pushed: Vec<Result<Pushed, StoreError>>, what| {
        pushed.into_iter().filter(|pushed| *pushed.as_ref().expect("answered") == what).count()
    };
    for round in 0..8 {
        let backup = Tag([10 + round; 32]);
        let made = join_all((0..16).map(|_| store.push(backup, version(0, 1, None)))).await;
        assert_eq!(count(made, Pushed::Stored), 1);
        let followed = join_all((0..16).map(|_| store.push(backup, version(1, 2, None)))).await;
        assert_eq!(count(followed, Pushed::Stored), 1);
        let name = |n: u8| Tag([[30 + n; 16], [round; 16]].concat().try_into().expect("32 bytes"));
        let new = || NewVersion { owner: Tag([79; 32]), ..version(0, 1, Some(200 + round)) };
        let apart = join_all((0..16).map(|n| store.push(name(n), new()))).await;
        assert_eq!(count(apart, Pushed::Stored), 1);
        let heads = join_all((0..16).map(|n| store.head(name(n)))).await;
        let made = heads.into_iter().filter(|head| head.as_ref().expect("read").is_some()).count();
        assert_eq!(made, 1, "those who lost have left no backup behind");
    }
}

async fn inserts_and_reads(store: &dyn Store) {
    assert_eq!(store.slot(slot(1)).await.expect("read"), None);
    let inserted = store.insert(slot(1), content(b"one", None, &[])).await;
    assert_eq!(inserted.expect("inserted"), Inserted::Stored);
    let row = store.slot(slot(1)).await.expect("read").expect("there");
    assert_eq!((row.slot, row.generation, &row.record[..]), (slot(1), 1, &b"one"[..]));
    assert!(store.insert(slot(1), content(b"again", None, &[])).await.is_err(), "a slot is used once");
    assert!(store.delete(slot(1)).await.expect("deleted"));
    assert!(!store.delete(slot(1)).await.expect("asked"));
    assert_eq!(store.slot(slot(1)).await.expect("read"), None);
}

async fn holds_for_ever(store: &dyn Store) {
    let held = content(b"held", Some(10), &[]);
    assert_eq!(store.insert(slot(2), held.clone()).await.expect("inserted"), Inserted::Stored);
    assert_eq!(store.insert(slot(3), held.clone()).await.expect("asked"), Inserted::Held(slot(2)));
    assert_eq!(store.slot(slot(3)).await.expect("read"), None, "nothing of it was stored");
    // The first tag stays taken after a replacement.
    let replaced = store.replace(slot(2), 1, content(b"new", Some(11), &[])).await;
    assert_eq!(replaced.expect("replaced"), Replaced::Stored(2));
    assert_eq!(store.insert(slot(3), held.clone()).await.expect("asked"), Inserted::Held(slot(2)));
    // Both tags stay taken after the deletion.
    assert!(store.delete(slot(2)).await.expect("deleted"));
    for tag in [10, 11] {
        let inserted = store.insert(slot(3), content(b"x", Some(tag), &[])).await;
        assert_eq!(inserted.expect("asked"), Inserted::Held(slot(2)), "tag {tag}");
    }
}

async fn replaces_by_generation(store: &dyn Store) {
    let gone = store.replace(slot(4), 1, content(b"x", None, &[])).await;
    assert_eq!(gone.expect("asked"), Replaced::Changed);
    store.insert(slot(4), content(b"a", Some(20), &[])).await.expect("inserted");
    store.insert(slot(5), content(b"b", Some(21), &[])).await.expect("inserted");
    for generation in [0, 2, u64::MAX] {
        let replaced = store.replace(slot(4), generation, content(b"x", None, &[])).await;
        assert_eq!(replaced.expect("asked"), Replaced::Changed, "generation {generation}");
    }
    let kept = store.replace(slot(4), 1, content(b"a2", None, &[])).await;
    assert_eq!(kept.expect("replaced"), Replaced::Stored(2));
    for tag in [20, 21] {
        let taken = store.replace(slot(4), 2, content(b"a3", Some(tag), &[])).await;
        assert_eq!(taken.expect("asked"), Replaced::Held, "tag {tag}");
    }
    let row = store.slot(slot(4)).await.expect("read").expect("there");
    assert_eq!((row.generation, &row.record[..]), (2, &b"a2"[..]), "a refusal changes nothing");
}

async fn lists_by_principal(store: &dyn Store) {
    for n in [33, 31, 32] {
        store.insert(slot(n), content(&[n], None, &[1, 2])).await.expect("inserted");
    }
    let listed = async |principal: u8, after: Option<u8>, limit| {
        let page = store.slots_of(Tag([principal; 32]), after.map(slot), limit).await.expect("listed");
        (page.rows.iter().map(|row| row.slot.as_bytes()[0]).collect::<Vec<_>>(), page.more)
    };
    assert_eq!(listed(1, None, 3).await, (vec![31, 32, 33], false));
    assert_eq!(listed(1, None, 2).await, (vec![31, 32], true));
    assert_eq!(listed(1, Some(32), 2).await, (vec![33], false));
    assert_eq!(listed(3, None, 10).await, (vec![], false));
    store.replace(slot(32), 1, content(b"", None, &[2, 3])).await.expect("replaced");
    store.delete(slot(33)).await.expect("deleted");
    assert_eq!(listed(1, None, 10).await, (vec![31], false));
    assert_eq!(listed(2, None, 10).await, (vec![31, 32], false));
    assert_eq!(listed(3, None, 10).await, (vec![32], false));
    // A page ends before it is too large, and never before its first row.
    for n in [51, 52, 53] {
        store.insert(slot(n), content(&vec![n; MAX_PAGE_BYTES / 2 + 1], None, &[5])).await.expect("inserted");
    }
    assert_eq!(listed(5, None, 10).await, (vec![51], true));
    assert_eq!(listed(5, Some(52), 10).await, (vec![53], false));
}

async fn spends_once(store: &dyn Store) {
    assert!(store.spend_nonce([1; 16], 1000).await.expect("spent"));
    assert!(!store.spend_nonce([1; 16], 1000).await.expect("asked"));
    assert!(store.spend_nonce([2; 16], 1000).await.expect("spent"));
}

async fn sweeps_what_expired(store: &dyn Store) {
    let expiring = |at, held| SlotContent { expires_at: Some(at), ..content(b"", Some(held), &[9]) };
    store.insert(slot(41), expiring(1999, 41)).await.expect("inserted");
    store.insert(slot(42), expiring(2001, 42)).await.expect("inserted");
    assert_eq!(store.sweep(2000).await.expect("swept"), 1);
    assert_eq!(store.slot(slot(41)).await.expect("read"), None);
    assert!(store.slot(slot(42)).await.expect("read").is_some());
    assert_eq!(store.slots_of(Tag([9; 32]), None, 10).await.expect("listed").rows.len(), 1);
    // These are more than one step of a sweep forgets.
    let many = SWEEP_BATCH as u16 + 10;
    for n in 0..many {
        let mut name = [99; 32];
        name[..2].copy_from_slice(&n.to_be_bytes());
        let expiring = SlotContent { expires_at: Some(1000), ..content(b"", None, &[10]) };
        store.insert(SlotId::from_bytes(name), expiring).await.expect("inserted");
    }
    assert_eq!(store.sweep(2000).await.expect("swept"), u64::from(many));
    assert!(store.slots_of(Tag([10; 32]), None, 10).await.expect("listed").rows.is_empty());
    let again = store.insert(slot(43), expiring(5000, 41)).await;
    assert_eq!(again.expect("asked"), Inserted::Held(slot(41)), "an expired tag stays");
    assert!(store.spend_nonce([3; 16], 3000).await.expect("spent"));
    assert_eq!(store.sweep(2500).await.expect("swept"), 1);
    assert!(!store.spend_nonce([3; 16], 3000).await.expect("asked"), "kept until its time");
    // A clock that goes back after a sweep revives no nonce: what the sweep may have forgotten is
    // refused.
    assert_eq!(store.sweep(3000 + 2 * SWEEP_MARGIN_S).await.expect("swept"), 0);
    assert!(!store.spend_nonce([3; 16], 3000).await.expect("asked"), "forgotten and refused");
    assert!(!store.spend_nonce([4; 16], 3000).await.expect("asked"), "as one that might have been forgotten");
    assert_eq!(store.sweep(0).await.expect("swept"), 0);
    assert!(!store.spend_nonce([3; 16], 3000).await.expect("asked"), "whatever the clock says then");
    assert!(store.spend_nonce([5; 16], 4000).await.expect("spent"));
}
