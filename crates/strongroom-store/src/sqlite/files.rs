//! The store's files: who may read them, and when their names are on the disk.

use crate::StoreError;
use std::path::Path;

/// Makes the file at `path` for this user only, if it is not there. SQLite would give a new file
/// the modes that others have by default; its log gets the file's.
pub(super) fn create_for_this_user(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let created = options.create(true).truncate(false).write(true).open(path);
    created.map(drop).map_err(|error| StoreError::Database(Box::new(error)))
}

/// Puts a new file's name on the disk. SQLite syncs its files, but the name is in their folder.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| StoreError::Database(Box::new(error)))
}
