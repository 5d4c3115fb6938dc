//! What the vault does with wallets' backups, apart from HTTP: take versions in, give them out to their owner, forget them
//! (spec/storage.md §6).

use super::grant::{DeleteGrant, ListGrant, ReadGrant};
use super::head::{self, BackupHead, DELETED_LIFETIME_S, Form, KeptVersion, VersionBytes};
use crate::clock::Clock;
use crate::error::{ApiError, Code};
use crate::limits::{ClientAddress, Guard, Limits};
use crate::storage::{RecordDamaged, Records, Tags};
use std::num::NonZeroU32;
use std::sync::Arc;
use strongroom::backup::{BackupStatement, MAX_COUNTER, SignedBackup, UserId, VerifiedBackup};
use strongroom::slh_dsa::Owner;
use strongroom_store::{HeadRow, MAX_BACKUPS, NewVersion, Place, Pushed, Store, Tag, UnixSeconds};

/// How often a change is tried again that another one came before.
const MAX_ATTEMPTS: u32 = 8;

/// A backup in its owner's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackupSummary {
    pub(crate) user_id: UserId,
    pub(crate) updated_at: UnixSeconds,
    pub(crate) version: u64,
}

/// A version, for its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundVersion {
    pub(crate) version: KeptVersion,
    pub(crate) backup: SignedBackup,
}

/// The versions of a backup, and what the next one must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionList {
    /// Newest first.
    pub(crate) versions: Vec<KeptVersion>,
    pub(crate) next: u64,
    pub(crate) previous: [u8; 32],
}

/// What a version that comes in is, beside those that are there.
enum Step {
    /// The last one, again: its answer was lost.
    Repeated,
    /// The next one.
    Next { number: u64, last_digest: [u8; 32] },
}

/// The backups of wallets.
pub(crate) struct Backups {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) records: Arc<Records>,
    pub(crate) tags: Arc<Tags>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
}

impl Backups {
    fn now(&self) -> UnixSeconds {
        self.clock.now().unix_timestamp()
    }

    /// Counts what an address uploads. Keys cost nothing, so it counts whoever signs it.
    pub(crate) fn admit_upload(&self, client: &ClientAddress, body_bytes: usize) -> Result<(), ApiError> {
        self.guard.admit_anonymous(client, body_bytes)
    }

    /// Keeps a version, durably. The same one again is no error.
    pub(crate) async fn keep(&self, user_id: UserId, backup: &VerifiedBackup) -> Result<(), ApiError> {
        let owner = backup.owner();
        let backup_tag = self.tags.backup(owner, user_id);
        let signed = backup.backup();
        for _ in 0..MAX_ATTEMPTS {
            let before = self.head(backup_tag).await?;
            let (revision, mut head) =
                before.unwrap_or_else(|| (0, BackupHead::new(Form::of(signed), owner, user_id)));
            let Step::Next { number, last_digest } = step(&head, signed)? else { return Ok(()) };
            let record = self
                .records
                .seal(Place::Version { backup: backup_tag, number }, head::encode_version(signed));
            let now = self.now();
            let (bytes, digest) = (record.len() as u64, signed.digest());
            head.append(
                KeptVersion { number, stored_at: now, bytes, digest, deleted_at: None },
                last_digest,
                now,
            );
            let gone = self.fit(backup_tag, &mut head, now).await?;
            let new = NewVersion {
                owner: self.tags.backup_owner(owner),
                expected: revision,
                head: self
                    .records
                    .seal(Place::Head { backup: backup_tag, revision: revision + 1 }, head.encode()),
                changed_at: now,
                number,
                record,
                // Of a native version the counter tells whether it was there before.
                digest: (head.form == Form::Compatible).then(|| self.tags.backup_payload(owner, &digest)),
                gone,
            };
            match self.store.push(backup_tag, new).await? {
                Pushed::Stored => return Ok(()),
                Pushed::Superseded => return Err(superseded()),
                Pushed::Changed => {}
            }
        }
        Err(busy())
    }

    /// All backups of a key that were not deleted, the last changed first.
    pub(crate) async fn list(&self, grant: &ListGrant) -> Result<Vec<BackupSummary>, ApiError> {
        let heads = self.heads_of(grant.owner()).await?;
        let listed = heads.into_iter().filter_map(|(_, head)| {
            let newest = head.newest()?;
            Some(BackupSummary {
                user_id: head.user_id,
                updated_at: newest.stored_at,
                version: newest.number,
            })
        });
        Ok(listed.collect())
    }

    /// A version of a backup; the newest where none is named.
    pub(crate) async fn read(
        &self,
        grant: &ReadGrant,
        version: Option<u64>,
    ) -> Result<FoundVersion, ApiError> {
        let (owner, user_id) = grant.parts();
        let backup_tag = self.tags.backup(owner, user_id);
        // A version that is pruned between the two calls has a newer one.
        for _ in 0..MAX_ATTEMPTS {
            let (_, head) = self.head(backup_tag).await?.ok_or_else(not_found)?;
            let now = self.now();
            let found = match version {
                None => head.newest(),
                Some(number) => head.versions.iter().find(|kept| kept.number == number && kept.is_there(now)),
            };
            let kept = found.ok_or_else(not_found)?.clone();
            let Some(record) = self.store.version(backup_tag, kept.number).await? else { continue };
            let place = Place::Version { backup: backup_tag, number: kept.number };
            let content = self.records.open(place, &record)?;
            let backup = head::decode_version(&content).ok_or(RecordDamaged { place })?;
            return Ok(FoundVersion { version: kept, backup });
        }
        Err(not_found())
    }

    /// The versions of a backup that can be read, those included that were deleted lately.
    pub(crate) async fn versions(&self, grant: &ReadGrant) -> Result<VersionList, ApiError> {
        let (owner, user_id) = grant.parts();
        let Some((_, head)) = self.head(self.tags.backup(owner, user_id)).await? else {
            return Ok(VersionList { versions: Vec::new(), next: 1, previous: [0; 32] });
        };
        let now = self.now();
        let versions = head.versions.iter().rev().filter(|version| version.is_there(now)).cloned().collect();
        Ok(VersionList { versions, next: head.last + 1, previous: head.last_digest })
    }

    /// Takes a backup out of the list. Its versions can be read for a week, and its numbers go on.
    pub(crate) async fn delete(&self, grant: &DeleteGrant) -> Result<(), ApiError> {
        let (owner, user_id) = grant.parts();
        let backup_tag = self.tags.backup(owner, user_id);
        for _ in 0..MAX_ATTEMPTS {
            // What is not there is deleted.
            let Some((revision, mut head)) = self.head(backup_tag).await? else { return Ok(()) };
            if head.newest().is_none() {
                return Ok(());
            }
            let now = self.now();
            head.versions.retain(|version| version.is_there(now));
            head.versions
                .iter_mut()
                .for_each(|version| version.deleted_at = version.deleted_at.or(Some(now)));
            let sealed =
                self.records.seal(Place::Head { backup: backup_tag, revision: revision + 1 }, head.encode());
            let purge_at = now + DELETED_LIFETIME_S;
            if self.store.delete_versions(backup_tag, revision, sealed, now, purge_at).await? {
                return Ok(());
            }
        }
        Err(busy())
    }

    async fn head(&self, backup_tag: Tag) -> Result<Option<(u64, BackupHead)>, ApiError> {
        let head = self.store.head(backup_tag).await?;
        Ok(head.map(|head| self.open_head(backup_tag, &head)).transpose()?)
    }

    async fn heads_of(&self, owner: Owner) -> Result<Vec<(Tag, BackupHead)>, ApiError> {
        let all = self.store.backups_of(self.tags.backup_owner(owner)).await?;
        let mut heads = Vec::with_capacity(all.len());
        for row in all {
            match self.open_head(row.tag, &row.head) {
                // The look-up tag stands in clear beside the record: only what is inside counts.
                Ok((_, head)) if head.owner == owner => heads.push((row.tag, head)),
                Ok(_) => {}
                // A row that was altered costs the others nothing. Access to it answers `record_damaged`.
                Err(error) => tracing::error!(%error, "left out of a list"),
            }
        }
        Ok(heads)
    }

    fn open_head(&self, backup_tag: Tag, head: &HeadRow) -> Result<(u64, BackupHead), RecordDamaged> {
        let place = Place::Head { backup: backup_tag, revision: head.revision };
        let content = self.records.open(place, &head.record)?;
        Ok((head.revision, BackupHead::decode(&content).ok_or(RecordDamaged { place })?))
    }

    /// Forgets of a head what is too old or too much beside its newest version, and says which numbers that were. Refuses where the owner may not have
    /// that either. Two uploads at once may exceed it by one.
    async fn fit(
        &self,
        backup_tag: Tag,
        head: &mut BackupHead,
        now: UnixSeconds,
    ) -> Result<Vec<u64>, ApiError> {
        let limits = &self.limits;
        let others = self.heads_of(head.owner).await?;
        let others: Vec<_> =
            others.into_iter().filter(|(tag, _)| *tag != backup_tag).map(|(_, head)| head).collect();
        let most = limits.backup_user_ids.min(MAX_BACKUPS);
        if others.len() >= most as usize {
            return Err(Code::BackupQuota
                .because(format!("a key may use {most} user ids, those of deleted backups included")));
        }
        check_rate(limits.backups_an_hour, others.iter().chain([&*head]), now)?;
        let others = others.iter().map(|head| head.bytes(now)).fold(VersionBytes::default(), |sum, bytes| {
            VersionBytes { present: sum.present + bytes.present, deleted: sum.deleted + bytes.deleted }
        });
        let quota = limits.backup_bytes.unwrap_or(u64::MAX / 4);
        let newest = head.versions.last().map_or(0, |newest| newest.bytes);
        if newest > quota {
            return Err(Code::BackupQuota.because(format!(
                "the backups of this key may have {quota} bytes together, and this one alone has {newest}"
            )));
        }
        if others.present.saturating_add(newest) > quota {
            return Err(Code::BackupQuota.because(format!(
                "the backups of this key may have {quota} bytes together, and the others have {}: delete one of them",
                others.present
            )));
        }
        let before: Vec<u64> = head.versions.iter().map(|version| version.number).collect();
        head.versions.retain(|version| version.is_there(now));
        let keep = limits.backup_versions.get() as usize;
        // The oldest goes first, and the newest never. What was deleted has as much room again.
        forget_oldest(head, false, now, |count, bytes| {
            count > keep || others.present + bytes.present > quota
        });
        let both = |bytes: VersionBytes| others.present + others.deleted + bytes.present + bytes.deleted;
        forget_oldest(head, true, now, |_, bytes| both(bytes) > quota.saturating_mul(2));
        let kept: Vec<u64> = head.versions.iter().map(|version| version.number).collect();
        Ok(before.into_iter().filter(|number| !kept.contains(number)).collect())
    }
}

/// Takes versions out of a head while there are too many of a kind or they are too large, the oldest first: of those that were deleted, or of those
/// that were not, of which the newest stays.
fn forget_oldest(
    head: &mut BackupHead,
    deleted: bool,
    now: UnixSeconds,
    too_much: impl Fn(usize, VersionBytes) -> bool,
) {
    let is_one = |version: &KeptVersion| version.deleted_at.is_some() == deleted;
    let least = if deleted { 0 } else { 1 };
    loop {
        let count = head.versions.iter().filter(|version| is_one(version)).count();
        match head.versions.iter().position(is_one) {
            Some(oldest) if count > least && too_much(count, head.bytes(now)) => {
                head.versions.remove(oldest);
            }
            _ => return,
        }
    }
}

/// Whether an owner stores no more than he may within an hour. What was refused does not count: others can send again what they recorded.
fn check_rate<'a>(
    most: Option<NonZeroU32>,
    heads: impl Iterator<Item = &'a BackupHead>,
    now: UnixSeconds,
) -> Result<(), ApiError> {
    let hours: Vec<_> = heads.filter_map(|head| head.uploads(now)).collect();
    let uploads: u64 = hours.iter().map(|(uploads, _)| u64::from(*uploads)).sum();
    match (most, hours.iter().map(|(_, end)| *end).min()) {
        (Some(most), Some(end)) if uploads > most.get().into() => {
            let wait = u32::try_from(end - now).unwrap_or(u32::MAX);
            Err(Code::TooManyRequests
                .because(format!("too many backups of this key within an hour: try again in {wait} seconds"))
                .retry_after(wait))
        }
        _ => Ok(()),
    }
}

/// What a version is beside those that a head has.
fn step(head: &BackupHead, backup: &SignedBackup) -> Result<Step, ApiError> {
    if head.form != Form::of(backup) {
        return Err(Code::BackupForm.because(
            "what is kept under this user id is of the other form: choose another user id, or the other form",
        ));
    }
    let statement = backup.statement();
    let last_digest = statement.map_or_else(|| backup.digest(), BackupStatement::digest);
    // After its deletion what was the last one is an older one.
    if head.newest().is_some() && last_digest == head.last_digest {
        return Ok(Step::Repeated);
    }
    let number = head.last + 1;
    let follows = statement
        .map(BackupStatement::position)
        .is_none_or(|position| position.counter() == number && *position.previous() == head.last_digest);
    if !follows || number > MAX_COUNTER {
        return Err(Code::BackupCounter.because(format!(
            "the next version has the counter {number} and names the statement before it, as the list of the versions says; this one does not"
        )));
    }
    Ok(Step::Next { number, last_digest })
}

fn superseded() -> ApiError {
    Code::BackupSuperseded.because(
        "this payload was uploaded before, and is not put back: encrypt the backup anew to upload it",
    )
}

fn not_found() -> ApiError {
    Code::BackupNotFound.because("no such backup of this key, or not that version")
}

fn busy() -> ApiError {
    Code::Overloaded.because("others change this backup at the same time: try again").retry_after(1)
}
