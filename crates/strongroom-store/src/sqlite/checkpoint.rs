//! Checkpoints: moving the write-ahead log into the file. A thread copies most of it while others
//! write. The writer copies the little that came meanwhile, and then the log can start over. No
//! call waits for all of it.

use crate::StoreError;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

/// The log is moved when it has more pages than this that are not in the file. Slots' names are
/// random, so a row touches a page of each index: the more rows move at once, the fewer pages there
/// are for each.
const MAX_PAGES: i64 = 2048;
/// Commits between two looks at the log's length.
const COMMITS_A_LOOK: u32 = 16;

/// The thread that runs checkpoints, as the writer sees it.
pub(super) struct Checkpointer {
    wake: Option<Sender<()>>,
    done: Receiver<()>,
    thread: Option<std::thread::JoinHandle<()>>,
    running: bool,
    commits: u32,
}

impl Checkpointer {
    /// Starts the thread, which has this connection for itself.
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

    /// Called by the writer after each commit, while no call waits.
    pub(super) fn committed(&mut self, writer: &Connection) {
        if self.running {
            match self.done.try_recv() {
                Err(TryRecvError::Empty) => {}
                // If the thread is gone, this moves all of the log.
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
                // If the thread is gone, the next look finds it out.
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

/// The number of the log's pages that are not in the file.
fn waiting_pages(db: &Connection) -> i64 {
    let pages = db.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
        Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
    });
    pages.unwrap_or_else(|error| {
        tracing::error!(%error, "the log's length is not known");
        0
    })
}

/// Moves as much as readers let it. The log stays valid whatever happens to the move.
fn move_into_file(db: &Connection) {
    if let Err(error) = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        tracing::error!(%error, "the log was not moved into the file, and goes on");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// While nobody reads, the log starts over and does not grow with what was written.
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
        // After so much, the log has started over some times, however slow the other thread is.
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
