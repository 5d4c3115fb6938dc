//! The data directory: the folder of one server, with its root, its store and its lock.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A data directory that no other server uses while this value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// Another server uses it.
    #[error("{0} is in use by another server")]
    Locked(PathBuf),
    /// The folder or its lock cannot be made or opened.
    #[error("{0} cannot be used as a data directory")]
    Io(PathBuf, #[source] io::Error),
}

impl DataDir {
    /// Makes the folder if there is none, with access for this user only. Syncs its name, and locks
    /// it.
    ///
    /// # Errors
    /// [`DataDirError`] where another server has locked it, or it cannot be made.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let io = |error| DataDirError::Io(path.to_owned(), error);
        create(path).map_err(io)?;
        let mut options = File::options();
        // Only this user may open the file, because a process that can open it can lock it.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.create(true).truncate(false).write(true).open(path.join("lock")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::Locked(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }

    /// The name of the sealed root's file.
    pub const ROOT_NAME: &str = "root.sealed";

    /// The file of the embedded store in the data directory at `path`, which may be in use.
    #[must_use]
    pub fn store_file_in(path: &Path) -> PathBuf {
        path.join("vault.sqlite")
    }

    /// The file of the sealed root.
    #[must_use]
    pub fn root_file(&self) -> PathBuf {
        self.path.join(Self::ROOT_NAME)
    }

    /// The file of the embedded store. It belongs to the root, so one without the other is refused.
    #[must_use]
    pub fn store_file(&self) -> PathBuf {
        Self::store_file_in(&self.path)
    }
}

/// Makes the folder and its parents, outermost first, and syncs each name in its parent. A folder
/// that is there is synced again, because a crash may have come between making and syncing it.
fn create(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.exists() {
        create(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if !path.is_dir() => return Err(error),
        _ => {}
    }
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_a_folder_and_nobody_else_may_look() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/data");
        let first = DataDir::open(&path).expect("a new folder");
        assert!(matches!(DataDir::open(&path), Err(DataDirError::Locked(_))));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).expect("the folder").permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        drop(first);
        assert!(DataDir::open(&path).is_ok());
    }
}
