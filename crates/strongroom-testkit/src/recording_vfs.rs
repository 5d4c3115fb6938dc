//! A SQLite VFS that logs what is done to database files, so that a test can cut the power at any point.
//!
//! It wraps the platform's VFS and becomes the default of the process: the code under test does not know of it.
//! [`Recording`] logs the operations and makes them fail, [`crash_image()`] makes of a log what a disk may hold.
//!
//! Not in the log: shared memory (`-shm`), which SQLite makes anew after a crash, and syncs of folders, which do not
//! pass through a VFS. So a file's name is there with its first bytes, and a deletion lasts as soon as it is made.

mod crash_image;
mod platform;

pub use crash_image::{Files, crash_image};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One step of a log. Files have the last part of their path as name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Bytes were put into a file, and may not be on the disk yet.
    Write {
        /// Which one.
        file: Arc<str>,
        /// Where the first byte went.
        offset: u64,
        /// What was written.
        bytes: Vec<u8>,
    },
    /// A file got another length.
    Truncate {
        /// Which one.
        file: Arc<str>,
        /// Its length since.
        length_bytes: u64,
    },
    /// Everything written to a file before is on the disk.
    Sync {
        /// Which one.
        file: Arc<str>,
        /// `SQLITE_SYNC_*`.
        flags: i32,
    },
    /// A sync failed: what was written before may be on the disk or not, and no later sync writes it.
    FailedSync {
        /// Which one.
        file: Arc<str>,
    },
    /// A file is gone.
    Delete {
        /// Which one.
        file: Arc<str>,
    },
    /// Something that the test wants to find again: an answer came.
    Mark(u64),
}

/// Logs while it lives, and lets operations fail; of one folder, as tests of a process may use others at that time.
/// There is one at a time in a process: another waits for its end.
pub struct Recording {
    _alone: MutexGuard<'static, ()>,
}

impl Recording {
    /// Begins with an empty log of the files in `folder`, whose databases are to be opened after it: SQLite asks for
    /// the VFS then, and what a file held before is not in the log.
    ///
    /// # Panics
    /// Where there is no such folder, or SQLite does not take the VFS.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        platform::register_once();
        // SQLite resolves links in the paths that it gives to a VFS.
        let folder = folder.canonicalize().expect("a folder");
        *recorder() = Recorder { folder: Some(folder), ..Recorder::STOPPED };
        Self { _alone: alone }
    }

    /// Puts a [`Operation::Mark`] into the log; how long the log is with it.
    pub fn mark(&self, number: u64) -> usize {
        let mut recorder = recorder();
        recorder.log.push(Operation::Mark(number));
        recorder.log.len()
    }

    /// How long the log is.
    #[must_use]
    pub fn length(&self) -> usize {
        recorder().log.len()
    }

    /// Whether writes fail from now on as on a full disk, with `SQLITE_FULL`.
    pub fn fail_writes_full(&self, fail: bool) {
        recorder().fail_writes_full = fail;
    }

    /// Whether syncs fail from now on, with `SQLITE_IOERR_FSYNC`.
    pub fn fail_syncs(&self, fail: bool) {
        recorder().fail_syncs = fail;
    }

    /// Ends it; what follows is not logged and does not fail.
    #[must_use]
    pub fn stop(self) -> Vec<Operation> {
        std::mem::take(&mut recorder().log)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        *recorder() = Recorder::STOPPED;
    }
}

/// What the VFS, which SQLite knows by process and not by test, sees of a [`Recording`].
struct Recorder {
    folder: Option<PathBuf>,
    fail_writes_full: bool,
    fail_syncs: bool,
    log: Vec<Operation>,
}

impl Recorder {
    const STOPPED: Self = Self { folder: None, fail_writes_full: false, fail_syncs: false, log: Vec::new() };

    /// The name of a file that is to be recorded now.
    fn name_of(&self, path: &Path) -> Option<Arc<str>> {
        let recorded = self.folder.is_some() && path.parent() == self.folder.as_deref();
        path.file_name().filter(|_| recorded).map(|name| name.to_string_lossy().into())
    }
}

fn recorder() -> MutexGuard<'static, Recorder> {
    static RECORDER: Mutex<Recorder> = Mutex::new(Recorder::STOPPED);
    RECORDER.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded_random::SeededRandom;
    use rusqlite::Connection;

    fn open(folder: &Path, synchronous: &str) -> Connection {
        let db = Connection::open(folder.join("a.sqlite")).expect("a database");
        db.pragma_update(None, "journal_mode", "WAL").expect("a log");
        db.pragma_update(None, "synchronous", synchronous).expect("set");
        db.execute_batch("CREATE TABLE IF NOT EXISTS t (n INTEGER)").expect("a table");
        db
    }

    /// How many of 20 crashes after ten commits lost one of them.
    fn crashes_that_lose(synchronous: &str) -> usize {
        let folder = tempfile::tempdir().expect("a folder");
        let recording = Recording::start(folder.path());
        let db = open(folder.path(), synchronous);
        for n in 0..10 {
            db.execute("INSERT INTO t VALUES (?1)", [n]).expect("committed");
        }
        let log = recording.stop();
        let lost = |seed| {
            let folder = tempfile::tempdir().expect("a folder");
            for (name, bytes) in crash_image(&log, &mut SeededRandom::new(seed)) {
                std::fs::write(folder.path().join(name), bytes).expect("written");
            }
            let db = open(folder.path(), synchronous);
            db.query_row("SELECT count(*) < 10 FROM t", [], |row| row.get(0)).expect("counted")
        };
        (0..20).filter(|seed| lost(*seed)).count()
    }

    #[test]
    fn a_crash_loses_commits_that_were_not_synced_and_no_others() {
        assert_eq!(crashes_that_lose("FULL"), 0);
        assert!(crashes_that_lose("NORMAL") > 10);
    }

    #[test]
    fn the_log_ends_and_the_faults_end_with_the_recording() {
        let folder = tempfile::tempdir().expect("a folder");
        let recording = Recording::start(folder.path());
        let db = open(folder.path(), "FULL");
        recording.fail_writes_full(true);
        let full = db.execute("INSERT INTO t VALUES (1)", []).expect_err("no room");
        assert_eq!(full.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull));
        recording.fail_writes_full(false);
        recording.fail_syncs(true);
        let length = recording.length();
        db.execute("INSERT INTO t VALUES (2)", []).expect_err("not synced");
        let log = recording.stop();
        assert_eq!(log.last(), Some(&Operation::FailedSync { file: "a.sqlite-wal".into() }));
        assert!(log.len() > length + 1, "the writes before it are there");
        db.execute("INSERT INTO t VALUES (3)", []).expect("committed");
        let recording = Recording::start(folder.path());
        assert_eq!((recording.mark(7), recording.length()), (1, 1));
        let other = tempfile::tempdir().expect("a folder");
        open(other.path(), "FULL").execute("INSERT INTO t VALUES (4)", []).expect("committed");
        assert_eq!(recording.stop(), [Operation::Mark(7)]);
    }
}
