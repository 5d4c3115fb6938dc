//! Tables, settings and the checks at opening.

use crate::StoreError;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// The version of the tables. Version 1 had no backups and version 2 no recovery; both are of
/// development builds.
const SCHEMA: i64 = 3;
const SCHEMA_WITHOUT_RECOVERY: i64 = 2;
const SCHEMA_WITHOUT_BACKUPS: i64 = 1;

const TABLES: &str = "
CREATE SCHEMA IF NOT EXISTS strongroom;
CREATE TABLE IF NOT EXISTS strongroom.vault (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    vault_id BYTEA NOT NULL,
    schema BIGINT NOT NULL,
    -- Marks of nonces up to this time may be forgotten already.
    swept_until BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS strongroom.slot (
    slot BYTEA PRIMARY KEY,
    generation BIGINT NOT NULL,
    record BYTEA NOT NULL,
    expires_at BIGINT
);
CREATE INDEX IF NOT EXISTS slot_expiry ON strongroom.slot (expires_at) WHERE expires_at IS NOT NULL;
-- For ever: a tag whose slot is gone is a tombstone.
CREATE TABLE IF NOT EXISTS strongroom.held (tag BYTEA PRIMARY KEY, slot BYTEA NOT NULL);
CREATE TABLE IF NOT EXISTS strongroom.principal (tag BYTEA NOT NULL, slot BYTEA NOT NULL, PRIMARY KEY (tag, slot));
CREATE INDEX IF NOT EXISTS principal_slot ON strongroom.principal (slot);
CREATE TABLE IF NOT EXISTS strongroom.spent_nonce (nonce BYTEA PRIMARY KEY, keep_until BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS spent_nonce_until ON strongroom.spent_nonce (keep_until);
-- Records are ciphertext: pressing them is work for nothing.
ALTER TABLE strongroom.slot ALTER COLUMN record SET STORAGE EXTERNAL;
";

const BACKUP_TABLES: &str = "
CREATE TABLE IF NOT EXISTS strongroom.backup_series (
    series BYTEA PRIMARY KEY,
    owner BYTEA NOT NULL,
    revision BIGINT NOT NULL,
    head BYTEA NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS backup_series_owner ON strongroom.backup_series (owner, changed_at);
CREATE TABLE IF NOT EXISTS strongroom.backup_version (
    series BYTEA NOT NULL,
    number BIGINT NOT NULL,
    record BYTEA NOT NULL,
    -- Of a deleted version: when it may go.
    purge_at BIGINT,
    PRIMARY KEY (series, number)
);
CREATE INDEX IF NOT EXISTS backup_version_purge ON strongroom.backup_version (purge_at) WHERE purge_at IS NOT NULL;
-- For ever: what was uploaded once is not taken again.
CREATE TABLE IF NOT EXISTS strongroom.backup_digest (digest BYTEA PRIMARY KEY);
ALTER TABLE strongroom.backup_version ALTER COLUMN record SET STORAGE EXTERNAL;
";

const RECOVERY_TABLE: &str = "
-- From which a recovery recipient brings the root back.
CREATE TABLE IF NOT EXISTS strongroom.recovery (id BIGINT PRIMARY KEY CHECK (id = 1), envelope BYTEA NOT NULL);
";

/// Settings that must be on: with one of them off, a crash loses what was committed.
pub(super) const SETTINGS: [&str; 2] = ["fsync", "full_page_writes"];

/// Refuses a database that may lose what it has committed. A database without such a setting syncs
/// in its own way, and passes.
pub(super) async fn check_settings(client: &Client) -> Result<(), StoreError> {
    for name in SETTINGS {
        let row = client.query_one("SELECT current_setting($1, true)", &[&name]).await?;
        if row.get::<_, Option<String>>(0).as_deref() == Some("off") {
            return Err(StoreError::Unsafe(name));
        }
    }
    Ok(())
}

/// The id of the vault whose store it is; `None` where there is no store.
pub(super) async fn vault_id(client: &Client) -> Result<Option<[u8; 32]>, StoreError> {
    Ok(vault(client).await?.map(|(id, _)| id))
}

/// The vault's id, and the version of the tables.
async fn vault(client: &Client) -> Result<Option<([u8; 32], i64)>, StoreError> {
    let found = client.query_opt("SELECT vault_id, schema FROM strongroom.vault", &[]).await;
    let row = match found {
        Ok(row) => row,
        Err(error)
            if matches!(error.code(), Some(&SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME)) =>
        {
            None
        }
        Err(error) => return Err(error.into()),
    };
    let Some(row) = row else { return Ok(None) };
    match row.get(1) {
        schema @ (SCHEMA | SCHEMA_WITHOUT_RECOVERY | SCHEMA_WITHOUT_BACKUPS) => {
            let id: &[u8] = row.get(0);
            Ok(Some((id.try_into().map_err(|_| StoreError::ForeignVault)?, schema)))
        }
        other => Err(StoreError::UnknownSchema(other)),
    }
}

/// Makes the tables of a new store, or checks that the store is of this vault. Two servers may do
/// so at the same time.
pub(super) async fn create_or_check(client: &Client, expected: &[u8; 32]) -> Result<(), StoreError> {
    const ATTEMPTS: u32 = 10;
    for attempt in 1.. {
        let made = match vault(client).await? {
            Some((found, _)) if found != *expected => return Err(StoreError::ForeignVault),
            Some((_, SCHEMA)) => return Ok(()),
            Some((_, older)) => add_tables(client, older).await,
            None => make(client, expected).await,
        };
        match made {
            Ok(()) => {}
            // Another server is making them at this moment.
            Err(error) if attempt < ATTEMPTS && is_race(&error) => {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    unreachable!("the last attempt returns")
}

async fn make(client: &Client, vault_id: &[u8; 32]) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(TABLES).await?;
    client.batch_execute(BACKUP_TABLES).await?;
    client.batch_execute(RECOVERY_TABLE).await?;
    let claim = "INSERT INTO strongroom.vault (id, vault_id, schema, swept_until)
                 VALUES (1, $1, $2, 0) ON CONFLICT DO NOTHING";
    client.execute(claim, &[&&vault_id[..], &SCHEMA]).await.map(drop)
}

async fn add_tables(client: &Client, older: i64) -> Result<(), tokio_postgres::Error> {
    if older == SCHEMA_WITHOUT_BACKUPS {
        client.batch_execute(BACKUP_TABLES).await?;
    }
    client.batch_execute(RECOVERY_TABLE).await?;
    client.execute("UPDATE strongroom.vault SET schema = $1", &[&SCHEMA]).await.map(drop)
}

/// Whether two sessions ran `IF NOT EXISTS` at once. It fails in one of these ways.
fn is_race(error: &tokio_postgres::Error) -> bool {
    matches!(
        error.code(),
        Some(
            &SqlState::UNIQUE_VIOLATION
                | &SqlState::DUPLICATE_TABLE
                | &SqlState::DUPLICATE_SCHEMA
                | &SqlState::DUPLICATE_OBJECT
                | &SqlState::T_R_DEADLOCK_DETECTED
                | &SqlState::T_R_SERIALIZATION_FAILURE
        )
    ) || error.as_db_error().is_some_and(|error| error.message().contains("concurrently updated"))
}
