//! The folder that one server owns: its root, its store, its lock.

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
    /// Another server has it.
    #[error("{0} is in use by another server")]
    Locked(PathBuf),
    /// It cannot be made or read.
    #[error("{0} cannot be used as data directory")]
    Io(PathBuf, #[source] io::Error),
}

impl DataDir {
    /// Makes the folder where there is none, for this user alone, syncs its name, and locks it.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let io = |error| DataDirError::Io(path.to_owned(), error);
        create(path).map_err(io)?;
        let mut options = File::options();
        // Who may open the file may lock it.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.create(true).truncate(false).write(true).open(path.join("lock")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::Locked(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }

    /// What the sealed root's file is called.
    pub const ROOT_NAME: &str = "root.sealed";

    /// Where the embedded store of a data directory is, which may be in use.
    #[must_use]
    pub fn store_file_in(path: &Path) -> PathBuf {
        path.join("vault.sqlite")
    }

    /// Where the sealed root is.
    #[must_use]
    pub fn root_file(&self) -> PathBuf {
        self.path.join(Self::ROOT_NAME)
    }

    /// Where the embedded store is. It belongs to the root: one without the other is refused.
    #[must_use]
    pub fn store_file(&self) -> PathBuf {
        Self::store_file_in(&self.path)
    }
}

/// Makes the folder and those above it, and syncs each name into the folder that it stands in, outermost first. Done
/// again for a folder that is there: a crash may have come between making and syncing.
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
