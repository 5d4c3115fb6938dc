//! The shared store: several servers on one PostgreSQL. It is plain SQL without advisory locks or
//! notifications, so databases that speak PostgreSQL's protocol serve too.

mod backups;
mod connect;
mod connections;
mod error;
mod schema;
mod slots;

use crate::expiry::{SWEEP_BATCH, SWEEP_MARGIN_S};
use crate::{
    Answer, BackupRow, HeadRow, Inserted, NewVersion, Pushed, Replaced, SlotContent, SlotPage, SlotRow,
    Store, StoreError, Tag, UnixSeconds,
};
use connections::Connections;
use strongroom::SlotId;

pub use connect::{DatabaseUrl, DatabaseUrlError, PostgresOptions};

/// A [`Store`] in a PostgreSQL database, in its schema `strongroom`, for any number of servers.
pub struct PostgresStore {
    connections: Connections,
}

/// A database that was reached and not claimed for a vault yet.
pub struct PostgresDatabase {
    connections: Connections,
}

impl PostgresDatabase {
    /// Reaches the database, and checks that it keeps what it commits.
    ///
    /// # Errors
    /// [`StoreError::Unsafe`] where `fsync` or `full_page_writes` is off, [`StoreError::Database`].
    pub async fn connect(url: &DatabaseUrl, options: &PostgresOptions) -> Result<Self, StoreError> {
        let connections = Connections(connect::pool(url, options)?);
        // Each connection is checked when it is made: the first one tells.
        drop(connections.take().await?);
        Ok(Self { connections })
    }

    /// The id of the vault whose store this is already; `None` where there is no store.
    ///
    /// # Errors
    /// [`StoreError::UnknownSchema`], [`StoreError::Database`].
    pub async fn vault_id(&self) -> Result<Option<[u8; 32]>, StoreError> {
        schema::vault_id(&**self.connections.take().await?).await
    }

    /// Opens the store, or makes it for the vault of this id.
    ///
    /// # Errors
    /// [`StoreError::ForeignVault`] for another vault's store, [`StoreError::UnknownSchema`],
    /// [`StoreError::Database`].
    pub async fn open(self, vault_id: &[u8; 32]) -> Result<PostgresStore, StoreError> {
        schema::create_or_check(&**self.connections.take().await?, vault_id).await?;
        Ok(PostgresStore { connections: self.connections })
    }
}

impl Store for PostgresStore {
    fn is_shared(&self) -> bool {
        true
    }

    fn insert(&self, slot: SlotId, content: SlotContent) -> Answer<'_, Inserted> {
        Box::pin(slots::insert(&self.connections, slot, content))
    }

    fn slot(&self, slot: SlotId) -> Answer<'_, Option<SlotRow>> {
        Box::pin(slots::read(&self.connections, slot))
    }

    fn replace(&self, slot: SlotId, expected: u64, content: SlotContent) -> Answer<'_, Replaced> {
        Box::pin(slots::replace(&self.connections, slot, expected, content))
    }

    fn delete(&self, slot: SlotId) -> Answer<'_, bool> {
        Box::pin(slots::delete(&self.connections, slot))
    }

    fn slots_of(&self, principal: Tag, after: Option<SlotId>, limit: u32) -> Answer<'_, SlotPage> {
        Box::pin(slots::of_principal(&self.connections, principal, after, limit))
    }

    fn spend_nonce(&self, nonce: [u8; 16], keep_until: UnixSeconds) -> Answer<'_, bool> {
        Box::pin(async move {
            // A mark that may have been forgotten counts as there.
            let spend = "INSERT INTO strongroom.spent_nonce (nonce, keep_until)
                         SELECT $1, $2 FROM strongroom.vault WHERE swept_until < $2 ON CONFLICT DO NOTHING";
            let call = self.connections.call(|client| async move {
                let spend = client.prepare_cached(spend).await?;
                client.execute(&spend, &[&&nonce[..], &keep_until]).await
            });
            Ok(call.await? == 1)
        })
    }

    fn head(&self, backup: Tag) -> Answer<'_, Option<HeadRow>> {
        Box::pin(backups::head(&self.connections, backup))
    }

    fn backups_of(&self, owner: Tag) -> Answer<'_, Vec<BackupRow>> {
        Box::pin(backups::of_owner(&self.connections, owner))
    }

    fn version(&self, backup: Tag, number: u64) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(backups::version(&self.connections, backup, number))
    }

    fn push(&self, backup: Tag, version: NewVersion) -> Answer<'_, Pushed> {
        Box::pin(backups::push(&self.connections, backup, version))
    }

    fn delete_versions(
        &self,
        backup: Tag,
        expected: u64,
        head: Vec<u8>,
        changed_at: UnixSeconds,
        purge_at: UnixSeconds,
    ) -> Answer<'_, bool> {
        Box::pin(backups::delete_versions(&self.connections, backup, expected, head, changed_at, purge_at))
    }

    fn sweep(&self, now: UnixSeconds) -> Answer<'_, u64> {
        Box::pin(async move {
            // A nonce is refused first. Its mark is forgotten only when no call that read the older
            // bound can be under way. One server's clock that is ahead counts no further than the
            // database's clock, which is the same for all.
            let refuse =
                "UPDATE strongroom.vault SET swept_until = LEAST($1, extract(epoch FROM now())::bigint)
                          WHERE swept_until < LEAST($1, extract(epoch FROM now())::bigint)";
            let forget = "DELETE FROM strongroom.spent_nonce
                          WHERE keep_until <= LEAST($1, extract(epoch FROM now())::bigint) - $2";
            let spent = self.connections.call(|client| async move {
                client.execute(refuse, &[&now]).await?;
                client.execute(forget, &[&now, &SWEEP_MARGIN_S]).await
            });
            spent.await?;
            // Each batch is a call of its own, since a call must end in time.
            while backups::purge(&self.connections, now).await? == SWEEP_BATCH {}
            let mut swept = 0;
            loop {
                let batch = slots::forget_expired(&self.connections, now).await?;
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
            let call = self.connections.call(|client| async move { client.query_opt(select, &[]).await });
            Ok(call.await?.map(|row| row.get(0)))
        })
    }

    fn set_recovery(&self, envelope: Option<Vec<u8>>) -> Answer<'_, ()> {
        Box::pin(async move {
            const SET: &str = "INSERT INTO strongroom.recovery (id, envelope) VALUES (1, $1)
                               ON CONFLICT (id) DO UPDATE SET envelope = excluded.envelope";
            let envelope = &envelope;
            let call = self.connections.call(|client| async move {
                match envelope {
                    Some(envelope) => client.execute(SET, &[envelope]).await,
                    None => client.execute("DELETE FROM strongroom.recovery", &[]).await,
                }
            });
            call.await.map(drop)
        })
    }

    fn ready(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let select = "SELECT schema FROM strongroom.vault";
            let call = self.connections.call(|client| async move { client.query_one(select, &[]).await });
            call.await.map(drop)
        })
    }
}

#[cfg(test)]
mod tests;
