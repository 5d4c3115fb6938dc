//! Moving the log into the file. A thread beside the writer copies most of it while others write; the writer copies what
//! came meanwhile, which is little, so that the log can begin anew. No call waits for all of it.

use crate::StoreError;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

/// Pages in the log that are not in the file yet, from which on they are moved. Names are random, so that a row touches a
/// page of each index: the more rows at once, the fewer pages a row.
const MAX_PAGES: i64 = 2048;
/// Commits between looks at the log.
const COMMITS_A_LOOK: u32 = 16;

/// The thread, and what it was asked for.
pub(super) struct Checkpointer {
    wake: Option<Sender<()>>,
    done: Receiver<()>,
    thread: Option<std::thread::JoinHandle<()>>,
    running: bool,
    commits: u32,
}

impl Checkpointer {
    /// On a connection of its own.
    pub(super) fn start(db: Connection) -> Result<Self, StoreError> {
        let ((wake, woken), (tell, done)) = (channel(), channel());
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || {
                while woken.recv().is_ok() {
                    move_into_file(&db);
                    if tell.send(()).is_err() {
                        return;
                    }
                }
            })
            .map_err(|error| StoreError::Database(Box::new(error)))?;
        Ok(Self { wake: Some(wake), done, thread: Some(thread), running: false, commits: 0 })
    }

    /// Told by the writer after each commit, when no call waits.
    pub(super) fn committed(&mut self, writer: &Connection) {
        if self.running {
            match self.done.try_recv() {
                Err(TryRecvError::Empty) => {}
                // Also where the thread is gone: then this moves all of it.
                Ok(()) | Err(TryRecvError::Disconnected) => {
                    self.running = false;
                    move_into_file(writer);
                }
            }
            return;
        }
        self.commits += 1;
        if self.commits >= COMMITS_A_LOOK {
            self.commits = 0;
            if waiting_pages(writer) > MAX_PAGES {
                self.running = true;
                // Without the thread the next look finds it gone.
                let _ = self.wake.as_ref().map(|wake| wake.send(()));
            }
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's checkpoints panicked");
        }
    }
}

/// The log's pages that are not in the file.
fn waiting_pages(db: &Connection) -> i64 {
    let pages = db.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
        Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
    });
    pages.unwrap_or_else(|error| {
        tracing::error!(%error, "the log's length is not known");
        0
    })
}

/// As far as readers let it; the log stays valid whatever becomes of it.
fn move_into_file(db: &Connection) {
    if let Err(error) = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        tracing::error!(%error, "the log was not moved into the file, and goes on");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// Where nobody reads, the log begins anew and does not grow with what was written.
    #[test]
    fn the_log_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        let open = || {
            let db = Connection::open(&path).expect("a file");
            crate::sqlite::schema::configure(&db).expect("configured");
            db
        };
        let writer = open();
        writer.execute_batch("CREATE TABLE t (bytes BLOB)").expect("a table");
        let mut checkpointer = Checkpointer::start(open()).expect("a thread");
        let deadline = Instant::now() + Duration::from_secs(60);
        let (mut written, mut log_bytes) = (0, 0);
        // So much that the log, however slow the other thread is, has begun anew some times.
        while written < 24 * MAX_PAGES as u64 * 4096 {
            writer.execute("INSERT INTO t VALUES (zeroblob(400000))", []).expect("written");
            written += 400_000;
            checkpointer.committed(&writer);
            log_bytes = std::fs::metadata(folder.path().join("vault.sqlite-wal")).expect("a log").len();
            assert!(Instant::now() < deadline, "too slow to tell");
        }
        assert!(log_bytes < written / 2, "{log_bytes} bytes of log after {written} were written");
    }
}
