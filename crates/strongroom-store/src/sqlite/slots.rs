//! Slots, their held tags, and the lists that they stand in.

use crate::expiry::SWEEP_BATCH;
use crate::{Inserted, MAX_PAGE_BYTES, Replaced, SlotContent, SlotPage, SlotRow, Tag, UnixSeconds};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use strongroom::SlotId;

pub(super) fn insert(db: &Connection, slot: SlotId, content: &SlotContent) -> Result<Inserted> {
    if let Some(tag) = content.held {
        let holder = holder(db, tag)?;
        if let Some(holder) = holder {
            return Ok(Inserted::Held(holder));
        }
        hold(db, tag, slot)?;
    }
    db.prepare_cached("INSERT INTO slot (slot, generation, record, expires_at) VALUES (?1, 1, ?2, ?3)")?
        .execute(params![slot.as_bytes(), content.record, content.expires_at])?;
    list(db, slot, &content.principals)?;
    Ok(Inserted::Stored)
}

pub(super) fn read(db: &Connection, slot: SlotId) -> Result<Option<SlotRow>> {
    db.prepare_cached("SELECT slot, generation, record FROM slot WHERE slot = ?1")?
        .query_row([slot.as_bytes()], slot_row)
        .optional()
}

pub(super) fn replace(
    db: &Connection,
    slot: SlotId,
    expected: u64,
    content: &SlotContent,
) -> Result<Replaced> {
    let expected = expected as i64;
    let generation: Option<i64> = db
        .prepare_cached("SELECT generation FROM slot WHERE slot = ?1")?
        .query_row([slot.as_bytes()], |row| row.get(0))
        .optional()?;
    if generation != Some(expected) {
        return Ok(Replaced::Changed);
    }
    if let Some(tag) = content.held {
        if holder(db, tag)?.is_some() {
            return Ok(Replaced::Held);
        }
        hold(db, tag, slot)?;
    }
    db.prepare_cached("UPDATE slot SET generation = ?2, record = ?3, expires_at = ?4 WHERE slot = ?1")?
        .execute(params![slot.as_bytes(), expected + 1, content.record, content.expires_at])?;
    unlist(db, slot)?;
    list(db, slot, &content.principals)?;
    Ok(Replaced::Stored(expected as u64 + 1))
}

pub(super) fn delete(db: &Connection, slot: SlotId) -> Result<bool> {
    unlist(db, slot)?;
    let gone = db.prepare_cached("DELETE FROM slot WHERE slot = ?1")?.execute([slot.as_bytes()])?;
    Ok(gone == 1)
}

pub(super) fn of_principal(
    db: &Connection,
    principal: Tag,
    after: Option<SlotId>,
    limit: u32,
) -> Result<SlotPage> {
    let after = after.map_or(Vec::new(), |slot| slot.as_bytes().to_vec());
    let mut statement = db.prepare_cached(
        "SELECT slot.slot, slot.generation, slot.record FROM principal JOIN slot USING (slot)
         WHERE principal.tag = ?1 AND principal.slot > ?2 ORDER BY principal.slot LIMIT ?3",
    )?;
    let mut rows = Vec::new();
    let mut bytes = 0;
    // One row more than asked tells whether there is more.
    for found in statement.query_map(params![principal.0, after, i64::from(limit) + 1], slot_row)? {
        let found = found?;
        if rows.len() == limit as usize || (!rows.is_empty() && bytes + found.record.len() > MAX_PAGE_BYTES) {
            return Ok(SlotPage { rows, more: true });
        }
        bytes += found.record.len();
        rows.push(found);
    }
    Ok(SlotPage { rows, more: false })
}

/// Forgets at most [`SWEEP_BATCH`] slots that expired, and tells how many.
pub(super) fn forget_expired(db: &Connection, now: UnixSeconds) -> Result<u64> {
    let mut expired = db.prepare_cached("SELECT slot FROM slot WHERE expires_at <= ?1 LIMIT ?2")?;
    let slots: Vec<[u8; 32]> =
        expired.query_map(params![now, SWEEP_BATCH as i64], |row| row.get(0))?.collect::<Result<_>>()?;
    for slot in &slots {
        unlist(db, SlotId::from_bytes(*slot))?;
        db.prepare_cached("DELETE FROM slot WHERE slot = ?1")?.execute([slot])?;
    }
    Ok(slots.len() as u64)
}

fn slot_row(row: &Row<'_>) -> Result<SlotRow> {
    Ok(SlotRow {
        slot: SlotId::from_bytes(row.get(0)?),
        generation: row.get::<_, i64>(1)? as u64,
        record: row.get(2)?,
    })
}

/// The slot that took a tag, whether it is still there or not.
fn holder(db: &Connection, tag: Tag) -> Result<Option<SlotId>> {
    db.prepare_cached("SELECT slot FROM held WHERE tag = ?1")?
        .query_row([tag.0], |row| row.get(0).map(SlotId::from_bytes))
        .optional()
}

/// Takes a tag for ever.
fn hold(db: &Connection, tag: Tag, slot: SlotId) -> Result<()> {
    db.prepare_cached("INSERT INTO held (tag, slot) VALUES (?1, ?2)")?
        .execute(params![tag.0, slot.as_bytes()])?;
    Ok(())
}

fn list(db: &Connection, slot: SlotId, principals: &[Tag]) -> Result<()> {
    let mut insert =
        db.prepare_cached("INSERT INTO principal (tag, slot) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    principals.iter().try_for_each(|tag| insert.execute(params![tag.0, slot.as_bytes()]).map(drop))
}

fn unlist(db: &Connection, slot: SlotId) -> Result<()> {
    db.prepare_cached("DELETE FROM principal WHERE slot = ?1")?.execute([slot.as_bytes()])?;
    Ok(())
}
