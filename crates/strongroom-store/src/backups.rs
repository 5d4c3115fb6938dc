//! Wallets' backups, each kept as versions of one thing (spec/storage.md §6).

use crate::{Tag, UnixSeconds};

/// Backups that an owner can have. A list has no more.
pub const MAX_BACKUPS: u32 = 100;

/// The head of a backup as it stands. It lists the versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRow {
    /// 1 with the first version, one more after each change.
    pub revision: u64,
    /// The sealed record.
    pub record: Vec<u8>,
}

/// A backup in its owner's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupRow {
    /// The backup's tag, by which its head and versions are asked for.
    pub tag: Tag,
    /// The head, sealed.
    pub head: HeadRow,
}

/// A version that is to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// The tag of the backup's owner.
    pub owner: Tag,
    /// The revision of the head that this was made for; 0 for a new backup.
    pub expected: u64,
    /// The new head, sealed for the revision after `expected`.
    pub head: Vec<u8>,
    /// The time of the upload. This is a hint in clear, by which lists are ordered.
    pub changed_at: UnixSeconds,
    /// The version's number, from 1.
    pub number: u64,
    /// The version, sealed.
    pub record: Vec<u8>,
    /// A tag that must never have been used. `None` where the number already tells versions apart.
    pub digest: Option<Tag>,
    /// Numbers of the older versions that are forgotten in the same step.
    pub gone: Vec<u64>,
}

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// Version and head are stored.
    Stored,
    /// The digest was used before, and is taken for ever.
    Superseded,
    /// The head has another revision than was expected.
    Changed,
}
