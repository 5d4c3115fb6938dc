//! A model of what calls do to a store's contents, to compare a real store with.

use std::collections::BTreeMap;
use strongroom::SlotId;
use strongroom_store::{Inserted, Replaced, SlotContent, Store, StoreError, Tag, UnixSeconds};

/// A call. A workload never makes two at once that touch the same thing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Act {
    Insert(SlotId, SlotContent),
    /// The number is the generation that the slot has.
    Replace(SlotId, u64, SlotContent),
    Delete(SlotId),
    Spend([u8; 16], UnixSeconds),
    Sweep(UnixSeconds),
}

impl Act {
    /// Makes the call, and tells whether it did what it is for.
    pub(crate) async fn run(self, store: &dyn Store) -> Result<bool, StoreError> {
        Ok(match self {
            Self::Insert(slot, content) => store.insert(slot, content).await? == Inserted::Stored,
            Self::Replace(slot, generation, content) => {
                store.replace(slot, generation, content).await? == Replaced::Stored(generation + 1)
            }
            Self::Delete(slot) => store.delete(slot).await?,
            Self::Spend(nonce, keep_until) => store.spend_nonce(nonce, keep_until).await?,
            Self::Sweep(now) => store.sweep(now).await.map(|_| true)?,
        })
    }

    pub(crate) fn content(&self) -> Option<&SlotContent> {
        match self {
            Self::Insert(_, content) | Self::Replace(_, _, content) => Some(content),
            _ => None,
        }
    }

    pub(crate) fn slot(&self) -> Option<SlotId> {
        match self {
            Self::Insert(slot, _) | Self::Replace(slot, ..) | Self::Delete(slot) => Some(*slot),
            _ => None,
        }
    }

    /// Bytes that are in the files from this call on and not before, if there are any.
    pub(crate) fn trace(&self) -> Option<&[u8]> {
        match self {
            Self::Insert(slot, _) => Some(slot.as_bytes()),
            Self::Replace(_, _, content) => Some(&content.record[..32]),
            Self::Spend(nonce, _) => Some(nonce),
            Self::Delete(_) | Self::Sweep(_) => None,
        }
    }
}

/// What a store holds.
#[derive(Clone, Default)]
pub(crate) struct Standing {
    pub(crate) slots: BTreeMap<SlotId, (u64, SlotContent)>,
    pub(crate) held: BTreeMap<Tag, SlotId>,
    pub(crate) nonces: BTreeMap<[u8; 16], UnixSeconds>,
}

impl Standing {
    pub(crate) fn apply(&mut self, act: &Act) {
        if let (Some(SlotContent { held: Some(tag), .. }), Some(slot)) = (act.content(), act.slot()) {
            self.held.insert(*tag, slot);
        }
        match act {
            Act::Insert(slot, content) => drop(self.slots.insert(*slot, (1, content.clone()))),
            Act::Replace(slot, generation, content) => {
                self.slots.insert(*slot, (generation + 1, content.clone()));
            }
            Act::Delete(slot) => drop(self.slots.remove(slot)),
            Act::Spend(nonce, keep_until) => drop(self.nonces.insert(*nonce, *keep_until)),
            Act::Sweep(now) => {
                self.slots.retain(|_, (_, content)| !expired(content, *now));
                self.nonces.retain(|_, keep_until| *keep_until > *now);
            }
        }
    }
}

pub(crate) fn expired(content: &SlotContent, now: UnixSeconds) -> bool {
    content.expires_at.is_some_and(|expires_at| expires_at <= now)
}
