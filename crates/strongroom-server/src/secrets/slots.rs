//! The slots of the store. Records are sealed for their slot, and found again by look-up tags.

use super::record::Record;
use crate::clock::Clock;
use crate::error::ApiError;
use crate::storage::{RecordDamaged, Records, Tags};
use std::sync::Arc;
use strongroom::SlotId;
use strongroom::os_rng;
use strongroom::principal::Principal;
use strongroom_store::{Inserted, Place, Replaced, SlotContent, SlotRow, Store, Tag, UnixSeconds};

/// Writes records into slots, and reads them again.
pub(crate) struct Slots {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) records: Arc<Records>,
    pub(crate) tags: Arc<Tags>,
    pub(crate) clock: Clock,
}

/// A slot in somebody's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SlotSummary {
    pub(crate) slot: SlotId,
    pub(crate) generation: u64,
    /// Whether the principal owns it.
    pub(crate) owner: bool,
    /// Whether the principal may read it.
    pub(crate) reader: bool,
    /// Whether the vault can open it.
    pub(crate) openable: bool,
    /// When it was first stored.
    pub(crate) created_at: UnixSeconds,
    /// When it expires, if it does.
    pub(crate) expires_at: Option<UnixSeconds>,
}

impl Slots {
    pub(super) fn now(&self) -> UnixSeconds {
        self.clock.now().unix_timestamp()
    }

    /// The row and the record of a slot, or `None` if it is not there or has expired.
    pub(crate) async fn load(&self, slot: SlotId) -> Result<Option<(SlotRow, Record)>, ApiError> {
        let Some(row) = self.store.slot(slot).await? else {
            return Ok(None);
        };
        let record = self.unseal(&row)?;
        Ok((!record.has_expired(self.now())).then_some((row, record)))
    }

    /// Writes a record into a new slot, unless another slot holds or held its ciphertext.
    pub(super) async fn insert(
        &self,
        record: &Record,
        held: Option<Tag>,
    ) -> Result<(SlotId, Inserted), ApiError> {
        let slot = SlotId::random(&mut os_rng());
        Ok((slot, self.store.insert(slot, self.content(record, held, slot, 1)).await?))
    }

    /// Writes another record into a slot, if the slot still has the expected generation.
    pub(super) async fn replace(
        &self,
        slot: SlotId,
        expected_generation: u64,
        record: &Record,
        held: Option<Tag>,
    ) -> Result<Replaced, ApiError> {
        let content = self.content(record, held, slot, expected_generation + 1);
        Ok(self.store.replace(slot, expected_generation, content).await?)
    }

    /// Deletes a slot. Its ciphertext's tag stays.
    pub(super) async fn delete(&self, slot: SlotId) -> Result<(), ApiError> {
        self.store.delete(slot).await?;
        Ok(())
    }

    /// The slots that a principal owns or may read, in ascending order after `after`. The second
    /// value is the `after` of the next page, if there may be more.
    pub(crate) async fn list(
        &self,
        principal: Principal,
        after: Option<SlotId>,
        limit: u32,
    ) -> Result<(Vec<SlotSummary>, Option<SlotId>), ApiError> {
        let now = self.now();
        let page = self.store.slots_of(self.tags.principal(&principal), after, limit).await?;
        let next = page.rows.last().map(|row| row.slot).filter(|_| page.more);
        let mut listed = Vec::with_capacity(page.rows.len());
        for row in page.rows {
            // An altered row does not fail the whole list. Reading it answers `record_damaged`.
            let record = match self.unseal(&row) {
                Ok(record) => record,
                Err(error) => {
                    tracing::error!(%error, "a damaged record was left out of a list");
                    continue;
                }
            };
            // The look-up tag stands in the clear, so only the principals inside the record count.
            let owner = record.owners.contains(&principal);
            let reader = record.readers.contains(&principal);
            if (owner || reader) && !record.has_expired(now) {
                listed.push(SlotSummary {
                    slot: row.slot,
                    generation: row.generation,
                    owner,
                    reader,
                    openable: record.openable,
                    created_at: record.created_at,
                    expires_at: record.expires_at,
                });
            }
        }
        Ok((listed, next))
    }

    fn unseal(&self, row: &SlotRow) -> Result<Record, RecordDamaged> {
        let place = Place::Slot { slot: row.slot, generation: row.generation };
        let content = self.records.open(place, &row.record)?;
        Record::decode(&content).ok_or(RecordDamaged { place })
    }

    fn content(&self, record: &Record, held: Option<Tag>, slot: SlotId, generation: u64) -> SlotContent {
        let principals =
            record.readers.iter().chain(&record.owners).map(|p| self.tags.principal(p)).collect();
        SlotContent {
            record: self.records.seal(Place::Slot { slot, generation }, record.encode()),
            expires_at: record.expires_at,
            held,
            principals,
        }
    }
}
