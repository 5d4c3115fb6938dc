//! What PostgreSQL's errors are to a store.

use crate::StoreError;
use tokio_postgres::error::SqlState;

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(&SqlState::DISK_FULL) => Self::Full(Box::new(error)),
            _ => Self::Database(Box::new(error)),
        }
    }
}
