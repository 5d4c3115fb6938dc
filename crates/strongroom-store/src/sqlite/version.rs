//! The SQLite that is linked: an older one can corrupt the log of a database that is reset.

use crate::error::StoreError;

/// SQLite 3.51.3 mends a race that could corrupt a write-ahead log while it is reset.
const MIN_SQLITE: i32 = 3_051_003;

pub(super) fn check_sqlite_version(version: i32) -> Result<(), StoreError> {
    if version < MIN_SQLITE { Err(StoreError::OldSqlite(rusqlite::version())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_sqlite_is_refused_and_the_linked_one_is_not_old() {
        assert!(matches!(check_sqlite_version(3_051_002), Err(StoreError::OldSqlite(_))));
        assert!(check_sqlite_version(MIN_SQLITE).is_ok());
        assert!(check_sqlite_version(rusqlite::version_number()).is_ok());
    }
}
