//! What a log consists of.

use std::sync::Arc;

/// One step of a log. A file is named by the last part of its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Bytes were put into a file, and may not be on the disk yet.
    Write {
        /// The name of the file.
        file: Arc<str>,
        /// Where the first byte went.
        offset: u64,
        /// The bytes that were written.
        bytes: Vec<u8>,
    },
    /// A file got another length.
    Truncate {
        /// The name of the file.
        file: Arc<str>,
        /// The file's length since then.
        length_bytes: u64,
    },
    /// Everything that was written to a file before is on the disk.
    Sync {
        /// The name of the file.
        file: Arc<str>,
        /// SQLite's `SQLITE_SYNC_*` flags.
        flags: i32,
    },
    /// A sync failed: what was written before may be on the disk or not, and no later sync writes
    /// it.
    FailedSync {
        /// The name of the file.
        file: Arc<str>,
    },
    /// A file is gone.
    Delete {
        /// The name of the file.
        file: Arc<str>,
    },
    /// A point that the test wants to find again, such as an answer.
    Mark(u64),
}
