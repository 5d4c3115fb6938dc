//! What SQLite's errors are to a store.

use crate::StoreError;
use std::sync::Arc;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        kind(&error)(Box::new(error))
    }
}

/// One failure that several calls share.
impl From<Arc<rusqlite::Error>> for StoreError {
    fn from(error: Arc<rusqlite::Error>) -> Self {
        kind(&error)(Box::new(error))
    }
}

fn kind(error: &rusqlite::Error) -> fn(Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Database,
    }
}
