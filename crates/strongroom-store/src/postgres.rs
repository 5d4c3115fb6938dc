//! The shared store: several servers on one PostgreSQL. Plain SQL without advisory locks or notifications, so that
//! databases that speak its protocol serve too.

mod backups;
mod connect;
mod schema;

use crate::{
    Answer, BackupRow, HeadRow, Inserted, MAX_PAGE_BYTES, NewVersion, Pushed, Replaced, SWEEP_BATCH,
    SWEEP_MARGIN_S, SlotContent, SlotPage, SlotRow, Store, StoreError, Tag, UnixSeconds,
};
use deadpool_postgres::{HookError, Object, Pool, PoolError};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use strongroom::SlotId;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

pub use connect::{DatabaseUrl, DatabaseUrlError, PostgresOptions};

/// How long one call may take, waiting for a connection included.
const CALL_TIMEOUT: Duration = Duration::from_secs(12);
/// How often a call is tried again that the database gave up for another's sake.
const MAX_ATTEMPTS: u32 = 5;

/// A [`Store`] in a PostgreSQL database, in its schema `strongroom`, for any number of servers.
pub struct PostgresStore {
    pool: Pool,
}

/// A database that was reached and not claimed yet.
pub struct PostgresDatabase {
    pool: Pool,
}

impl PostgresDatabase {
    /// Reaches the database, and checks that it keeps what it commits.
    ///
    /// # Errors
    /// [`StoreError::Unsafe`] where `fsync` or `full_page_writes` is off, [`StoreError::Database`].
    pub async fn connect(url: &DatabaseUrl, options: &PostgresOptions) -> Result<Self, StoreError> {
        let pool = connect::pool(url, options)?;
        // What a connection must be, each one is asked when it is made.
        drop(client(&pool).await?);
        Ok(Self { pool })
    }

    /// Whose store this is already; `None` where nobody's.
    ///
    /// # Errors
    /// [`StoreError::UnknownSchema`], [`StoreError::Database`].
    pub async fn vault_id(&self) -> Result<Option<[u8; 32]>, StoreError> {
        schema::vault_id(&**client(&self.pool).await?).await
    }

    /// Opens the store, or makes it for the vault of this id.
    ///
    /// # Errors
    /// [`StoreError::ForeignVault`] for another vault's store, [`StoreError::UnknownSchema`],
    /// [`StoreError::Database`].
    pub async fn open(self, vault_id: &[u8; 32]) -> Result<PostgresStore, StoreError> {
        schema::create_or_check(&**client(&self.pool).await?, vault_id).await?;
        Ok(PostgresStore { pool: self.pool })
    }
}

async fn client(pool: &Pool) -> Result<Object, StoreError> {
    pool.get().await.map_err(|error| match &error {
        // A hook can only say texts: this is one of our own.
        PoolError::PostCreateHook(HookError::Message(text)) => {
            let unsafe_setting = schema::SETTINGS.into_iter().map(StoreError::Unsafe);
            unsafe_setting
                .into_iter()
                .find(|known| known.to_string() == *text)
                .unwrap_or(StoreError::Database(error.into()))
        }
        _ => StoreError::Database(error.into()),
    })
}

/// Whether the database asks to try again: it ended the call to let another one pass.
fn asks_again(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED))
}

impl PostgresStore {
    /// Runs `work`, one statement, on a connection, in time, again where the database asks for it.
    async fn call<T, F: Future<Output = Result<T, tokio_postgres::Error>>>(
        &self,
        work: impl Fn(Arc<Lent>) -> F,
    ) -> Result<T, StoreError> {
        let attempts = async {
            let client =
                Arc::new(Lent { object: Some(client(&self.pool).await?), done: AtomicBool::new(false) });
            for attempt in 1.. {
                match work(Arc::clone(&client)).await {
                    Err(error) if attempt < MAX_ATTEMPTS && asks_again(&error) => {
                        tracing::debug!(attempt, %error, "tried again");
                    }
                    answer => {
                        client.done.store(true, Ordering::Relaxed);
                        return Ok(answer?);
                    }
                }
            }
            unreachable!("the last attempt returns")
        };
        tokio::time::timeout(CALL_TIMEOUT, attempts).await.map_err(|_| StoreError::TimedOut)?
    }
}

/// A connection of the pool. One whose call was given up does not go back: the next call would wait behind it.
struct Lent {
    object: Option<Object>,
    done: AtomicBool,
}

impl Deref for Lent {
    type Target = Object;

    fn deref(&self) -> &Object {
        self.object.as_ref().expect("it is taken on drop alone")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let object = self.object.take().filter(|_| !self.done.load(Ordering::Relaxed));
        object.map(Object::take);
    }
}

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

// The sums are of sizes alone: records are fetched for the rows of the page only.
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

impl Store for PostgresStore {
    fn is_shared(&self) -> bool {
        true
    }

    fn insert(&self, slot: SlotId, content: SlotContent) -> Answer<'_, Inserted> {
        Box::pin(async move {
            let held = content.held.map(|tag| tag.0);
            let held: Option<&[u8]> = held.as_ref().map(|tag| &tag[..]);
            let principals: Vec<&[u8]> = content.principals.iter().map(|tag| &tag.0[..]).collect();
            let slot = &slot.as_bytes()[..];
            let parameters: [&(dyn ToSql + Sync); 5] =
                [&slot, &content.record, &content.expires_at, &held, &principals];
            let (parameters, held) = (&parameters, &held);
            let holder: Option<Vec<u8>> = self
                .call(|client| async move {
                    let insert = client.prepare_cached(INSERT).await?;
                    if client.query_one(&insert, parameters).await?.get(0) {
                        return Ok(None);
                    }
                    let holder =
                        client.prepare_cached("SELECT slot FROM strongroom.held WHERE tag = $1").await?;
                    client.query_one(&holder, &[held]).await.map(|row| row.get(0))
                })
                .await?;
            holder.map_or(Ok(Inserted::Stored), |holder| slot_id(&holder).map(Inserted::Held))
        })
    }

    fn slot(&self, slot: SlotId) -> Answer<'_, Option<SlotRow>> {
        Box::pin(async move {
            let found = self
                .call(|client| async move {
                    let read = client
                        .prepare_cached(
                            "SELECT slot, generation, record FROM strongroom.slot WHERE slot = $1",
                        )
                        .await?;
                    client.query_opt(&read, &[&&slot.as_bytes()[..]]).await
                })
                .await?;
            found.map(row).transpose()
        })
    }

    fn replace(&self, slot: SlotId, expected: u64, content: SlotContent) -> Answer<'_, Replaced> {
        Box::pin(async move {
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
            let replaced = self
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
        })
    }

    fn delete(&self, slot: SlotId) -> Answer<'_, bool> {
        Box::pin(async move {
            let delete = "WITH unlisted AS (DELETE FROM strongroom.principal WHERE slot = $1)
                          DELETE FROM strongroom.slot WHERE slot = $1";
            let gone = self
                .call(|client| async move { client.execute(delete, &[&&slot.as_bytes()[..]]).await })
                .await?;
            Ok(gone == 1)
        })
    }

    fn slots_of(&self, principal: Tag, after: Option<SlotId>, limit: u32) -> Answer<'_, SlotPage> {
        Box::pin(async move {
            let after = after.map_or(Vec::new(), |slot| slot.as_bytes().to_vec());
            let (tag, limit) = (&principal.0[..], i64::from(limit));
            let (after, max_bytes) = (&after, MAX_PAGE_BYTES as i64);
            let rows = self
                .call(|client| async move {
                    let list = client.prepare_cached(LIST).await?;
                    client.query(&list, &[&tag, after, &limit, &max_bytes]).await
                })
                .await?;
            let found = rows.first().map_or(0, |row| row.get::<_, i64>(3));
            let more = found > rows.len() as i64;
            Ok(SlotPage { rows: rows.into_iter().map(row).collect::<Result<_, _>>()?, more })
        })
    }

    fn spend_nonce(&self, nonce: [u8; 16], keep_until: UnixSeconds) -> Answer<'_, bool> {
        Box::pin(async move {
            // A mark that may have been forgotten counts as there.
            let spend = "INSERT INTO strongroom.spent_nonce (nonce, keep_until)
                         SELECT $1, $2 FROM strongroom.vault WHERE swept_until < $2 ON CONFLICT DO NOTHING";
            let spent = self
                .call(|client| async move {
                    let spend = client.prepare_cached(spend).await?;
                    client.execute(&spend, &[&&nonce[..], &keep_until]).await
                })
                .await?;
            Ok(spent == 1)
        })
    }

    fn head(&self, backup: Tag) -> Answer<'_, Option<HeadRow>> {
        Box::pin(backups::head(self, backup))
    }

    fn backups_of(&self, owner: Tag) -> Answer<'_, Vec<BackupRow>> {
        Box::pin(backups::of_owner(self, owner))
    }

    fn version(&self, backup: Tag, number: u64) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(backups::version(self, backup, number))
    }

    fn push(&self, backup: Tag, version: NewVersion) -> Answer<'_, Pushed> {
        Box::pin(backups::push(self, backup, version))
    }

    fn delete_versions(
        &self,
        backup: Tag,
        expected: u64,
        head: Vec<u8>,
        changed_at: UnixSeconds,
        purge_at: UnixSeconds,
    ) -> Answer<'_, bool> {
        Box::pin(backups::delete_versions(self, backup, expected, head, changed_at, purge_at))
    }

    fn sweep(&self, now: UnixSeconds) -> Answer<'_, u64> {
        Box::pin(async move {
            // First it is refused, and forgotten only when no call that read the older bound can be under way. One
            // server's clock that is ahead counts no further than the database's, which is the same for all.
            let refuse =
                "UPDATE strongroom.vault SET swept_until = LEAST($1, extract(epoch FROM now())::bigint)
                          WHERE swept_until < LEAST($1, extract(epoch FROM now())::bigint)";
            let forget = "DELETE FROM strongroom.spent_nonce
                          WHERE keep_until <= LEAST($1, extract(epoch FROM now())::bigint) - $2";
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
            self.call(|client| async move {
                client.execute(refuse, &[&now]).await?;
                client.execute(forget, &[&now, &SWEEP_MARGIN_S]).await
            })
            .await?;
            // Each batch is a call of its own, since one has its time.
            while backups::purge(self, now).await? == SWEEP_BATCH {}
            let mut swept = 0;
            loop {
                let batch = self
                    .call(|client| async move {
                        client
                            .query_one(expire, &[&now, &(SWEEP_BATCH as i64)])
                            .await
                            .map(|row| row.get::<_, i64>(0))
                    })
                    .await? as u64;
                swept += batch;
                if batch < SWEEP_BATCH {
                    return Ok(swept);
                }
            }
        })
    }

    fn recovery(&self) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let select = "SELECT envelope FROM strongroom.recovery";
            let row = self.call(|client| async move { client.query_opt(select, &[]).await }).await?;
            Ok(row.map(|row| row.get(0)))
        })
    }

    fn set_recovery(&self, envelope: Option<Vec<u8>>) -> Answer<'_, ()> {
        Box::pin(async move {
            const SET: &str = "INSERT INTO strongroom.recovery (id, envelope) VALUES (1, $1)
                               ON CONFLICT (id) DO UPDATE SET envelope = excluded.envelope";
            let envelope = &envelope;
            self.call(|client| async move {
                match envelope {
                    Some(envelope) => client.execute(SET, &[envelope]).await,
                    None => client.execute("DELETE FROM strongroom.recovery", &[]).await,
                }
            })
            .await
            .map(drop)
        })
    }

    fn ready(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.call(
                |client| async move { client.query_one("SELECT schema FROM strongroom.vault", &[]).await },
            )
            .await
            .map(drop)
        })
    }
}

fn slot_id(bytes: &[u8]) -> Result<SlotId, StoreError> {
    let bytes = bytes.try_into().map_err(|error| StoreError::Database(Box::new(error)))?;
    Ok(SlotId::from_bytes(bytes))
}

fn row(row: tokio_postgres::Row) -> Result<SlotRow, StoreError> {
    let generation: i64 = row.get(1);
    Ok(SlotRow { slot: slot_id(row.get(0))?, generation: generation as u64, record: row.get(2) })
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(&SqlState::DISK_FULL) => Self::Full(Box::new(error)),
            _ => Self::Database(Box::new(error)),
        }
    }
}

#[cfg(test)]
mod tests;
