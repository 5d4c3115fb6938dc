//! The embedded store, in one SQLite file. One thread writes and commits waiting writes as a group;
//! other connections read meanwhile.

mod backups;
mod checkpoint;
mod error;
mod files;
mod readers;
mod schema;
mod slots;
mod snapshot;
mod spent_nonces;
mod version;
mod writer;

use crate::expiry::{SWEEP_BATCH, SWEEP_MARGIN_S};
use crate::{
    Answer, BackupRow, HeadRow, Inserted, NewVersion, Pushed, Replaced, SlotContent, SlotPage, SlotRow,
    Store, StoreError, Tag, UnixSeconds,
};
use checkpoint::Checkpointer;
use readers::Readers;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use spent_nonces::SpentNonces;
use std::path::Path;
use std::sync::Arc;
use strongroom::SlotId;
use writer::Writer;

pub use snapshot::{Snapshot, SnapshotError};

/// A [`Store`] in one SQLite file, for one server.
pub struct SqliteStore {
    // Closed before the writer: as the last one that closes, the writer puts its log into the file.
    readers: Arc<Readers>,
    writer: Writer,
    spent: SpentNonces,
}

impl SqliteStore {
    /// Opens the file at `path`, or makes it for the vault of this id. The file's folder is synced.
    ///
    /// # Errors
    /// [`StoreError::ForeignVault`] for another vault's store, [`StoreError::OldSqlite`],
    /// [`StoreError::UnknownSchema`], [`StoreError::NoWal`], [`StoreError::Database`].
    pub fn open(path: &Path, vault_id: &[u8; 32]) -> Result<Self, StoreError> {
        version::check_sqlite_version(rusqlite::version_number())?;
        files::create_for_this_user(path)?;
        let mut connection = Connection::open(path)?;
        schema::configure(&connection)?;
        schema::create_or_check(&mut connection, vault_id)?;
        files::sync_folder_of(path)?;
        let for_checkpoints = Connection::open(path)?;
        schema::configure(&for_checkpoints)?;
        let checkpointer = Checkpointer::start(for_checkpoints)?;
        Ok(Self {
            writer: Writer::start(connection, checkpointer)?,
            readers: Arc::new(Readers::open(path)?),
            spent: SpentNonces::new(),
        })
    }

    /// The id of the vault whose store the file at `path` is; `None` where there is no store.
    ///
    /// # Errors
    /// [`StoreError::UnknownSchema`], [`StoreError::Database`].
    pub fn vault_id(path: &Path) -> Result<Option<[u8; 32]>, StoreError> {
        if !path.exists() {
            return Ok(None);
        }
        version::check_sqlite_version(rusqlite::version_number())?;
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        schema::configure(&connection)?;
        schema::vault_id(&connection)
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'_, T> {
        Box::pin(Arc::clone(&self.readers).run(read))
    }

    fn write<T: Send + 'static>(
        &self,
        write: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'_, T> {
        Box::pin(self.writer.run(write))
    }
}

impl Store for SqliteStore {
    fn is_shared(&self) -> bool {
        false
    }

    fn insert(&self, slot: SlotId, content: SlotContent) -> Answer<'_, Inserted> {
        self.write(move |db| slots::insert(db, slot, &content))
    }

    fn slot(&self, slot: SlotId) -> Answer<'_, Option<SlotRow>> {
        self.read(move |db| slots::read(db, slot))
    }

    fn replace(&self, slot: SlotId, expected: u64, content: SlotContent) -> Answer<'_, Replaced> {
        self.write(move |db| slots::replace(db, slot, expected, &content))
    }

    fn delete(&self, slot: SlotId) -> Answer<'_, bool> {
        self.write(move |db| slots::delete(db, slot))
    }

    fn slots_of(&self, principal: Tag, after: Option<SlotId>, limit: u32) -> Answer<'_, SlotPage> {
        self.read(move |db| slots::of_principal(db, principal, after, limit))
    }

    fn spend_nonce(&self, nonce: [u8; 16], keep_until: UnixSeconds) -> Answer<'_, bool> {
        if !self.spent.spend(nonce, keep_until) {
            return Box::pin(async { Ok(false) });
        }
        let marked = self.write(move |db| {
            let inserted = db
                .prepare_cached(
                    "INSERT INTO spent_nonce (nonce, keep_until) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                )?
                .execute(params![nonce, keep_until])?;
            Ok(inserted == 1)
        });
        Box::pin(async move {
            match marked.await {
                // The mark in memory holds for this run, and no nonce outlives the run. So readers
                // can go on reading while the disk is full.
                Err(StoreError::Full(_)) => Ok(true),
                answer => answer,
            }
        })
    }

    fn head(&self, backup: Tag) -> Answer<'_, Option<HeadRow>> {
        self.read(move |db| backups::head(db, backup))
    }

    fn backups_of(&self, owner: Tag) -> Answer<'_, Vec<BackupRow>> {
        self.read(move |db| backups::of_owner(db, owner))
    }

    fn version(&self, backup: Tag, number: u64) -> Answer<'_, Option<Vec<u8>>> {
        self.read(move |db| backups::version(db, backup, number))
    }

    fn push(&self, backup: Tag, version: NewVersion) -> Answer<'_, Pushed> {
        self.write(move |db| backups::push(db, backup, &version))
    }

    fn delete_versions(
        &self,
        backup: Tag,
        expected: u64,
        head: Vec<u8>,
        changed_at: UnixSeconds,
        purge_at: UnixSeconds,
    ) -> Answer<'_, bool> {
        self.write(move |db| backups::delete_versions(db, backup, expected, &head, changed_at, purge_at))
    }

    fn sweep(&self, now: UnixSeconds) -> Answer<'_, u64> {
        self.spent.sweep(now);
        Box::pin(async move {
            self.write(move |db| {
                db.prepare_cached("DELETE FROM spent_nonce WHERE keep_until <= ?1")?
                    .execute([now - SWEEP_MARGIN_S])
            })
            .await?;
            // Each batch is a write of its own, so others get their turns between them.
            while self.write(move |db| backups::purge(db, now)).await? == SWEEP_BATCH {}
            let mut swept = 0;
            loop {
                let batch = self.write(move |db| slots::forget_expired(db, now)).await?;
                swept += batch;
                if batch < SWEEP_BATCH {
                    return Ok(swept);
                }
            }
        })
    }

    fn recovery(&self) -> Answer<'_, Option<Vec<u8>>> {
        self.read(|db| db.query_row("SELECT envelope FROM recovery", [], |row| row.get(0)).optional())
    }

    fn set_recovery(&self, envelope: Option<Vec<u8>>) -> Answer<'_, ()> {
        self.write(move |db| {
            match &envelope {
                Some(envelope) => {
                    db.execute("INSERT OR REPLACE INTO recovery (id, envelope) VALUES (1, ?1)", [envelope])
                }
                None => db.execute("DELETE FROM recovery", []),
            }
            .map(drop)
        })
    }

    fn ready(&self) -> Answer<'_, ()> {
        if !self.writer.is_running() {
            return Box::pin(async { Err(StoreError::Closed) });
        }
        self.read(|db| {
            db.prepare_cached("SELECT schema FROM vault")?.query_row([], |row| row.get::<_, i64>(0)).map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    fn open(folder: &Path) -> SqliteStore {
        SqliteStore::open(&folder.join("vault.sqlite"), &[1; 32]).expect("a store")
    }

    #[tokio::test]
    async fn it_conforms() {
        let folder = tempfile::tempdir().expect("a folder");
        conformance::run(&open(folder.path())).await;
    }

    #[tokio::test]
    async fn what_was_answered_is_there_after_opening_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let slot = SlotId::from_bytes([7; 32]);
        let content = SlotContent {
            record: b"sealed".to_vec(),
            expires_at: None,
            held: Some(Tag([8; 32])),
            principals: vec![],
        };
        let store = open(folder.path());
        assert_eq!(store.insert(slot, content.clone()).await.expect("inserted"), Inserted::Stored);
        assert!(store.spend_nonce([9; 16], i64::MAX).await.expect("spent"));
        // Without a shutdown, a copy of the files as they are is what a crash leaves.
        let crashed = tempfile::tempdir().expect("a folder");
        for file in std::fs::read_dir(folder.path()).expect("the folder").flatten() {
            std::fs::copy(file.path(), crashed.path().join(file.file_name())).expect("a copy");
        }
        let store = open(crashed.path());
        assert_eq!(store.slot(slot).await.expect("read").expect("there").record, b"sealed");
        assert!(!store.spend_nonce([9; 16], i64::MAX).await.expect("asked"));
        let other = SlotId::from_bytes([6; 32]);
        assert_eq!(store.insert(other, content).await.expect("asked"), Inserted::Held(slot));
    }

    #[tokio::test]
    async fn a_nonce_stays_spent_while_the_server_runs_whatever_becomes_of_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = open(folder.path());
        assert!(store.spend_nonce([9; 16], i64::MAX).await.expect("spent"));
        let other = Connection::open(folder.path().join("vault.sqlite")).expect("the file");
        other.execute("DELETE FROM spent_nonce", []).expect("deleted by hand");
        assert!(!store.spend_nonce([9; 16], i64::MAX).await.expect("asked"));
    }

    #[tokio::test]
    async fn the_commit_is_synced() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = open(folder.path());
        let settings = |db: &Connection| {
            let synchronous: i64 = db.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
            let journal: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
            Ok((synchronous, journal))
        };
        assert_eq!(store.write(settings).await.expect("settings"), (2, "wal".to_owned()), "2 is FULL");
    }

    #[test]
    fn the_store_of_another_vault_and_unknown_tables_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        drop(open(folder.path()));
        assert!(matches!(SqliteStore::open(&path, &[2; 32]), Err(StoreError::ForeignVault)));
        let db = Connection::open(&path).expect("the file");
        db.execute("UPDATE vault SET schema = 99", []).expect("changed by hand");
        drop(db);
        assert!(matches!(SqliteStore::open(&path, &[1; 32]), Err(StoreError::UnknownSchema(99))));
    }

    /// The tables are of a build without backups.
    #[tokio::test]
    async fn older_tables_get_those_of_backups_and_recovery() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = open(folder.path());
        assert!(store.spend_nonce([9; 16], i64::MAX).await.expect("spent"));
        drop(store);
        let db = Connection::open(folder.path().join("vault.sqlite")).expect("the file");
        db.execute_batch(
            "DROP TABLE backup_series; DROP TABLE backup_version; DROP TABLE backup_digest; DROP TABLE recovery;
             UPDATE vault SET schema = 1",
        )
        .expect("changed by hand");
        drop(db);
        let store = open(folder.path());
        assert!(!store.spend_nonce([9; 16], i64::MAX).await.expect("asked"), "what was there is there");
        conformance::run(&store).await;
    }

    #[tokio::test]
    async fn tables_without_recovery_get_it() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(open(folder.path()));
        let path = folder.path().join("vault.sqlite");
        let db = Connection::open(&path).expect("the file");
        db.execute_batch("DROP TABLE recovery; UPDATE vault SET schema = 2").expect("changed by hand");
        drop(db);
        assert_eq!(SqliteStore::vault_id(&path).expect("read"), Some([1; 32]));
        conformance::run(&open(folder.path())).await;
        assert_eq!(SqliteStore::vault_id(&folder.path().join("none")).expect("asked"), None);
    }

    #[tokio::test]
    async fn callers_who_go_away_take_no_reader_along() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Arc::new(open(folder.path()));
        for _ in 0..50 {
            let slow = Arc::clone(&store);
            let read = async move {
                let work = |_: &Connection| {
                    std::thread::sleep(std::time::Duration::from_millis(2));
                    Ok(())
                };
                slow.read(work).await
            };
            let caller = tokio::spawn(read);
            tokio::task::yield_now().await;
            caller.abort();
            store.slot(SlotId::from_bytes([1; 32])).await.expect("a reader is free");
        }
        let panics = store.read::<()>(|_| panic!("a defect in a read"));
        assert!(panics.await.is_err());
        for _ in 0..2 * readers::READERS {
            store.ready().await.expect("a reader is free");
        }
    }

    /// A constraint that only COMMIT checks fails the write: the answer follows the commit.
    #[tokio::test]
    async fn a_failed_commit_is_no_success() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = open(folder.path());
        let tables = "CREATE TABLE a (id INTEGER PRIMARY KEY);
             CREATE TABLE b (id INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED);";
        store.write(move |db| db.execute_batch(tables)).await.expect("tables");
        store.write(|db| db.execute_batch("PRAGMA foreign_keys")).await.expect("asked");
        let dangling = store.write(|db| db.execute("INSERT INTO b VALUES (7)", [])).await;
        assert!(matches!(dangling, Err(StoreError::Database(_))), "{dangling:?}");
        store.ready().await.expect("and the next one is served");
        assert!(store.spend_nonce([1; 16], 1).await.expect("and written"));
    }

    /// When another connection holds a lock, a group waits for it once, not once for each write.
    #[tokio::test]
    async fn a_locked_database_fails_a_group_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Arc::new(open(folder.path()));
        store.write(|db| db.busy_timeout(std::time::Duration::from_millis(300))).await.expect("set");
        let other = Connection::open(folder.path().join("vault.sqlite")).expect("the file");
        other.execute_batch("BEGIN IMMEDIATE").expect("locked");
        let start = std::time::Instant::now();
        let mut writes = tokio::task::JoinSet::new();
        for n in 0..20 {
            let store = Arc::clone(&store);
            writes.spawn(async move { store.spend_nonce([n; 16], 1).await.is_err() });
        }
        assert!(writes.join_all().await.iter().all(|failed| *failed));
        assert!(start.elapsed() < std::time::Duration::from_secs(3), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn one_write_that_fails_does_not_fail_its_group() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = open(folder.path());
        let slot = |n| SlotId::from_bytes([n; 32]);
        let content = |record: &[u8]| SlotContent {
            record: record.to_vec(),
            expires_at: None,
            held: None,
            principals: vec![],
        };
        let (a, bad, b) = tokio::join!(
            store.insert(slot(1), content(b"a")),
            store.write(|db| db.execute("INSERT INTO no_such_table VALUES (1)", [])),
            store.insert(slot(2), content(b"b")),
        );
        assert!(bad.is_err());
        assert_eq!((a.expect("a"), b.expect("b")), (Inserted::Stored, Inserted::Stored));
        assert!(store.slot(slot(1)).await.expect("read").is_some());
        assert!(store.slot(slot(2)).await.expect("read").is_some());
    }
}
