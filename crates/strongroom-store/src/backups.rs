//! Versions of one thing, each kept beside those before it: wallets' backups (spec/backup.md §5).

use crate::{Tag, UnixSeconds};

/// Backups that an owner can have; lists give no more.
pub const MAX_BACKUPS: u32 = 100;

/// What stands for a backup: which versions it has, sealed.
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
    /// Its tag.
    pub tag: Tag,
    /// Its head.
    pub head: HeadRow,
}

/// A version that is to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// The tag of whose it is.
    pub owner: Tag,
    /// The revision of the head that this was made for; 0 for a new backup.
    pub expected: u64,
    /// The new head, sealed for the revision after `expected`.
    pub head: Vec<u8>,
    /// When; a hint in clear, by which lists are ordered.
    pub changed_at: UnixSeconds,
    /// The version's number.
    pub number: u64,
    /// The version, sealed.
    pub record: Vec<u8>,
    /// A tag that must never have been used; none where the number alone tells versions apart.
    pub digest: Option<Tag>,
    /// Numbers of versions that go.
    pub gone: Vec<u64>,
}

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It is stored.
    Stored,
    /// The digest is taken, for ever.
    Superseded,
    /// The head has another revision than was expected.
    Changed,
}
