//! The embedded store: one writer that commits what waits as a group, readers beside it.

mod backups;
mod checkpoint;
mod schema;
mod snapshot;
mod writer;

use crate::{
    Answer, BackupRow, HeadRow, Inserted, MAX_PAGE_BYTES, NewVersion, Pushed, Replaced, SWEEP_BATCH,
    SWEEP_MARGIN_S, SlotContent, SlotPage, SlotRow, Store, StoreError, Tag, UnixSeconds,
};
use checkpoint::Checkpointer;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use strongroom::SlotId;
use tokio::sync::Semaphore;
use writer::Writer;

pub use snapshot::{Snapshot, SnapshotError};

const READERS: usize = 4;

/// A [`Store`] in one SQLite file, for one server.
pub struct SqliteStore {
    // Before the writer, which puts its log into the file when it closes it last.
    readers: Arc<Readers>,
    writer: Writer,
    spent: Mutex<Spent>,
}

/// Spent nonces of this run, so that a file put back under the running server revives none.
struct Spent {
    marks: HashMap<[u8; 16], UnixSeconds>,
    /// Marks up to this time may be forgotten already.
    swept_until: UnixSeconds,
}

impl Spent {
    fn spend(&mut self, nonce: [u8; 16], keep_until: UnixSeconds) -> bool {
        keep_until > self.swept_until && self.marks.insert(nonce, keep_until).is_none()
    }

    fn sweep(&mut self, now: UnixSeconds) {
        self.swept_until = self.swept_until.max(now);
        self.marks.retain(|_, keep_until| *keep_until > now);
    }
}

impl SqliteStore {
    /// Opens the file at `path`, or makes it for the vault of this id. The file's folder is synced.
    ///
    /// # Errors
    /// [`StoreError::ForeignVault`] for another vault's store, [`StoreError::OldSqlite`],
    /// [`StoreError::UnknownSchema`], [`StoreError::Database`].
    pub fn open(path: &Path, vault_id: &[u8; 32]) -> Result<Self, StoreError> {
        schema::check_sqlite_version(rusqlite::version_number())?;
        create_for_this_user(path)?;
        let mut connection = Connection::open(path)?;
        schema::configure(&connection)?;
        schema::create_or_check(&mut connection, vault_id)?;
        sync_folder_of(path)?;
        let beside = Connection::open(path)?;
        schema::configure(&beside)?;
        let checkpointer = Checkpointer::start(beside)?;
        Ok(Self {
            writer: Writer::start(connection, checkpointer)?,
            readers: Arc::new(Readers::open(path)?),
            spent: Mutex::new(Spent { marks: HashMap::new(), swept_until: UnixSeconds::MIN }),
        })
    }

    /// Whose store the file at `path` is; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError::UnknownSchema`], [`StoreError::Database`].
    pub fn vault_id(path: &Path) -> Result<Option<[u8; 32]>, StoreError> {
        if !path.exists() {
            return Ok(None);
        }
        schema::check_sqlite_version(rusqlite::version_number())?;
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        schema::configure(&connection)?;
        schema::vault_id(&connection)
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'_, T> {
        let readers = Arc::clone(&self.readers);
        Box::pin(async move {
            let permit =
                Arc::clone(&readers.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
            let work = move || {
                // Held by the work and not by the caller, who may go away before it is done.
                let _permit = permit;
                readers.with(read)
            };
            tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Closed)?
        })
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T: Send + 'static>(
        &self,
        write: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'_, T> {
        Box::pin(self.writer.run(write))
    }
}

/// SQLite would give a new file the modes that others have by default; its log gets the file's.
fn create_for_this_user(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let created = options.create(true).truncate(false).write(true).open(path);
    created.map(drop).map_err(|error| StoreError::Database(Box::new(error)))
}

/// SQLite syncs its files; the entry that names a new file is its folder's.
fn sync_folder_of(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| StoreError::Database(Box::new(error)))
}

/// Connections that only read, one a permit.
struct Readers {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connections =
            (0..READERS).map(|_| Connection::open_with_flags(path, flags)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Mutex::new(connections), permits: Arc::new(Semaphore::new(READERS)) })
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let connection = self.idle().pop().ok_or(StoreError::Closed)?;
        let lent = Lent { readers: self, connection: Some(connection) };
        Ok(read(lent.connection.as_ref().expect("it is given back on drop alone"))?)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that goes back however its use ends.
struct Lent<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.readers.idle().extend(self.connection.take());
    }
}

impl Store for SqliteStore {
    fn is_shared(&self) -> bool {
        false
    }

    fn insert(&self, slot: SlotId, content: SlotContent) -> Answer<'_, Inserted> {
        self.write(move |db| {
            if let Some(tag) = content.held {
                let holder = holder(db, tag)?;
                if let Some(holder) = holder {
                    return Ok(Inserted::Held(holder));
                }
                hold(db, tag, slot)?;
            }
            db.prepare_cached(
                "INSERT INTO slot (slot, generation, record, expires_at) VALUES (?1, 1, ?2, ?3)",
            )?
            .execute(params![slot.as_bytes(), content.record, content.expires_at])?;
            list(db, slot, &content.principals)?;
            Ok(Inserted::Stored)
        })
    }

    fn slot(&self, slot: SlotId) -> Answer<'_, Option<SlotRow>> {
        self.read(move |db| {
            db.prepare_cached("SELECT slot, generation, record FROM slot WHERE slot = ?1")?
                .query_row([slot.as_bytes()], row)
                .optional()
        })
    }

    fn replace(&self, slot: SlotId, expected: u64, content: SlotContent) -> Answer<'_, Replaced> {
        self.write(move |db| {
            let expected = expected as i64;
            let generation: Option<i64> = db
                .prepare_cached("SELECT generation FROM slot WHERE slot = ?1")?
                .query_row([slot.as_bytes()], |row| row.get(0))
                .optional()?;
            if generation != Some(expected) {
                return Ok(Replaced::Changed);
            }
            if let Some(tag) = content.held {
                if holder(db, tag)?.is_some() {
                    return Ok(Replaced::Held);
                }
                hold(db, tag, slot)?;
            }
            db.prepare_cached(
                "UPDATE slot SET generation = ?2, record = ?3, expires_at = ?4 WHERE slot = ?1",
            )?
            .execute(params![
                slot.as_bytes(),
                expected + 1,
                content.record,
                content.expires_at
            ])?;
            unlist(db, slot)?;
            list(db, slot, &content.principals)?;
            Ok(Replaced::Stored(expected as u64 + 1))
        })
    }

    fn delete(&self, slot: SlotId) -> Answer<'_, bool> {
        self.write(move |db| {
            unlist(db, slot)?;
            let gone = db.prepare_cached("DELETE FROM slot WHERE slot = ?1")?.execute([slot.as_bytes()])?;
            Ok(gone == 1)
        })
    }

    fn slots_of(&self, principal: Tag, after: Option<SlotId>, limit: u32) -> Answer<'_, SlotPage> {
        self.read(move |db| {
            let after = after.map_or(Vec::new(), |slot| slot.as_bytes().to_vec());
            let mut statement = db.prepare_cached(
                "SELECT slot.slot, slot.generation, slot.record FROM principal JOIN slot USING (slot)
                 WHERE principal.tag = ?1 AND principal.slot > ?2 ORDER BY principal.slot LIMIT ?3",
            )?;
            let mut rows = Vec::new();
            let mut bytes = 0;
            // One row more than asked tells whether there is more.
            for found in statement.query_map(params![principal.0, after, i64::from(limit) + 1], row)? {
                let found = found?;
                if rows.len() == limit as usize
                    || (!rows.is_empty() && bytes + found.record.len() > MAX_PAGE_BYTES)
                {
                    return Ok(SlotPage { rows, more: true });
                }
                bytes += found.record.len();
                rows.push(found);
            }
            Ok(SlotPage { rows, more: false })
        })
    }

    fn spend_nonce(&self, nonce: [u8; 16], keep_until: UnixSeconds) -> Answer<'_, bool> {
        if !self.spent().spend(nonce, keep_until) {
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
                // The mark in memory holds for this run, and no nonce outlives it: readers may read on a full disk.
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
        self.spent().sweep(now);
        Box::pin(async move {
            self.write(move |db| {
                db.prepare_cached("DELETE FROM spent_nonce WHERE keep_until <= ?1")?
                    .execute([now - SWEEP_MARGIN_S])
            })
            .await?;
            // Each batch is a write of its own, so that others get their turns between them.
            while self.write(move |db| backups::purge(db, now)).await? == SWEEP_BATCH {}
            let mut swept = 0;
            loop {
                let batch = self.write(move |db| forget_expired(db, now)).await?;
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

/// Forgets some slots that expired; how many.
fn forget_expired(db: &Connection, now: UnixSeconds) -> rusqlite::Result<u64> {
    let mut expired = db.prepare_cached("SELECT slot FROM slot WHERE expires_at <= ?1 LIMIT ?2")?;
    let slots: Vec<[u8; 32]> =
        expired.query_map(params![now, SWEEP_BATCH as i64], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for slot in &slots {
        unlist(db, SlotId::from_bytes(*slot))?;
        db.prepare_cached("DELETE FROM slot WHERE slot = ?1")?.execute([slot])?;
    }
    Ok(slots.len() as u64)
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<SlotRow> {
    Ok(SlotRow {
        slot: SlotId::from_bytes(row.get(0)?),
        generation: row.get::<_, i64>(1)? as u64,
        record: row.get(2)?,
    })
}

fn holder(db: &Connection, tag: Tag) -> rusqlite::Result<Option<SlotId>> {
    db.prepare_cached("SELECT slot FROM held WHERE tag = ?1")?
        .query_row([tag.0], |row| row.get(0).map(SlotId::from_bytes))
        .optional()
}

fn hold(db: &Connection, tag: Tag, slot: SlotId) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO held (tag, slot) VALUES (?1, ?2)")?
        .execute(params![tag.0, slot.as_bytes()])?;
    Ok(())
}

fn list(db: &Connection, slot: SlotId, principals: &[Tag]) -> rusqlite::Result<()> {
    let mut insert =
        db.prepare_cached("INSERT INTO principal (tag, slot) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    principals.iter().try_for_each(|tag| insert.execute(params![tag.0, slot.as_bytes()]).map(drop))
}

fn unlist(db: &Connection, slot: SlotId) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM principal WHERE slot = ?1")?.execute([slot.as_bytes()])?;
    Ok(())
}

impl StoreError {
    /// What a failure of SQLite is.
    fn of(error: &rusqlite::Error) -> fn(Box<dyn std::error::Error + Send + Sync>) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Database,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::of(&error)(Box::new(error))
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
        // No shutdown: a copy of the files as they lie there is what a crash leaves.
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

    /// A store of a build that knew no backups.
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
        for _ in 0..2 * READERS {
            store.ready().await.expect("a reader is free");
        }
    }

    /// The answer follows the commit: a constraint that only COMMIT checks fails the write.
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

    /// A lock that somebody else holds costs a group one wait, not one a write.
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
