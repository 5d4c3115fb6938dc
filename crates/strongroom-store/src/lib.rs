//! What a vault keeps: sealed records, look-up tags, spent nonces, versions of wallets' backups. Ciphertext only; no key ever comes here.
//!
//! An `Ok` of a writing call means that the bytes are on stable storage; an error, that they may be there or not. `conformance.rs` is the suite that every
//! [`Store`] passes.

mod backups;
#[cfg(test)]
mod conformance;
mod postgres;
mod sqlite;

use std::pin::Pin;
use strongroom::SlotId;

pub use backups::{BackupRow, HeadRow, MAX_BACKUPS, NewVersion, Pushed};
pub use postgres::{DatabaseUrl, DatabaseUrlError, PostgresDatabase, PostgresOptions, PostgresStore};
pub use sqlite::{Snapshot, SnapshotError, SqliteStore};

/// An HMAC under the vault's index key: it finds a thing without naming it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tag(pub [u8; 32]);

/// 64 lower-case hex digits.
impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Seconds since 1970, UTC.
pub type UnixSeconds = i64;

/// What is to stand in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotContent {
    /// The sealed record.
    pub record: Vec<u8>,
    /// When it may be swept away. A hint in clear: the record says it too.
    pub expires_at: Option<UnixSeconds>,
    /// The tag of the KEM ciphertext addressed to the vault, if there is one.
    pub held: Option<Tag>,
    /// Tags of those who find the slot in their list.
    pub principals: Vec<Tag>,
}

/// A slot as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRow {
    /// Its name.
    pub slot: SlotId,
    /// 1 when stored, one more after each replacement.
    pub generation: u64,
    /// The sealed record.
    pub record: Vec<u8>,
}

/// Where a sealed record belongs: one that is found elsewhere is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a slot.
    Slot {
        /// Which.
        slot: SlotId,
        /// As which of its contents.
        generation: u64,
    },
    /// At the head of a backup.
    Head {
        /// Which.
        backup: Tag,
        /// As which of its heads.
        revision: u64,
    },
    /// In a backup.
    Version {
        /// Which.
        backup: Tag,
        /// As which of its versions.
        number: u64,
    },
}

/// How an operator finds it.
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Slot { slot, .. } => write!(f, "slot {slot}"),
            Self::Head { backup, .. } => write!(f, "the head of backup {backup}"),
            Self::Version { backup, number } => write!(f, "version {number} of backup {backup}"),
        }
    }
}

/// How long a mark of a spent nonce is kept after it is refused, so that no call is under way that would take the nonce.
const SWEEP_MARGIN_S: UnixSeconds = 60;

/// Slots that one step of a sweep forgets at most, so that others get their turns.
const SWEEP_BATCH: u64 = 500;

/// Bytes of records in one page at most, but for a first row that is larger.
pub const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

/// Some rows of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotPage {
    /// Ascending.
    pub rows: Vec<SlotRow>,
    /// Whether there is more after the last.
    pub more: bool,
}

/// What became of an insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is stored, with generation 1.
    Stored,
    /// The held tag is taken, for ever, by this slot, which may be gone or hold something else by now.
    Held(SlotId),
}

/// What became of a replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// It is stored, with this generation.
    Stored(u64),
    /// The held tag is taken, for ever.
    Held,
    /// The slot is gone, or has another generation than was expected.
    Changed,
}

/// Why a store did not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database failed: unreadable, gone.
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no room for a write; reads go on.
    #[error("the database's disk is full")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database did not answer in time. A write may have been done.
    #[error("the database did not answer in time")]
    TimedOut,
    /// The database is set to lose what it has committed.
    #[error("the database runs with {0}=off: a crash would lose what it has committed")]
    Unsafe(&'static str),
    /// The store was made by a vault with another root.
    #[error("this store belongs to another vault")]
    ForeignVault,
    /// The tables are of a version that this build does not know.
    #[error("the store's tables have version {0}, which this build does not know")]
    UnknownSchema(i64),
    /// The file system does not let SQLite write its log.
    #[error(
        "the file system gives no write-ahead log, but the journal mode {0}: put the data directory on a local disk"
    )]
    NoWal(String),
    /// The linked SQLite can corrupt its log.
    #[error("SQLite {0} is linked: 3.51.3 or newer is needed")]
    OldSqlite(&'static str),
    /// The store has been shut down.
    #[error("the store is shut down")]
    Closed,
}

/// The answer of a [`Store`].
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where a vault keeps its records. Every writing call is atomic, and durable when it answers.
pub trait Store: Send + Sync {
    /// Whether other servers may use it at the same time.
    fn is_shared(&self) -> bool;

    /// Puts content into a new slot, unless its held tag was ever used.
    fn insert(&self, slot: SlotId, content: SlotContent) -> Answer<'_, Inserted>;

    /// Reads a slot; expired ones may still be there.
    fn slot(&self, slot: SlotId) -> Answer<'_, Option<SlotRow>>;

    /// Replaces a slot's content where its generation is `expected`. A held tag must be new; one that the slot keeps is
    /// not given again. The old one stays taken.
    fn replace(&self, slot: SlotId, expected: u64, content: SlotContent) -> Answer<'_, Replaced>;

    /// Forgets a slot, if it is there; its held tags stay taken.
    fn delete(&self, slot: SlotId) -> Answer<'_, bool>;

    /// Slots with a principal's tag, ascending, after `after`, at most `limit` and [`MAX_PAGE_BYTES`].
    fn slots_of(&self, principal: Tag, after: Option<SlotId>, limit: u32) -> Answer<'_, SlotPage>;

    /// Marks a nonce as spent; false where it was already, or where a sweep at `keep_until` or later may have forgotten
    /// that it was, whatever a clock says since.
    fn spend_nonce(&self, nonce: [u8; 16], keep_until: UnixSeconds) -> Answer<'_, bool>;

    /// The head of a backup, if there is one.
    fn head(&self, backup: Tag) -> Answer<'_, Option<HeadRow>>;

    /// The backups of an owner, the last changed first, [`MAX_BACKUPS`] at most.
    fn backups_of(&self, owner: Tag) -> Answer<'_, Vec<BackupRow>>;

    /// The sealed record of a version, if it is there.
    fn version(&self, backup: Tag, number: u64) -> Answer<'_, Option<Vec<u8>>>;

    /// Adds a version and sets the head, both or neither, where the head's revision is the expected one and the digest is new.
    fn push(&self, backup: Tag, version: NewVersion) -> Answer<'_, Pushed>;

    /// Sets the head of a backup whose versions are deleted, and when they may be swept away; false where the head's revision is
    /// not `expected`. Its digests stay taken.
    fn delete_versions(
        &self,
        backup: Tag,
        expected: u64,
        head: Vec<u8>,
        changed_at: UnixSeconds,
        purge_at: UnixSeconds,
    ) -> Answer<'_, bool>;

    /// Forgets slots that expired, versions that were deleted, and nonces that nobody can use any more; how many slots that were.
    fn sweep(&self, now: UnixSeconds) -> Answer<'_, u64>;

    /// The envelope from which a recovery recipient brings the vault's root back, if one was left.
    fn recovery(&self) -> Answer<'_, Option<Vec<u8>>>;

    /// Leaves another envelope in its place, or none.
    fn set_recovery(&self, envelope: Option<Vec<u8>>) -> Answer<'_, ()>;

    /// Whether the store answers.
    fn ready(&self) -> Answer<'_, ()>;
}
