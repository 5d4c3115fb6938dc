//! What stands in slots, and what becomes of calls that write to them.

use crate::{Tag, UnixSeconds};
use strongroom::SlotId;

/// Bytes of records in one page at most. A first row that is larger makes a page of its own.
pub const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

/// What is to stand in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotContent {
    /// The sealed record.
    pub record: Vec<u8>,
    /// When it may be swept away. This is a hint in clear: the record says it too.
    pub expires_at: Option<UnixSeconds>,
    /// The tag of the KEM ciphertext that is addressed to the vault, if there is one.
    pub held: Option<Tag>,
    /// The tags of the principals that find the slot in their lists.
    pub principals: Vec<Tag>,
}

/// A slot as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRow {
    /// The slot's id, by which it was asked for or listed.
    pub slot: SlotId,
    /// 1 when stored, one more after each replacement.
    pub generation: u64,
    /// The sealed record.
    pub record: Vec<u8>,
}

/// Some rows of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotPage {
    /// The rows, ascending by slot.
    pub rows: Vec<SlotRow>,
    /// Whether there is more after the last row.
    pub more: bool,
}

/// What became of an insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// The content is stored, with generation 1.
    Stored,
    /// The held tag is taken for ever by this slot, which may be gone or hold something else now.
    Held(SlotId),
}

/// What became of a replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// The content is stored, with this generation.
    Stored(u64),
    /// The held tag was used before, and is taken for ever.
    Held,
    /// The slot is gone, or has another generation than was expected.
    Changed,
}
