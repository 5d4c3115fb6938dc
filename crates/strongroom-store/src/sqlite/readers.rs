//! Connections that read while the writer writes.

use crate::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// Reads that run at the same time at most.
pub(super) const READERS: usize = 4;

/// Connections that only read, one for each permit.
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Opens all of them for the file at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connections =
            (0..READERS).map(|_| Connection::open_with_flags(path, flags)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Mutex::new(connections), permits: Arc::new(Semaphore::new(READERS)) })
    }

    /// Waits for a connection and runs `read` with it, on a thread that may block.
    pub(super) async fn run<T: Send + 'static>(
        self: Arc<Self>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let work = move || {
            // The work holds it, not the caller, who may go away before the work is done.
            let _permit = permit;
            self.with(read)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Closed)?
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let connection = self.idle().pop().ok_or(StoreError::Closed)?;
        let lent = Lent { readers: self, connection: Some(connection) };
        Ok(read(lent.connection.as_ref().expect("only drop takes it away"))?)
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
