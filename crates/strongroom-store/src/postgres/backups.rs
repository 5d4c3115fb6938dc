//! Wallets' backups and their versions: one statement a call.

use super::connections::Connections;
use crate::expiry::SWEEP_BATCH;
use crate::{BackupRow, HeadRow, MAX_BACKUPS, NewVersion, Pushed, StoreError, Tag, UnixSeconds};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

// The head is locked, or a new backup made; then the digest is claimed. A part of a statement does
// not undo another part. If a backup was made while another call took the digest, the last part
// fails on purpose, and nothing of the statement remains.
const PUSH: &str = "
WITH current AS (
    SELECT series FROM strongroom.backup_series WHERE series = $1 AND revision = $3 FOR UPDATE
), made AS (
    INSERT INTO strongroom.backup_series (series, owner, revision, head, changed_at)
    SELECT $1, $2, 1, $4, $5 WHERE $3 = 0
    AND ($8::bytea IS NULL OR NOT EXISTS (SELECT 1 FROM strongroom.backup_digest WHERE digest = $8))
    ON CONFLICT (series) DO NOTHING RETURNING series
), fits AS (
    SELECT series FROM current UNION ALL SELECT series FROM made
), claimed AS (
    INSERT INTO strongroom.backup_digest (digest) SELECT $8 FROM fits WHERE $8::bytea IS NOT NULL
    ON CONFLICT (digest) DO NOTHING RETURNING digest
), allowed AS (
    SELECT series FROM fits WHERE $8::bytea IS NULL OR EXISTS (SELECT 1 FROM claimed)
), headed AS (
    UPDATE strongroom.backup_series SET revision = $3 + 1, head = $4, changed_at = $5
    FROM allowed WHERE backup_series.series = allowed.series AND $3 > 0
), gone AS (
    DELETE FROM strongroom.backup_version USING allowed
    WHERE backup_version.series = allowed.series AND number = ANY ($9::bigint[])
), stored AS (
    INSERT INTO strongroom.backup_version (series, number, record)
    SELECT series, $6, $7 FROM allowed RETURNING series
)
SELECT CASE WHEN EXISTS (SELECT 1 FROM stored) THEN true
            WHEN EXISTS (SELECT 1 FROM made) THEN 1 / (SELECT count(*) FROM stored) > 0
            ELSE false END,
       EXISTS (SELECT 1 FROM fits),
       $8::bytea IS NOT NULL AND EXISTS (SELECT 1 FROM strongroom.backup_digest WHERE digest = $8),
       COALESCE((SELECT revision FROM strongroom.backup_series WHERE series = $1), 0) = $3";

const DELETE: &str = "
WITH headed AS (
    UPDATE strongroom.backup_series SET revision = revision + 1, head = $3, changed_at = $4
    WHERE series = $1 AND revision = $2 RETURNING series
), marked AS (
    UPDATE strongroom.backup_version SET purge_at = $5
    FROM headed WHERE backup_version.series = headed.series AND purge_at IS NULL
)
SELECT EXISTS (SELECT 1 FROM headed)";

pub(super) async fn head(connections: &Connections, backup: Tag) -> Result<Option<HeadRow>, StoreError> {
    let found = connections
        .call(|client| async move {
            let sql = "SELECT revision, head FROM strongroom.backup_series WHERE series = $1";
            let read = client.prepare_cached(sql).await?;
            client.query_opt(&read, &[&&backup.0[..]]).await
        })
        .await?;
    Ok(found.map(|row| read_head(&row, 0)))
}

pub(super) async fn of_owner(connections: &Connections, owner: Tag) -> Result<Vec<BackupRow>, StoreError> {
    let rows = connections
        .call(|client| async move {
            let sql = "SELECT series, revision, head FROM strongroom.backup_series WHERE owner = $1
                       ORDER BY changed_at DESC, series LIMIT $2";
            let list = client.prepare_cached(sql).await?;
            client.query(&list, &[&&owner.0[..], &i64::from(MAX_BACKUPS)]).await
        })
        .await?;
    let backup = |row: &Row| {
        let tag: &[u8] = row.get(0);
        let tag = tag.try_into().map_err(|error| StoreError::Database(Box::new(error)))?;
        Ok(BackupRow { tag: Tag(tag), head: read_head(row, 1) })
    };
    rows.iter().map(backup).collect()
}

pub(super) async fn version(
    connections: &Connections,
    backup: Tag,
    number: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    // The database cannot hold such a number, so it has no such version.
    let Ok(number) = i64::try_from(number) else { return Ok(None) };
    let found = connections
        .call(|client| async move {
            let sql = "SELECT record FROM strongroom.backup_version WHERE series = $1 AND number = $2";
            let read = client.prepare_cached(sql).await?;
            client.query_opt(&read, &[&&backup.0[..], &number]).await
        })
        .await?;
    Ok(found.map(|row| row.get(0)))
}

pub(super) async fn push(
    connections: &Connections,
    backup: Tag,
    new: NewVersion,
) -> Result<Pushed, StoreError> {
    let digest = new.digest.map(|tag| tag.0);
    let digest: Option<&[u8]> = digest.as_ref().map(|tag| &tag[..]);
    let (backup, owner) = (&backup.0[..], &new.owner.0[..]);
    let (expected, number) = (new.expected as i64, new.number as i64);
    let gone: Vec<i64> = new.gone.iter().map(|number| *number as i64).collect();
    let parameters: [&(dyn ToSql + Sync); 9] =
        [&backup, &owner, &expected, &new.head, &new.changed_at, &number, &new.record, &digest, &gone];
    let parameters = &parameters;
    let row = connections
        .call(|client| async move {
            let push = client.prepare_cached(PUSH).await?;
            match client.query_one(&push, parameters).await {
                Err(error) if error.code() == Some(&SqlState::DIVISION_BY_ZERO) => Ok(None),
                answer => answer.map(Some),
            }
        })
        .await?;
    let Some(row) = row else { return Ok(Pushed::Superseded) };
    let (stored, fits, taken, unchanged): (bool, bool, bool, bool) =
        (row.get(0), row.get(1), row.get(2), row.get(3));
    Ok(match (stored, fits) {
        (true, _) => Pushed::Stored,
        (false, true) => Pushed::Superseded,
        (false, false) if taken && unchanged => Pushed::Superseded,
        (false, false) => Pushed::Changed,
    })
}

pub(super) async fn delete_versions(
    connections: &Connections,
    backup: Tag,
    expected: u64,
    head: Vec<u8>,
    changed_at: UnixSeconds,
    purge_at: UnixSeconds,
) -> Result<bool, StoreError> {
    let Ok(expected) = i64::try_from(expected) else { return Ok(false) };
    let (backup, head) = (&backup.0[..], &head);
    let row = connections
        .call(|client| async move {
            let delete = client.prepare_cached(DELETE).await?;
            client.query_one(&delete, &[&backup, &expected, head, &changed_at, &purge_at]).await
        })
        .await?;
    Ok(row.get(0))
}

/// Forgets at most [`SWEEP_BATCH`] deleted versions, and tells how many. Their time has come when
/// both the server's and the database's clock say so.
pub(super) async fn purge(connections: &Connections, now: UnixSeconds) -> Result<u64, StoreError> {
    connections
        .call(|client| async move {
            let sql = "WITH due AS (
                           SELECT series, number FROM strongroom.backup_version
                           WHERE purge_at <= LEAST($1, extract(epoch FROM now())::bigint) LIMIT $2
                       )
                       DELETE FROM strongroom.backup_version USING due
                       WHERE backup_version.series = due.series AND backup_version.number = due.number
                       AND backup_version.purge_at <= $1";
            client.execute(sql, &[&now, &(SWEEP_BATCH as i64)]).await
        })
        .await
}

fn read_head(row: &Row, at: usize) -> HeadRow {
    HeadRow { revision: row.get::<_, i64>(at) as u64, record: row.get(at + 1) }
}
