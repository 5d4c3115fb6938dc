//! Tables, settings and the checks at opening.

use crate::StoreError;
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;

/// The version of the tables. Version 1 had no backups and version 2 no recovery; both are of
/// development builds.
const SCHEMA: i64 = 3;
const SCHEMA_WITHOUT_BACKUPS: i64 = 1;

const TABLES: &str = "
CREATE TABLE vault (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    vault_id BLOB NOT NULL,
    schema INTEGER NOT NULL
) STRICT;
CREATE TABLE slot (
    slot BLOB NOT NULL UNIQUE,
    generation INTEGER NOT NULL,
    record BLOB NOT NULL,
    expires_at INTEGER
) STRICT;
CREATE INDEX slot_expiry ON slot (expires_at) WHERE expires_at IS NOT NULL;
-- For ever: a tag whose slot is gone is a tombstone.
CREATE TABLE held (tag BLOB PRIMARY KEY, slot BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE principal (tag BLOB NOT NULL, slot BLOB NOT NULL, PRIMARY KEY (tag, slot)) STRICT, WITHOUT ROWID;
CREATE INDEX principal_slot ON principal (slot);
CREATE TABLE spent_nonce (nonce BLOB PRIMARY KEY, keep_until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX spent_nonce_until ON spent_nonce (keep_until);
";

const BACKUP_TABLES: &str = "
CREATE TABLE backup_series (
    series BLOB PRIMARY KEY,
    owner BLOB NOT NULL,
    revision INTEGER NOT NULL,
    head BLOB NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX backup_series_owner ON backup_series (owner, changed_at);
-- With a row id: records are large.
CREATE TABLE backup_version (
    series BLOB NOT NULL,
    number INTEGER NOT NULL,
    record BLOB NOT NULL,
    -- Of a deleted version: when it may go.
    purge_at INTEGER,
    UNIQUE (series, number)
) STRICT;
CREATE INDEX backup_version_purge ON backup_version (purge_at) WHERE purge_at IS NOT NULL;
-- For ever: what was uploaded once is not taken again.
CREATE TABLE backup_digest (digest BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
";

const RECOVERY_TABLE: &str = "
-- From which a recovery recipient brings the root back.
CREATE TABLE recovery (id INTEGER PRIMARY KEY CHECK (id = 1), envelope BLOB NOT NULL) STRICT;
";

/// Configures a connection. FULL syncs the log at every commit; in WAL mode NORMAL would not.
pub(super) fn configure(db: &Connection) -> Result<(), StoreError> {
    db.busy_timeout(Duration::from_secs(5))?;
    let journal: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if journal != "wal" {
        return Err(StoreError::NoWal(journal));
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    // checkpoint.rs runs the checkpoints.
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    db.pragma_update(None, "trusted_schema", "OFF")?;
    db.pragma_update(None, "cell_size_check", "ON")?;
    Ok(())
}

/// Makes the tables of a new store, or checks that the store is of this vault.
pub(super) fn create_or_check(db: &mut Connection, expected: &[u8; 32]) -> Result<(), StoreError> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    match vault_id(&transaction)? {
        Some(found) if found == *expected => {
            let older = schema(&transaction)?;
            if older == SCHEMA_WITHOUT_BACKUPS {
                transaction.execute_batch(BACKUP_TABLES)?;
            }
            if older < SCHEMA {
                transaction.execute_batch(RECOVERY_TABLE)?;
                transaction.execute("UPDATE vault SET schema = ?1", [SCHEMA])?;
            }
            Ok(transaction.commit()?)
        }
        Some(_) => Err(StoreError::ForeignVault),
        None => {
            transaction.execute_batch(TABLES)?;
            transaction.execute_batch(BACKUP_TABLES)?;
            transaction.execute_batch(RECOVERY_TABLE)?;
            transaction.execute(
                "INSERT INTO vault (id, vault_id, schema) VALUES (1, ?1, ?2)",
                params![expected, SCHEMA],
            )?;
            Ok(transaction.commit()?)
        }
    }
}

fn schema(db: &Connection) -> Result<i64, StoreError> {
    Ok(db.query_row("SELECT schema FROM vault", [], |row| row.get(0))?)
}

/// Whether a store has the tables of backups. A snapshot that an older build made has none.
pub(super) fn has_backups(db: &Connection) -> Result<bool, StoreError> {
    Ok(schema(db)? != SCHEMA_WITHOUT_BACKUPS)
}

/// The id of the vault whose store it is; `None` where there are no tables yet.
pub(super) fn vault_id(db: &Connection) -> Result<Option<[u8; 32]>, StoreError> {
    let exists: bool =
        db.query_row("SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'vault'", [], |row| row.get(0))?;
    if !exists {
        return Ok(None);
    }
    let found: Option<(Vec<u8>, i64)> = db
        .query_row("SELECT vault_id, schema FROM vault", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        Some((_, schema)) if !(SCHEMA_WITHOUT_BACKUPS..=SCHEMA).contains(&schema) => {
            Err(StoreError::UnknownSchema(schema))
        }
        Some((id, _)) => id.try_into().map(Some).map_err(|_| StoreError::ForeignVault),
        None => Err(StoreError::ForeignVault),
    }
}
