//! Snapshots: copies of a store that are taken while a server runs, checked, and put back.

use super::{files::sync_folder_of, schema, version};
use crate::{Place, StoreError, Tag};
use rusqlite::backup::{Backup as Copying, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;
use strongroom::SlotId;

/// Pages that are copied in one step.
const PAGES_A_STEP: i32 = 64;

/// Why a store was not copied, checked or put back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The database failed, or the store is not one that this build can use.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or folder cannot be made, read or named. The source says why.
    #[error("cannot use {0}")]
    Io(PathBuf, #[source] std::io::Error),
    /// The target is there already. Nothing is overwritten.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// The file is not an SQLite database, or its pages contradict each other.
    #[error("{path} is damaged: {finding}")]
    Damaged {
        /// The file that was checked.
        path: PathBuf,
        /// The first thing that SQLite found.
        finding: String,
    },
    /// It is an SQLite file without a vault's tables.
    #[error("{0} is not the store of a vault")]
    NoStore(PathBuf),
}

/// A store's file that was found to be whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The id of the vault whose store it is.
    pub vault_id: [u8; 32],
    /// The number of slots in it.
    pub slots: u64,
    /// The number of versions of wallets' backups in it.
    pub versions: u64,
    /// The bytes of the records of slots and versions together.
    pub record_bytes: u64,
}

impl Snapshot {
    /// Copies the store at `store` into a new file, while servers may write to it. The copy is of
    /// one moment. It is checked, and gets its name only when it is whole and synced.
    ///
    /// # Errors
    /// [`SnapshotError::Exists`] where `target` is there already, and any other [`SnapshotError`].
    pub fn create(store: &Path, target: &Path) -> Result<Self, SnapshotError> {
        copy(store, target)
    }

    /// Checks a snapshot or a store: every page, every index and the tables. Records are not
    /// opened.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`], [`SnapshotError::NoStore`], [`SnapshotError::Io`],
    /// [`SnapshotError::Store`].
    pub fn verify(path: &Path) -> Result<Self, SnapshotError> {
        check(&open_to_read(path)?, path)
    }

    /// Puts a snapshot back as a new store at `store`. It is checked before and after. A store that
    /// is there is not overwritten.
    ///
    /// # Errors
    /// [`SnapshotError::Exists`] where `store` or one of its logs is there, and any other
    /// [`SnapshotError`].
    pub fn restore(snapshot: &Path, store: &Path) -> Result<Self, SnapshotError> {
        Self::verify(snapshot)?;
        for left_over in ["-wal", "-shm", "-journal"] {
            let mut name = store.as_os_str().to_owned();
            name.push(left_over);
            // SQLite would take another store's log for this one's.
            refuse_existing(Path::new(&name))?;
        }
        copy(snapshot, store)
    }

    /// Calls `each` with every record and the place where it stands.
    ///
    /// # Errors
    /// [`SnapshotError::Io`], [`SnapshotError::Store`].
    pub fn for_each_record(path: &Path, mut each: impl FnMut(Place, &[u8])) -> Result<(), SnapshotError> {
        let db = open_to_read(path)?;
        let mut all = |sql: &str, place: fn([u8; 32], u64) -> Place| {
            let mut statement = db.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let place = place(row.get(0)?, row.get::<_, i64>(1)? as u64);
                each(place, row.get_ref(2)?.as_blob()?);
            }
            Ok::<_, rusqlite::Error>(())
        };
        all("SELECT slot, generation, record FROM slot", |slot, generation| Place::Slot {
            slot: SlotId::from_bytes(slot),
            generation,
        })
        .map_err(StoreError::from)?;
        if !schema::has_backups(&db)? {
            return Ok(());
        }
        all("SELECT series, revision, head FROM backup_series", |backup, revision| Place::Head {
            backup: Tag(backup),
            revision,
        })
        .map_err(StoreError::from)?;
        all("SELECT series, number, record FROM backup_version", |backup, number| Place::Version {
            backup: Tag(backup),
            number,
        })
        .map_err(StoreError::from)?;
        Ok(())
    }
}

fn refuse_existing(path: &Path) -> Result<(), SnapshotError> {
    match path.symlink_metadata() {
        Ok(_) => Err(SnapshotError::Exists(path.to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(SnapshotError::Io(path.to_owned(), error)),
    }
}

fn open_to_read(path: &Path) -> Result<Connection, SnapshotError> {
    // SQLite's own message for a missing file does not name the file.
    File::open(path).map_err(|error| SnapshotError::Io(path.to_owned(), error))?;
    version::check_sqlite_version(rusqlite::version_number())?;
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(StoreError::from)?;
    db.busy_timeout(Duration::from_secs(5)).map_err(StoreError::from)?;
    Ok(db)
}

fn copy(source: &Path, target: &Path) -> Result<Snapshot, SnapshotError> {
    refuse_existing(target)?;
    let source = open_to_read(source)?;
    let mut name = target.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(name);
    let copied = copy_to(&source, &part).and_then(|snapshot| {
        // A hard link fails if the name was taken meanwhile; a rename would overwrite.
        fs::hard_link(&part, target).map_err(|error| SnapshotError::Io(target.to_owned(), error))?;
        Ok(snapshot)
    });
    let removed = fs::remove_file(&part);
    let snapshot = copied?;
    removed.map_err(|error| SnapshotError::Io(part, error))?;
    sync_folder_of(target)?;
    Ok(snapshot)
}

fn copy_to(source: &Connection, part: &Path) -> Result<Snapshot, SnapshotError> {
    let io = |error| SnapshotError::Io(part.to_owned(), error);
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(part).map_err(io)?;
    let mut target = Connection::open(part).map_err(StoreError::from)?;
    copy_pages(source, &mut target, || {}).map_err(StoreError::from)?;
    // The copy is one file, without a log.
    target.pragma_update(None, "journal_mode", "DELETE").map_err(StoreError::from)?;
    let snapshot = check(&target, part)?;
    drop(target);
    File::open(part).and_then(|file| file.sync_all()).map_err(io)?;
    Ok(snapshot)
}

/// Copies every page as it is when the call begins. Calls `between_steps` whenever a step leaves
/// pages to copy.
fn copy_pages(
    source: &Connection,
    target: &mut Connection,
    mut between_steps: impl FnMut(),
) -> Result<(), rusqlite::Error> {
    // The moment that is copied. Without it every commit of a server would start the copy over.
    source.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema")?;
    let copying = Copying::new(source, target)?;
    loop {
        match copying.step(PAGES_A_STEP)? {
            StepResult::Done => break,
            StepResult::More => between_steps(),
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    drop(copying);
    source.execute_batch("ROLLBACK")
}

fn check(db: &Connection, path: &Path) -> Result<Snapshot, SnapshotError> {
    let damaged = |finding: String| SnapshotError::Damaged { path: path.to_owned(), finding };
    let finding: String = db
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged(error.to_string()))?;
    if finding != "ok" {
        return Err(damaged(finding));
    }
    let vault_id = schema::vault_id(db)?.ok_or_else(|| SnapshotError::NoStore(path.to_owned()))?;
    let count = |table: &str| {
        let sizes = format!("SELECT count(*), coalesce(sum(length(record)), 0) FROM {table}");
        db.query_row(&sizes, [], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))
            .map_err(StoreError::from)
    };
    let (slots, of_slots) = count("slot")?;
    let (versions, of_versions) = if schema::has_backups(db)? { count("backup_version")? } else { (0, 0) };
    Ok(Snapshot { vault_id, slots, versions, record_bytes: of_slots + of_versions })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SlotContent, SqliteStore, Store};
    use std::io::{Seek, SeekFrom, Write};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    fn content(record: Vec<u8>) -> SlotContent {
        SlotContent { record, expires_at: None, held: None, principals: vec![] }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_copy_is_of_one_moment_while_others_write_and_comes_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        let store = Arc::new(SqliteStore::open(&path, &[1; 32]).expect("a store"));
        for n in 0..100 {
            store.insert(SlotId::from_bytes([n; 32]), content(vec![n; 80_000])).await.expect("stored");
        }
        let stop = Arc::new(AtomicBool::new(false));
        let rounds = Arc::new(AtomicU32::new(0));
        let (writer, stopped, counter) = (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&rounds));
        // Each round adds one slot and takes one away, so any moment has a hundred or a hundred and
        // one.
        let writing = tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                let slot = SlotId::from_bytes([200; 32]);
                writer.insert(slot, content(vec![0; 8000])).await.expect("stored");
                writer.delete(slot).await.expect("deleted");
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        let copy = folder.path().join("copy");
        let snapshot = loop {
            let before = rounds.load(Ordering::Relaxed);
            let (from, to) = (path.clone(), copy.clone());
            let copying = tokio::task::spawn_blocking(move || Snapshot::create(&from, &to));
            let snapshot = copying.await.expect("no panic").expect("a copy");
            // A copy that met no write shows nothing.
            if rounds.load(Ordering::Relaxed) > before + 1 {
                break snapshot;
            }
            fs::remove_file(&copy).expect("removed");
        };
        stop.store(true, Ordering::Relaxed);
        writing.await.expect("no panic");
        assert!((100..=101).contains(&snapshot.slots), "{snapshot:?}");
        assert_eq!(snapshot.vault_id, [1; 32]);
        assert_eq!(Snapshot::verify(&copy).expect("whole"), snapshot);
        assert!(matches!(Snapshot::create(&path, &copy), Err(SnapshotError::Exists(_))));
        assert!(matches!(Snapshot::restore(&copy, &path), Err(SnapshotError::Exists(_))));

        let restored = folder.path().join("restored.sqlite");
        assert_eq!(Snapshot::restore(&copy, &restored).expect("restored"), snapshot);
        let store = SqliteStore::open(&restored, &[1; 32]).expect("a store");
        let row = store.slot(SlotId::from_bytes([99; 32])).await.expect("read").expect("there");
        assert_eq!(row.record, vec![99; 80_000]);
        let names: Vec<_> = fs::read_dir(folder.path())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .filter(|name| name.ends_with(".part"))
            .collect();
        assert!(names.is_empty(), "{names:?}");
    }

    #[tokio::test]
    async fn a_copy_has_nothing_that_was_written_after_it_began() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        let store = SqliteStore::open(&path, &[1; 32]).expect("a store");
        for n in 0..10 {
            store.insert(SlotId::from_bytes([n; 32]), content(vec![n; 80_000])).await.expect("stored");
        }
        let writer = Connection::open(&path).expect("a second connection");
        let mut target = Connection::open_in_memory().expect("a target");
        let mut steps = 0;
        copy_pages(&open_to_read(&path).expect("a source"), &mut target, || {
            if steps == 0 {
                writer.execute_batch("CREATE TABLE later (n)").expect("written");
            }
            steps += 1;
        })
        .expect("a copy");
        assert!(steps > 1, "a copy in one step shows nothing");
        let has_later = |db: &Connection| db.table_exists(None, "later").expect("read");
        assert!(has_later(&writer));
        assert!(!has_later(&target));
    }

    #[tokio::test]
    async fn a_damaged_copy_and_another_file_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        let store = SqliteStore::open(&path, &[1; 32]).expect("a store");
        for n in 0..50 {
            store.insert(SlotId::from_bytes([n; 32]), content(vec![n; 8000])).await.expect("stored");
        }
        let copy = folder.path().join("copy");
        Snapshot::create(&path, &copy).expect("a copy");
        let mut file = File::options().write(true).open(&copy).expect("the copy");
        for page in 1..20 {
            file.seek(SeekFrom::Start(page * 4096)).expect("a page");
            file.write_all(&[0xff; 64]).expect("damaged");
        }
        let target = folder.path().join("restored");
        assert!(matches!(Snapshot::verify(&copy), Err(SnapshotError::Damaged { .. })));
        assert!(matches!(Snapshot::restore(&copy, &target), Err(SnapshotError::Damaged { .. })));
        assert!(!target.exists());

        let text = folder.path().join("text");
        fs::write(&text, "no database at all, but a text").expect("written");
        assert!(matches!(Snapshot::verify(&text), Err(SnapshotError::Damaged { .. })));
        let empty = folder.path().join("empty");
        fs::write(&empty, "").expect("written");
        assert!(matches!(Snapshot::verify(&empty), Err(SnapshotError::NoStore(_))));
        assert!(matches!(Snapshot::verify(&folder.path().join("none")), Err(SnapshotError::Io(..))));

        // SQLite would read a log that another store left behind as this one's.
        let good = folder.path().join("good");
        Snapshot::create(&path, &good).expect("a copy");
        fs::write(folder.path().join("restored-wal"), "left over").expect("written");
        assert!(matches!(Snapshot::restore(&good, &target), Err(SnapshotError::Exists(_))));
    }
}
