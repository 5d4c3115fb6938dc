//! A SQLite VFS that logs what is done to database files. With it a test can cut the power at any
//! point.
//!
//! It wraps the platform's VFS and becomes the default of the process: the code under test does not
//! know of it. [`Recording`] logs the operations and makes them fail. [`crash_image()`] makes of a
//! log what a disk may hold.
//!
//! Two things are not in the log. SQLite makes shared memory (`-shm`) again after a crash. Syncs of
//! folders do not pass through a VFS: a file's name is on the disk with the file's first bytes, and
//! a deletion lasts as soon as it is made.

mod crash_image;
mod operation;
mod platform;
mod recorder;

use recorder::{Recorder, recorder};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use crash_image::{Files, crash_image};
pub use operation::Operation;

/// Logs what is done in one folder while it lives, and makes operations there fail. Other tests of
/// the process may use other folders meanwhile. A process has one recording at a time: another one
/// waits for its end.
pub struct Recording {
    _alone: MutexGuard<'static, ()>,
}

impl Recording {
    /// Begins with an empty log of the files in `folder`. Databases there are opened after this,
    /// because SQLite asks for the VFS when it opens one. The log does not tell what a file held
    /// before.
    ///
    /// # Panics
    /// If there is no such folder, or SQLite does not take the VFS.
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

    /// Puts an [`Operation::Mark`] into the log, and gives the log's length with it.
    pub fn mark(&self, number: u64) -> usize {
        let mut recorder = recorder();
        recorder.log.push(Operation::Mark(number));
        recorder.log.len()
    }

    /// The number of operations in the log.
    #[must_use]
    pub fn length(&self) -> usize {
        recorder().log.len()
    }

    /// Makes writes fail from now on as on a full disk, with `SQLITE_FULL`, or lets them pass.
    pub fn fail_writes_full(&self, fail: bool) {
        recorder().fail_writes_full = fail;
    }

    /// Makes syncs fail from now on, with `SQLITE_IOERR_FSYNC`, or lets them pass.
    pub fn fail_syncs(&self, fail: bool) {
        recorder().fail_syncs = fail;
    }

    /// Ends the recording and gives its log. What follows is not logged and does not fail.
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
