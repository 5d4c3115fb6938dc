//! What the vault does with wallets' backups, whatever the protocol: it keeps versions, gives them
//! to their owner, and deletes them (spec/storage.md §6).

use super::grant::{DeleteGrant, ListGrant, ReadGrant};
use super::head::{self, BackupHead, DELETED_LIFETIME_S, Form, KeptVersion};
use super::quota;
use crate::clock::Clock;
use crate::error::{ApiError, Code};
use crate::limits::{ClientAddress, Guard, Limits};
use crate::storage::{RecordDamaged, Records, Tags};
use std::sync::Arc;
use strongroom::backup::{BackupStatement, MAX_COUNTER, SignedBackup, UserId, VerifiedBackup};
use strongroom::slh_dsa::Owner;
use strongroom_store::{HeadRow, NewVersion, Place, Pushed, Store, Tag, UnixSeconds};

/// Attempts at a change that another one keeps coming before.
const MAX_ATTEMPTS: u32 = 8;

/// A backup in its owner's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackupSummary {
    pub(crate) user_id: UserId,
    pub(crate) updated_at: UnixSeconds,
    pub(crate) version: u64,
}

/// A version that was read for its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundVersion {
    pub(crate) version: KeptVersion,
    pub(crate) backup: SignedBackup,
}

/// The versions of a backup, and what the next one must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionList {
    /// The newest version comes first.
    pub(crate) versions: Vec<KeptVersion>,
    /// The number of the next version.
    pub(crate) next: u64,
    /// SHA-256 of the last statement, or the digest of the last payload; zeros if there is none.
    pub(crate) previous: [u8; 32],
}

/// How an uploaded version relates to those that are there.
enum Upload {
    /// It is the last one again, because its answer was lost.
    Repeated,
    /// It is the next one.
    Next { number: u64, last_digest: [u8; 32] },
}

/// The backups of a vault's wallets.
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

    /// Counts the bytes that an address uploads. Keys cost nothing, so they count whichever key
    /// signs.
    pub(crate) fn admit_upload(&self, client: &ClientAddress, body_bytes: usize) -> Result<(), ApiError> {
        self.guard.admit_anonymous(client, body_bytes)
    }

    /// Keeps a version durably. The same version again is accepted and changes nothing.
    pub(crate) async fn keep(&self, user_id: UserId, backup: &VerifiedBackup) -> Result<(), ApiError> {
        let owner = backup.owner();
        let backup_tag = self.tags.backup(owner, user_id);
        let signed = backup.backup();
        for _ in 0..MAX_ATTEMPTS {
            let before = self.head(backup_tag).await?;
            let (revision, mut head) =
                before.unwrap_or_else(|| (0, BackupHead::new(Form::of(signed), owner, user_id)));
            let Upload::Next { number, last_digest } = relation(&head, signed)? else { return Ok(()) };
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
            // Two uploads at once may exceed a bound by one.
            let others = self.heads_of(owner).await?.into_iter();
            let others: Vec<_> = others.filter(|(tag, _)| *tag != backup_tag).map(|(_, head)| head).collect();
            let gone = quota::prune(&mut head, &others, &self.limits, now)?;
            let new = NewVersion {
                owner: self.tags.backup_owner(owner),
                expected: revision,
                head: self
                    .records
                    .seal(Place::Head { backup: backup_tag, revision: revision + 1 }, head.encode()),
                changed_at: now,
                number,
                record,
                // A native version needs no mark: its counter shows whether it was there before.
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

    /// All backups of a key that were not deleted. The one that was changed last comes first.
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

    /// The version with this number, or else the newest one.
    pub(crate) async fn read(
        &self,
        grant: &ReadGrant,
        version: Option<u64>,
    ) -> Result<FoundVersion, ApiError> {
        let (owner, user_id) = grant.parts();
        let backup_tag = self.tags.backup(owner, user_id);
        // A version may be pruned between the two calls, but then there is a newer one.
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

    /// The versions of a backup that can be read, including those deleted within the last week.
    pub(crate) async fn versions(&self, grant: &ReadGrant) -> Result<VersionList, ApiError> {
        let (owner, user_id) = grant.parts();
        let Some((_, head)) = self.head(self.tags.backup(owner, user_id)).await? else {
            return Ok(VersionList { versions: Vec::new(), next: 1, previous: [0; 32] });
        };
        let now = self.now();
        let versions = head.versions.iter().rev().filter(|version| version.is_there(now)).cloned().collect();
        Ok(VersionList { versions, next: head.last + 1, previous: head.last_digest })
    }

    /// Deletes a backup: it is no longer listed, and its versions can be read for a week. A later
    /// version gets the next number.
    pub(crate) async fn delete(&self, grant: &DeleteGrant) -> Result<(), ApiError> {
        let (owner, user_id) = grant.parts();
        let backup_tag = self.tags.backup(owner, user_id);
        for _ in 0..MAX_ATTEMPTS {
            // A backup that is not there counts as deleted.
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
                // The look-up tag stands in the clear, so only the owner inside the record counts.
                Ok((_, head)) if head.owner == owner => heads.push((row.tag, head)),
                Ok(_) => {}
                // An altered row does not fail the whole list. Reading it answers `record_damaged`.
                Err(error) => tracing::error!(%error, "a damaged record was left out of a list"),
            }
        }
        Ok(heads)
    }

    fn open_head(&self, backup_tag: Tag, head: &HeadRow) -> Result<(u64, BackupHead), RecordDamaged> {
        let place = Place::Head { backup: backup_tag, revision: head.revision };
        let content = self.records.open(place, &head.record)?;
        Ok((head.revision, BackupHead::decode(&content).ok_or(RecordDamaged { place })?))
    }
}

/// How a version relates to those that a head has.
fn relation(head: &BackupHead, backup: &SignedBackup) -> Result<Upload, ApiError> {
    if head.form != Form::of(backup) {
        return Err(Code::BackupForm.because(
            "the backup under this user id has the other form: choose another user id, or that form",
        ));
    }
    let statement = backup.statement();
    let last_digest = statement.map_or_else(|| backup.digest(), BackupStatement::digest);
    // Once the backup was deleted, an upload of its last version is not a retry any more.
    if head.newest().is_some() && last_digest == head.last_digest {
        return Ok(Upload::Repeated);
    }
    let number = head.last + 1;
    let follows = statement
        .map(BackupStatement::position)
        .is_none_or(|position| position.counter() == number && *position.previous() == head.last_digest);
    if !follows || number > MAX_COUNTER {
        return Err(Code::BackupCounter.because(format!(
            "the version does not follow the last one: the next has counter {number} and the previous digest that the list of versions gives"
        )));
    }
    Ok(Upload::Next { number, last_digest })
}

fn superseded() -> ApiError {
    Code::BackupSuperseded.because(
        "this payload was uploaded before and is not put back: encrypt the backup again to upload it",
    )
}

fn not_found() -> ApiError {
    Code::BackupNotFound.because("this key has no such backup, or the backup has no such version")
}

fn busy() -> ApiError {
    Code::Overloaded.because("other requests change this backup at the same time: try again").retry_after(1)
}
