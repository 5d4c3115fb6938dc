//! A model of a vault's answers, written as simply as possible.

use crate::support::Answer;
use std::collections::BTreeMap;
use strongroom::SlotId;
use strongroom_testkit::seeded_random::SeededRandom;

/// The content of a slot. Wallets are numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) text: String,
    pub(crate) payload: String,
    pub(crate) openable: bool,
    pub(crate) readers: Vec<usize>,
    pub(crate) owner: Option<usize>,
    pub(crate) expires_at: Option<i64>,
}

/// A slot's past and present.
struct Slot {
    id: SlotId,
    /// The content that was first stored, and the wallet that signed it.
    first: (Secret, Option<usize>),
    generation: u64,
    now: Option<Secret>,
}

#[derive(Default)]
pub(crate) struct Model {
    slots: Vec<Slot>,
    /// How often each status was answered.
    pub(crate) met: BTreeMap<String, u32>,
}

impl Model {
    pub(crate) fn meets(&mut self, answer: &Answer, status: u16) {
        assert_eq!(answer.status, status, "{}", answer.body);
        *self.met.entry(status.to_string()).or_default() += 1;
    }

    pub(crate) fn meets_code(&mut self, answer: &Answer, status: u16, code: &str) {
        assert_eq!(answer.code(), (status, code), "{}", answer.body);
        *self.met.entry(status.to_string()).or_default() += 1;
    }

    pub(crate) fn slots(&self) -> Vec<SlotId> {
        self.slots.iter().map(|slot| slot.id).collect()
    }

    pub(crate) fn insert(&mut self, id: SlotId, secret: Secret, signer: Option<usize>) {
        self.slots.push(Slot { id, first: (secret.clone(), signer), generation: 1, now: Some(secret) });
    }

    /// Some slot, with the content that was first stored in it.
    pub(crate) fn any(&self, random: &mut SeededRandom) -> Option<(SlotId, Secret, Option<usize>)> {
        let slot = (!self.slots.is_empty()).then(|| &self.slots[random.below(self.slots.len())])?;
        Some((slot.id, slot.first.0.clone(), slot.first.1))
    }

    /// Whether a slot still holds the content that was first stored in it.
    pub(crate) fn is_as_stored(&self, id: SlotId, secret: &Secret) -> bool {
        self.slots.iter().any(|slot| slot.id == id && slot.now.as_ref() == Some(secret))
    }

    fn present(&self, id: SlotId, now: i64) -> Option<&Secret> {
        let slot = self.slots.iter().find(|slot| slot.id == id)?;
        slot.now.as_ref().filter(|secret| secret.expires_at.is_none_or(|end| end > now))
    }

    pub(crate) fn owner(&self, id: SlotId) -> Option<usize> {
        self.slots.iter().find(|slot| slot.id == id)?.now.as_ref()?.owner
    }

    /// The content of a slot if this wallet may read it.
    pub(crate) fn readable(&self, id: SlotId, who: usize, now: i64) -> Option<&Secret> {
        self.present(id, now).filter(|secret| secret.readers.contains(&who))
    }

    /// Whether a wallet may replace and delete, or else the status of the refusal.
    pub(crate) fn owned(&self, id: SlotId, who: usize, now: i64) -> Result<(), (u16, &'static str)> {
        let secret = self.present(id, now).ok_or((404, "slot_not_found"))?;
        match secret.owner {
            Some(owner) if owner == who => Ok(()),
            _ if !secret.readers.contains(&who) => Err((404, "slot_not_found")),
            Some(_) => Err((403, "not_the_owner")),
            None => Err((403, "no_owner")),
        }
    }

    pub(crate) fn etag(&self, id: SlotId) -> String {
        let generation = self.slots.iter().find(|slot| slot.id == id).map_or(1, |slot| slot.generation);
        format!("\"{generation}\"")
    }

    pub(crate) fn replace(&mut self, id: SlotId, secret: Secret) {
        let slot = self.slots.iter_mut().find(|slot| slot.id == id).expect("it was found");
        slot.generation += 1;
        slot.now = Some(secret);
    }

    pub(crate) fn delete(&mut self, id: SlotId) {
        self.slots.iter_mut().find(|slot| slot.id == id).expect("it was found").now = None;
    }

    /// A wallet's list in ascending order: slot, owner, reader, openable, ETag.
    pub(crate) fn listed(&self, who: usize, now: i64) -> Vec<(String, bool, bool, bool, String)> {
        let mut listed: Vec<_> = self
            .slots
            .iter()
            .filter_map(|slot| {
                let secret = self.present(slot.id, now)?;
                let (owner, reader) = (secret.owner == Some(who), secret.readers.contains(&who));
                let entry = (slot.id.to_string(), owner, reader, secret.openable, self.etag(slot.id));
                (owner || reader).then_some(entry)
            })
            .collect();
        listed.sort();
        listed
    }
}
