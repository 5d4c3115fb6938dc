//! What the vault does with wallets' backups, apart from HTTP: take versions in, give them out to their owner, forget them
//! (spec/backup.md §5).

use crate::backup_grant::{DeleteGrant, ListGrant, ReadGrant};
use crate::error::{ApiError, Code};
use crate::sealing::RecordDamaged;
use crate::series::{self, Bytes, DELETED_LIFETIME_S, Form, Kept, SeriesHead};
use crate::vault::Vault;
use std::num::NonZeroU32;
use strongroom::backup::{MAX_COUNTER, SignedBackup, Statement, UserId, VerifiedBackup};
use strongroom::slh_dsa::Owner;
use strongroom_store::{Head, MAX_SERIES, NewVersion, Place, Pushed, Tag, UnixSeconds};

/// How often a change is tried again that another one came before.
const MAX_ATTEMPTS: u32 = 8;

/// A backup in its owner's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) user_id: UserId,
    pub(crate) updated_at: UnixSeconds,
    pub(crate) version: u64,
}

/// A version, for its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) version: Kept,
    pub(crate) backup: SignedBackup,
}

/// The versions of a backup, and what the next one must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Versions {
    /// Newest first.
    pub(crate) versions: Vec<Kept>,
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

impl Vault {
    /// Keeps a version, durably. The same one again is no error.
    pub(crate) async fn keep_backup(&self, user_id: UserId, backup: &VerifiedBackup) -> Result<(), ApiError> {
        let owner = backup.owner();
        let series = self.index.backup_series(owner, user_id);
        let signed = backup.backup();
        for _ in 0..MAX_ATTEMPTS {
            let before = self.head(series).await?;
            let (revision, mut head) =
                before.unwrap_or_else(|| (0, SeriesHead::new(Form::of(signed), owner, user_id)));
            let Step::Next { number, last_digest } = step(&head, signed)? else { return Ok(()) };
            let record = self.records.seal(Place::Version { series, number }, series::encode_version(signed));
            let now = self.now().unix_timestamp();
            let (bytes, digest) = (record.len() as u64, signed.digest());
            head.append(Kept { number, stored_at: now, bytes, digest, deleted_at: None }, last_digest, now);
            let gone = self.fit(series, &mut head, now).await?;
            let new = NewVersion {
                owner: self.index.backup_owner(owner),
                expected: revision,
                head: self.records.seal(Place::Head { series, revision: revision + 1 }, head.encode()),
                changed_at: now,
                number,
                record,
                // Of a native version the counter tells whether it was there before.
                digest: (head.form == Form::Compatible).then(|| self.index.backup_payload(owner, &digest)),
                gone,
            };
            match self.store.push(series, new).await? {
                Pushed::Stored => return Ok(()),
                Pushed::Superseded => return Err(superseded()),
                Pushed::Changed => {}
            }
        }
        Err(busy())
    }

    /// All backups of a key that were not deleted, the last changed first.
    pub(crate) async fn backups_of(&self, grant: &ListGrant) -> Result<Vec<Listed>, ApiError> {
        let heads = self.heads_of(grant.owner()).await?;
        let listed = heads.into_iter().filter_map(|(_, head)| {
            let newest = head.newest()?;
            Some(Listed { user_id: head.user_id, updated_at: newest.stored_at, version: newest.number })
        });
        Ok(listed.collect())
    }

    /// A version of a backup; the newest where none is named.
    pub(crate) async fn backup(&self, grant: &ReadGrant, version: Option<u64>) -> Result<Found, ApiError> {
        let (owner, user_id) = grant.parts();
        let series = self.index.backup_series(owner, user_id);
        // A version that is pruned between the two calls has a newer one.
        for _ in 0..MAX_ATTEMPTS {
            let (_, head) = self.head(series).await?.ok_or_else(not_found)?;
            let now = self.now().unix_timestamp();
            let found = match version {
                None => head.newest(),
                Some(number) => head.versions.iter().find(|kept| kept.number == number && kept.is_there(now)),
            };
            let kept = found.ok_or_else(not_found)?.clone();
            let Some(record) = self.store.version(series, kept.number).await? else { continue };
            let place = Place::Version { series, number: kept.number };
            let content = self.records.open(place, &record)?;
            let backup = series::decode_version(&content).ok_or(RecordDamaged { place })?;
            return Ok(Found { version: kept, backup });
        }
        Err(not_found())
    }

    /// The versions of a backup that can be read, those included that were deleted lately.
    pub(crate) async fn backup_versions(&self, grant: &ReadGrant) -> Result<Versions, ApiError> {
        let (owner, user_id) = grant.parts();
        let Some((_, head)) = self.head(self.index.backup_series(owner, user_id)).await? else {
            return Ok(Versions { versions: Vec::new(), next: 1, previous: [0; 32] });
        };
        let now = self.now().unix_timestamp();
        let versions = head.versions.iter().rev().filter(|version| version.is_there(now)).cloned().collect();
        Ok(Versions { versions, next: head.last + 1, previous: head.last_digest })
    }

    /// Takes a backup out of the list. Its versions can be read for a week, and its numbers go on.
    pub(crate) async fn delete_backup(&self, grant: &DeleteGrant) -> Result<(), ApiError> {
        let (owner, user_id) = grant.parts();
        let series = self.index.backup_series(owner, user_id);
        for _ in 0..MAX_ATTEMPTS {
            // What is not there is deleted.
            let Some((revision, mut head)) = self.head(series).await? else { return Ok(()) };
            if head.newest().is_none() {
                return Ok(());
            }
            let now = self.now().unix_timestamp();
            head.versions.retain(|version| version.is_there(now));
            head.versions
                .iter_mut()
                .for_each(|version| version.deleted_at = version.deleted_at.or(Some(now)));
            let sealed = self.records.seal(Place::Head { series, revision: revision + 1 }, head.encode());
            let purge_at = now + DELETED_LIFETIME_S;
            if self.store.delete_versions(series, revision, sealed, now, purge_at).await? {
                return Ok(());
            }
        }
        Err(busy())
    }

    async fn head(&self, series: Tag) -> Result<Option<(u64, SeriesHead)>, ApiError> {
        let head = self.store.head(series).await?;
        Ok(head.map(|head| self.open_head(series, &head)).transpose()?)
    }

    async fn heads_of(&self, owner: Owner) -> Result<Vec<(Tag, SeriesHead)>, ApiError> {
        let all = self.store.series_of(self.index.backup_owner(owner)).await?;
        let mut heads = Vec::with_capacity(all.len());
        for row in all {
            match self.open_head(row.series, &row.head) {
                // The look-up tag stands in clear beside the record: only what is inside counts.
                Ok((_, head)) if head.owner == owner => heads.push((row.series, head)),
                Ok(_) => {}
                // A row that was altered costs the others nothing. Access to it answers `record_damaged`.
                Err(error) => tracing::error!(%error, "left out of a list"),
            }
        }
        Ok(heads)
    }

    fn open_head(&self, series: Tag, head: &Head) -> Result<(u64, SeriesHead), RecordDamaged> {
        let place = Place::Head { series, revision: head.revision };
        let content = self.records.open(place, &head.record)?;
        Ok((head.revision, SeriesHead::decode(&content).ok_or(RecordDamaged { place })?))
    }

    /// Forgets of a head what is too old or too much beside its newest version, and says which numbers that were. Refuses where the owner may not have
    /// that either. Two uploads at once may exceed it by one.
    async fn fit(&self, series: Tag, head: &mut SeriesHead, now: UnixSeconds) -> Result<Vec<u64>, ApiError> {
        let limits = &self.config.limits;
        let others = self.heads_of(head.owner).await?;
        let others: Vec<_> =
            others.into_iter().filter(|(tag, _)| *tag != series).map(|(_, head)| head).collect();
        let most = limits.backup_user_ids.min(MAX_SERIES);
        if others.len() >= most as usize {
            return Err(Code::BackupQuota
                .because(format!("a key may use {most} user ids, those of deleted backups included")));
        }
        check_rate(limits.backups_an_hour, others.iter().chain([&*head]), now)?;
        let others = others.iter().map(|head| head.bytes(now)).fold(Bytes::default(), |sum, bytes| Bytes {
            present: sum.present + bytes.present,
            deleted: sum.deleted + bytes.deleted,
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
        let both = |bytes: Bytes| others.present + others.deleted + bytes.present + bytes.deleted;
        forget_oldest(head, true, now, |_, bytes| both(bytes) > quota.saturating_mul(2));
        let kept: Vec<u64> = head.versions.iter().map(|version| version.number).collect();
        Ok(before.into_iter().filter(|number| !kept.contains(number)).collect())
    }
}

/// Takes versions out of a head while there are too many of a kind or they are too large, the oldest first: of those that were deleted, or of those
/// that were not, of which the newest stays.
fn forget_oldest(
    head: &mut SeriesHead,
    deleted: bool,
    now: UnixSeconds,
    too_much: impl Fn(usize, Bytes) -> bool,
) {
    let is_one = |version: &Kept| version.deleted_at.is_some() == deleted;
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
    heads: impl Iterator<Item = &'a SeriesHead>,
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
fn step(head: &SeriesHead, backup: &SignedBackup) -> Result<Step, ApiError> {
    if head.form != Form::of(backup) {
        return Err(Code::BackupForm.because(
            "what is kept under this user id is of the other form: choose another user id, or the other form",
        ));
    }
    let statement = backup.statement();
    let last_digest = statement.map_or_else(|| backup.digest(), Statement::digest);
    // After its deletion what was the last one is an older one.
    if head.newest().is_some() && last_digest == head.last_digest {
        return Ok(Step::Repeated);
    }
    let number = head.last + 1;
    let follows = statement
        .map(Statement::position)
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
