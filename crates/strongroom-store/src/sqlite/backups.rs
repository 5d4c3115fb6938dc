//! Wallets' backups and their versions.

use crate::expiry::SWEEP_BATCH;
use crate::{BackupRow, HeadRow, MAX_BACKUPS, NewVersion, Pushed, Tag, UnixSeconds};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

pub(super) fn head(db: &Connection, backup: Tag) -> Result<Option<HeadRow>> {
    db.prepare_cached("SELECT revision, head FROM backup_series WHERE series = ?1")?
        .query_row([backup.0], |row| read_head(row, 0))
        .optional()
}

pub(super) fn of_owner(db: &Connection, owner: Tag) -> Result<Vec<BackupRow>> {
    db.prepare_cached(
        "SELECT series, revision, head FROM backup_series WHERE owner = ?1
         ORDER BY changed_at DESC, series LIMIT ?2",
    )?
    .query_map(params![owner.0, MAX_BACKUPS], |row| {
        Ok(BackupRow { tag: Tag(row.get(0)?), head: read_head(row, 1)? })
    })?
    .collect()
}

pub(super) fn version(db: &Connection, backup: Tag, number: u64) -> Result<Option<Vec<u8>>> {
    // The database cannot hold such a number, so it has no such version.
    let Ok(number) = i64::try_from(number) else { return Ok(None) };
    db.prepare_cached("SELECT record FROM backup_version WHERE series = ?1 AND number = ?2")?
        .query_row(params![backup.0, number], |row| row.get(0))
        .optional()
}

pub(super) fn push(db: &Connection, backup: Tag, new: &NewVersion) -> Result<Pushed> {
    let revision = head(db, backup)?.map_or(0, |head| head.revision);
    if revision != new.expected {
        return Ok(Pushed::Changed);
    }
    if let Some(digest) = new.digest {
        let taken = db
            .prepare_cached("INSERT INTO backup_digest (digest) VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute([digest.0])?;
        if taken == 0 {
            return Ok(Pushed::Superseded);
        }
    }
    db.prepare_cached(
        "INSERT INTO backup_series (series, owner, revision, head, changed_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (series) DO UPDATE SET revision = ?3, head = ?4, changed_at = ?5",
    )?
    .execute(params![backup.0, new.owner.0, new.expected as i64 + 1, new.head, new.changed_at])?;
    let mut forget = db.prepare_cached("DELETE FROM backup_version WHERE series = ?1 AND number = ?2")?;
    for number in &new.gone {
        forget.execute(params![backup.0, *number as i64])?;
    }
    db.prepare_cached("INSERT INTO backup_version (series, number, record) VALUES (?1, ?2, ?3)")?
        .execute(params![backup.0, new.number as i64, new.record])?;
    Ok(Pushed::Stored)
}

pub(super) fn delete_versions(
    db: &Connection,
    backup: Tag,
    expected: u64,
    head: &[u8],
    changed_at: UnixSeconds,
    purge_at: UnixSeconds,
) -> Result<bool> {
    let Ok(expected) = i64::try_from(expected) else { return Ok(false) };
    let changed = db
        .prepare_cached(
            "UPDATE backup_series SET revision = revision + 1, head = ?3, changed_at = ?4
             WHERE series = ?1 AND revision = ?2",
        )?
        .execute(params![backup.0, expected, head, changed_at])?;
    if changed == 1 {
        db.prepare_cached("UPDATE backup_version SET purge_at = ?2 WHERE series = ?1 AND purge_at IS NULL")?
            .execute(params![backup.0, purge_at])?;
    }
    Ok(changed == 1)
}

/// Forgets at most [`SWEEP_BATCH`] deleted versions whose time has come, and tells how many.
pub(super) fn purge(db: &Connection, now: UnixSeconds) -> Result<u64> {
    let gone = db
        .prepare_cached(
            "DELETE FROM backup_version WHERE rowid IN
             (SELECT rowid FROM backup_version WHERE purge_at <= ?1 LIMIT ?2)",
        )?
        .execute(params![now, SWEEP_BATCH as i64])?;
    Ok(gone as u64)
}

fn read_head(row: &Row<'_>, at: usize) -> Result<HeadRow> {
    Ok(HeadRow { revision: row.get::<_, i64>(at)? as u64, record: row.get(at + 1)? })
}
