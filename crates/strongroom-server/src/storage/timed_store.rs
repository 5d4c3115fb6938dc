//! A store that times its calls and counts their failures, for the metrics.

use crate::metrics::Metrics;
use std::sync::Arc;
use std::time::Instant;
use strongroom::SlotId;
use strongroom_store::{
    Answer, BackupRow, HeadRow, Inserted, NewVersion, Pushed, Replaced, SlotContent, SlotPage, SlotRow,
    Store, Tag, UnixSeconds,
};

/// Passes every call on to another store, and measures it.
pub(crate) struct TimedStore {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl TimedStore {
    pub(crate) fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self { store, metrics }
    }

    fn time<'a, T: 'a>(&'a self, operation: &'static str, answer: Answer<'a, T>) -> Answer<'a, T> {
        Box::pin(async move {
            let start = Instant::now();
            let answer = answer.await;
            self.metrics.store_call(operation, start.elapsed(), answer.is_err());
            answer
        })
    }
}

impl Store for TimedStore {
    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn insert(&self, slot: SlotId, content: SlotContent) -> Answer<'_, Inserted> {
        self.time("insert", self.store.insert(slot, content))
    }

    fn slot(&self, slot: SlotId) -> Answer<'_, Option<SlotRow>> {
        self.time("slot", self.store.slot(slot))
    }

    fn replace(&self, slot: SlotId, expected: u64, content: SlotContent) -> Answer<'_, Replaced> {
        self.time("replace", self.store.replace(slot, expected, content))
    }

    fn delete(&self, slot: SlotId) -> Answer<'_, bool> {
        self.time("delete", self.store.delete(slot))
    }

    fn slots_of(&self, principal: Tag, after: Option<SlotId>, limit: u32) -> Answer<'_, SlotPage> {
        self.time("slots_of", self.store.slots_of(principal, after, limit))
    }

    fn spend_nonce(&self, nonce: [u8; 16], keep_until: UnixSeconds) -> Answer<'_, bool> {
        self.time("spend_nonce", self.store.spend_nonce(nonce, keep_until))
    }

    fn head(&self, backup: Tag) -> Answer<'_, Option<HeadRow>> {
        self.time("head", self.store.head(backup))
    }

    fn backups_of(&self, owner: Tag) -> Answer<'_, Vec<BackupRow>> {
        self.time("series_of", self.store.backups_of(owner))
    }

    fn version(&self, backup: Tag, number: u64) -> Answer<'_, Option<Vec<u8>>> {
        self.time("version", self.store.version(backup, number))
    }

    fn push(&self, backup: Tag, version: NewVersion) -> Answer<'_, Pushed> {
        self.time("push", self.store.push(backup, version))
    }

    fn delete_versions(
        &self,
        backup: Tag,
        expected: u64,
        head: Vec<u8>,
        changed_at: UnixSeconds,
        purge_at: UnixSeconds,
    ) -> Answer<'_, bool> {
        self.time("delete_versions", self.store.delete_versions(backup, expected, head, changed_at, purge_at))
    }

    fn sweep(&self, now: UnixSeconds) -> Answer<'_, u64> {
        self.time("sweep", self.store.sweep(now))
    }

    fn recovery(&self) -> Answer<'_, Option<Vec<u8>>> {
        self.time("recovery", self.store.recovery())
    }

    fn set_recovery(&self, envelope: Option<Vec<u8>>) -> Answer<'_, ()> {
        self.time("set_recovery", self.store.set_recovery(envelope))
    }

    fn ready(&self) -> Answer<'_, ()> {
        self.time("ready", self.store.ready())
    }
}
