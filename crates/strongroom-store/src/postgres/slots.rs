//! Slots, their held tags, and the lists that they stand in: one statement a call.

use super::connections::Connections;
use crate::expiry::SWEEP_BATCH;
use crate::{
    Inserted, MAX_PAGE_BYTES, Replaced, SlotContent, SlotPage, SlotRow, StoreError, Tag, UnixSeconds,
};
use strongroom::SlotId;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

const INSERT: &str = "
WITH claimed AS (
    INSERT INTO strongroom.held (tag, slot) SELECT $4, $1 WHERE $4::bytea IS NOT NULL
    ON CONFLICT (tag) DO NOTHING RETURNING tag
), stored AS (
    INSERT INTO strongroom.slot (slot, generation, record, expires_at)
    SELECT $1, 1, $2, $3 WHERE $4::bytea IS NULL OR EXISTS (SELECT 1 FROM claimed) RETURNING slot
), listed AS (
    INSERT INTO strongroom.principal (tag, slot)
    SELECT DISTINCT tags.tag, stored.slot FROM stored, unnest($5::bytea[]) AS tags (tag)
)
SELECT EXISTS (SELECT 1 FROM stored)";

const REPLACE: &str = "
WITH current AS (
    SELECT slot FROM strongroom.slot WHERE slot = $1 AND generation = $2 FOR UPDATE
), claimed AS (
    INSERT INTO strongroom.held (tag, slot) SELECT $5, slot FROM current WHERE $5::bytea IS NOT NULL
    ON CONFLICT (tag) DO NOTHING RETURNING tag
), allowed AS (
    SELECT slot FROM current WHERE $5::bytea IS NULL OR EXISTS (SELECT 1 FROM claimed)
), stored AS (
    UPDATE strongroom.slot SET generation = $2 + 1, record = $3, expires_at = $4
    FROM allowed WHERE slot.slot = allowed.slot RETURNING slot.slot
), unlisted AS (
    DELETE FROM strongroom.principal USING allowed
    WHERE principal.slot = allowed.slot AND NOT principal.tag = ANY ($6::bytea[])
), listed AS (
    INSERT INTO strongroom.principal (tag, slot)
    SELECT DISTINCT tags.tag, allowed.slot FROM allowed, unnest($6::bytea[]) AS tags (tag)
    WHERE NOT EXISTS (SELECT 1 FROM strongroom.principal AS old WHERE old.tag = tags.tag AND old.slot = allowed.slot)
)
SELECT EXISTS (SELECT 1 FROM current), EXISTS (SELECT 1 FROM stored)";

// The sums are of sizes: only the rows of the page have their records fetched.
const LIST: &str = "
WITH page AS (
    SELECT slot.slot, sum(octet_length(slot.record)) OVER ascending AS bytes,
           row_number() OVER ascending AS number, count(*) OVER () AS found
    FROM (
        SELECT slot.slot, slot.record FROM strongroom.principal JOIN strongroom.slot USING (slot)
        WHERE principal.tag = $1 AND principal.slot > $2 ORDER BY principal.slot LIMIT $3::bigint + 1
    ) AS slot WINDOW ascending AS (ORDER BY slot.slot)
)
SELECT slot.slot, slot.generation, slot.record, page.found
FROM page JOIN strongroom.slot USING (slot)
WHERE page.number <= $3 AND (page.number = 1 OR page.bytes <= $4::bigint) ORDER BY slot.slot";

pub(super) async fn insert(
    connections: &Connections,
    slot: SlotId,
    content: SlotContent,
) -> Result<Inserted, StoreError> {
    let held = content.held.map(|tag| tag.0);
    let held: Option<&[u8]> = held.as_ref().map(|tag| &tag[..]);
    let principals: Vec<&[u8]> = content.principals.iter().map(|tag| &tag.0[..]).collect();
    let slot = &slot.as_bytes()[..];
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&slot, &content.record, &content.expires_at, &held, &principals];
    let (parameters, held) = (&parameters, &held);
    let holder: Option<Vec<u8>> = connections
        .call(|client| async move {
            let insert = client.prepare_cached(INSERT).await?;
            if client.query_one(&insert, parameters).await?.get(0) {
                return Ok(None);
            }
            let holder = client.prepare_cached("SELECT slot FROM strongroom.held WHERE tag = $1").await?;
            client.query_one(&holder, &[held]).await.map(|row| row.get(0))
        })
        .await?;
    holder.map_or(Ok(Inserted::Stored), |holder| slot_id(&holder).map(Inserted::Held))
}

pub(super) async fn read(connections: &Connections, slot: SlotId) -> Result<Option<SlotRow>, StoreError> {
    let found = connections
        .call(|client| async move {
            let sql = "SELECT slot, generation, record FROM strongroom.slot WHERE slot = $1";
            let read = client.prepare_cached(sql).await?;
            client.query_opt(&read, &[&&slot.as_bytes()[..]]).await
        })
        .await?;
    found.map(slot_row).transpose()
}

pub(super) async fn replace(
    connections: &Connections,
    slot: SlotId,
    expected: u64,
    content: SlotContent,
) -> Result<Replaced, StoreError> {
    let Ok(generation) = i64::try_from(expected) else {
        return Ok(Replaced::Changed);
    };
    let held = content.held.map(|tag| tag.0);
    let held: Option<&[u8]> = held.as_ref().map(|tag| &tag[..]);
    let principals: Vec<&[u8]> = content.principals.iter().map(|tag| &tag.0[..]).collect();
    let slot = &slot.as_bytes()[..];
    let parameters: [&(dyn ToSql + Sync); 6] =
        [&slot, &generation, &content.record, &content.expires_at, &held, &principals];
    let parameters = &parameters;
    let replaced = connections
        .call(|client| async move {
            let replace = client.prepare_cached(REPLACE).await?;
            client.query_one(&replace, parameters).await
        })
        .await?;
    Ok(match (replaced.get(0), replaced.get(1)) {
        (true, true) => Replaced::Stored(expected + 1),
        (true, false) => Replaced::Held,
        (false, _) => Replaced::Changed,
    })
}

pub(super) async fn delete(connections: &Connections, slot: SlotId) -> Result<bool, StoreError> {
    let delete = "WITH unlisted AS (DELETE FROM strongroom.principal WHERE slot = $1)
                  DELETE FROM strongroom.slot WHERE slot = $1";
    let gone = connections
        .call(|client| async move { client.execute(delete, &[&&slot.as_bytes()[..]]).await })
        .await?;
    Ok(gone == 1)
}

pub(super) async fn of_principal(
    connections: &Connections,
    principal: Tag,
    after: Option<SlotId>,
    limit: u32,
) -> Result<SlotPage, StoreError> {
    let after = after.map_or(Vec::new(), |slot| slot.as_bytes().to_vec());
    let (tag, limit) = (&principal.0[..], i64::from(limit));
    let (after, max_bytes) = (&after, MAX_PAGE_BYTES as i64);
    let rows = connections
        .call(|client| async move {
            let list = client.prepare_cached(LIST).await?;
            client.query(&list, &[&tag, after, &limit, &max_bytes]).await
        })
        .await?;
    let found = rows.first().map_or(0, |row| row.get::<_, i64>(3));
    let more = found > rows.len() as i64;
    Ok(SlotPage { rows: rows.into_iter().map(slot_row).collect::<Result<_, _>>()?, more })
}

/// Forgets at most [`SWEEP_BATCH`] slots that expired, and tells how many. A slot has expired when
/// both the server's and the database's clock say so.
pub(super) async fn forget_expired(connections: &Connections, now: UnixSeconds) -> Result<u64, StoreError> {
    let expire = "WITH expired AS (
                      SELECT slot FROM strongroom.slot
                      WHERE expires_at <= LEAST($1, extract(epoch FROM now())::bigint) LIMIT $2
                  ), gone AS (
                      DELETE FROM strongroom.slot USING expired WHERE slot.slot = expired.slot
                      AND slot.expires_at <= $1 RETURNING slot.slot
                  ), unlisted AS (
                      DELETE FROM strongroom.principal USING gone WHERE principal.slot = gone.slot
                  )
                  SELECT count(*) FROM gone";
    let gone = connections
        .call(|client| async move {
            client.query_one(expire, &[&now, &(SWEEP_BATCH as i64)]).await.map(|row| row.get::<_, i64>(0))
        })
        .await?;
    Ok(gone as u64)
}

fn slot_id(bytes: &[u8]) -> Result<SlotId, StoreError> {
    let bytes = bytes.try_into().map_err(|error| StoreError::Database(Box::new(error)))?;
    Ok(SlotId::from_bytes(bytes))
}

fn slot_row(row: Row) -> Result<SlotRow, StoreError> {
    let generation: i64 = row.get(1);
    Ok(SlotRow { slot: slot_id(row.get(0))?, generation: generation as u64, record: row.get(2) })
}
