//! What the vault does with wallets' backups, apart from HTTP: take versions in, give them out to their owner, forget them
//! (spec/backup.md §5).

use crate::backup_grant::{DeleteGrant, ListGrant, ReadGrant};
use crate::error::{ApiError, Code};
use crate::sealing::RecordDamaged;
use crate::series::{self, DELETED_LIFETIME_S, Form, Kept, SeriesHead};
use crate::vault::Vault;
use strongroom::backup::{MAX_COUNTER, SignedBackup, UserId, VerifiedBackup};
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
        for _ in 0..MAX_ATTEMPTS {
            let before = self.head(series).await?;
            let (number, last_digest) = match step(before.as_ref().map(|(_, head)| head), backup.backup())? {
                Step::Repeated => return Ok(()),
                Step::Next { number, last_digest } => (number, last_digest),
            };
            let record =
                self.records.seal(Place::Version { series, number }, series::encode_version(backup.backup()));
            let now = self.now().unix_timestamp();
            let revision = before.as_ref().map_or(0, |(revision, _)| *revision);
            let kept = Kept {
                number,
                stored_at: now,
                bytes: record.len() as u64,
                digest: backup.backup().digest(),
                deleted_at: None,
            };
            let mut head = before.map(|(_, head)| head).unwrap_or(SeriesHead {
                form: Form::of(backup.backup()),
                owner,
                user_id,
                versions: Vec::new(),
                last: 0,
                last_digest: [0; 32],
            });
            let keep_from =
                append(&mut head, kept, last_digest, self.config.limits.backup_versions.get(), now);
            self.check_quota(series, &head, now).await?;
            let new = NewVersion {
                owner: self.index.backup_owner(owner),
                expected: revision,
                head: self.records.seal(Place::Head { series, revision: revision + 1 }, head.encode()),
                changed_at: now,
                number,
                record,
                // Of a native version the counter tells whether it was there before.
                digest: (head.form == Form::Compatible)
                    .then(|| self.index.backup_payload(owner, &backup.backup().digest())),
                keep_from,
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

    /// Whether the owner may have this too. Two uploads at once may exceed it by one.
    async fn check_quota(&self, series: Tag, new: &SeriesHead, now: UnixSeconds) -> Result<(), ApiError> {
        let others = self.heads_of(new.owner).await?;
        let others = others.iter().filter(|(tag, _)| *tag != series);
        let most = self.config.limits.backup_user_ids.min(MAX_SERIES);
        if others.clone().count() >= most as usize {
            return Err(Code::BackupQuota.because(format!("a key may have backups under {most} user ids")));
        }
        let bytes: u64 = others.map(|(_, head)| head.bytes(now)).sum::<u64>() + new.bytes(now);
        match self.config.limits.backup_bytes {
            Some(most) if bytes > most => Err(Code::BackupQuota.because(format!(
                "with this version the backups of this key would have {bytes} bytes, and {most} is what they may have"
            ))),
            _ => Ok(()),
        }
    }
}

fn step(before: Option<&SeriesHead>, backup: &SignedBackup) -> Result<Step, ApiError> {
    let form = Form::of(backup);
    if before.is_some_and(|head| head.form != form) {
        return Err(Code::BackupForm.because(
            "what is kept under this user id is of the other form: choose another user id, or the other form",
        ));
    }
    let (last, last_digest) = before.map_or((0, [0; 32]), |head| (head.last, head.last_digest));
    let Some(statement) = backup.statement() else {
        // After its deletion too, what was the last one is superseded.
        if before.and_then(SeriesHead::newest).is_some() && last_digest == backup.digest() {
            return Ok(Step::Repeated);
        }
        if last >= MAX_COUNTER {
            return Err(
                Code::BackupCounter.because("this user id has had as many versions as can be counted")
            );
        }
        return Ok(Step::Next { number: last + 1, last_digest: backup.digest() });
    };
    let position = statement.position();
    if before.and_then(SeriesHead::newest).is_some() && last_digest == statement.digest() {
        return Ok(Step::Repeated);
    }
    if position.counter() != last + 1 || *position.previous() != last_digest {
        return Err(Code::BackupCounter.because(format!(
            "the next version has the counter {}, and this one {}, or it follows another statement: …/versions says what comes next",
            last + 1,
            position.counter(),
        )));
    }
    Ok(Step::Next { number: position.counter(), last_digest: statement.digest() })
}

/// Adds a version to a head, forgets what is too old, and says from which number on versions that were not deleted stay.
fn append(head: &mut SeriesHead, kept: Kept, last_digest: [u8; 32], keep: u32, now: UnixSeconds) -> u64 {
    (head.last, head.last_digest) = (kept.number, last_digest);
    head.versions.push(kept);
    let present = head.versions.iter().rev().filter(|version| version.deleted_at.is_none());
    let keep_from = present.take(keep as usize).last().map_or(0, |oldest| oldest.number);
    head.versions.retain(|version| match version.deleted_at {
        None => version.number >= keep_from,
        Some(_) => version.is_there(now),
    });
    keep_from
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
