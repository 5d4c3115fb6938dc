//! The trait that both stores implement.

use crate::{
    BackupRow, HeadRow, Inserted, NewVersion, Pushed, Replaced, SlotContent, SlotPage, SlotRow, StoreError,
    Tag, UnixSeconds,
};
use std::pin::Pin;
use strongroom::SlotId;

/// The answer of a [`Store`], once it is awaited.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where a vault keeps its records. Every writing call is atomic, and durable when it answers.
pub trait Store: Send + Sync {
    /// Whether other servers may use it at the same time.
    fn is_shared(&self) -> bool;

    /// Puts content into a new slot, unless its held tag was ever used.
    fn insert(&self, slot: SlotId, content: SlotContent) -> Answer<'_, Inserted>;

    /// Reads a slot. One that has expired may still be there.
    fn slot(&self, slot: SlotId) -> Answer<'_, Option<SlotRow>>;

    /// Replaces a slot's content if its generation is `expected`. A held tag must be new: content
    /// that keeps its tag comes without it. The tag of the old content stays taken.
    fn replace(&self, slot: SlotId, expected: u64, content: SlotContent) -> Answer<'_, Replaced>;

    /// Forgets a slot, and tells whether it was there. Its held tags stay taken.
    fn delete(&self, slot: SlotId) -> Answer<'_, bool>;

    /// Lists the slots that have a principal's tag, ascending, from the first one after `after`.
    /// A page has at most `limit` rows and [`MAX_PAGE_BYTES`](crate::MAX_PAGE_BYTES).
    fn slots_of(&self, principal: Tag, after: Option<SlotId>, limit: u32) -> Answer<'_, SlotPage>;

    /// Marks a nonce as spent, and tells whether it was new. It counts as spent too where a sweep
    /// at `keep_until` or later may have forgotten its mark, whatever a clock says since.
    fn spend_nonce(&self, nonce: [u8; 16], keep_until: UnixSeconds) -> Answer<'_, bool>;

    /// The head of a backup, if there is one.
    fn head(&self, backup: Tag) -> Answer<'_, Option<HeadRow>>;

    /// The backups of an owner, the last changed first, at most
    /// [`MAX_BACKUPS`](crate::MAX_BACKUPS).
    fn backups_of(&self, owner: Tag) -> Answer<'_, Vec<BackupRow>>;

    /// The sealed record of a version, if it is there.
    fn version(&self, backup: Tag, number: u64) -> Answer<'_, Option<Vec<u8>>>;

    /// Adds a version and sets the head, both or neither. The head's revision must be the expected
    /// one, and the digest new.
    fn push(&self, backup: Tag, version: NewVersion) -> Answer<'_, Pushed>;

    /// Deletes a backup's versions: sets its head, and when they may be swept away. Answers false
    /// where the head's revision is not `expected`. The backup's digests stay taken.
    fn delete_versions(
        &self,
        backup: Tag,
        expected: u64,
        head: Vec<u8>,
        changed_at: UnixSeconds,
        purge_at: UnixSeconds,
    ) -> Answer<'_, bool>;

    /// Forgets slots that expired, versions that were deleted, and marks of nonces that are refused
    /// for their age. Answers how many slots there were.
    fn sweep(&self, now: UnixSeconds) -> Answer<'_, u64>;

    /// The envelope from which a recovery recipient brings the vault's root back, if one was left.
    fn recovery(&self) -> Answer<'_, Option<Vec<u8>>>;

    /// Puts an envelope in its place, or takes it away.
    fn set_recovery(&self, envelope: Option<Vec<u8>>) -> Answer<'_, ()>;

    /// Whether the store answers.
    fn ready(&self) -> Answer<'_, ()>;
}
