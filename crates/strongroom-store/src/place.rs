//! The places of sealed records.

use crate::Tag;
use strongroom::SlotId;

/// Where a sealed record belongs. A record that is found elsewhere is refused. It shows as an
/// operator finds it in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A slot's record.
    Slot {
        /// The slot it stands in.
        slot: SlotId,
        /// The slot's generation that it was sealed for, from 1.
        generation: u64,
    },
    /// The head of a wallet's backup, which lists the versions.
    Head {
        /// The backup's tag.
        backup: Tag,
        /// The head's revision that it was sealed for, from 1.
        revision: u64,
    },
    /// A version of a wallet's backup.
    Version {
        /// The backup's tag.
        backup: Tag,
        /// The version's number, from 1.
        number: u64,
    },
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Slot { slot, .. } => write!(f, "slot {slot}"),
            Self::Head { backup, .. } => write!(f, "the head of backup {backup}"),
            Self::Version { backup, number } => write!(f, "version {number} of backup {backup}"),
        }
    }
}
