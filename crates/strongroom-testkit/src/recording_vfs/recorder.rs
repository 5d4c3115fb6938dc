//! What the VFS sees of a recording. SQLite knows a VFS by process, not by test.

use super::operation::Operation;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The folder that is recorded, the faults that are on, and the log.
pub(super) struct Recorder {
    pub(super) folder: Option<PathBuf>,
    pub(super) fail_writes_full: bool,
    pub(super) fail_syncs: bool,
    pub(super) log: Vec<Operation>,
}

impl Recorder {
    pub(super) const STOPPED: Self =
        Self { folder: None, fail_writes_full: false, fail_syncs: false, log: Vec::new() };

    /// The name of a file that is to be recorded now.
    pub(super) fn name_of(&self, path: &Path) -> Option<Arc<str>> {
        let recorded = self.folder.is_some() && path.parent() == self.folder.as_deref();
        path.file_name().filter(|_| recorded).map(|name| name.to_string_lossy().into())
    }
}

/// The process's recorder, locked.
pub(super) fn recorder() -> MutexGuard<'static, Recorder> {
    static RECORDER: Mutex<Recorder> = Mutex::new(Recorder::STOPPED);
    RECORDER.lock().unwrap_or_else(PoisonError::into_inner)
}
