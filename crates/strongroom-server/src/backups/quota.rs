//! What an owner may store: user ids, uploads an hour, bytes, versions.

use super::head::{BackupHead, KeptVersion, VersionBytes};
use crate::error::{ApiError, Code};
use crate::limits::Limits;
use std::num::NonZeroU32;
use strongroom_store::{MAX_BACKUPS, UnixSeconds};

/// Prunes the versions of a head that are too old, too many or too large, and returns their
/// numbers. The newest version stays. `others` are the heads of the owner's other backups.
///
/// # Errors
/// Where the owner may not even have the newest version.
pub(super) fn prune(
    head: &mut BackupHead,
    others: &[BackupHead],
    limits: &Limits,
    now: UnixSeconds,
) -> Result<Vec<u64>, ApiError> {
    let most = limits.backup_user_ids.min(MAX_BACKUPS);
    if others.len() >= most as usize {
        return Err(Code::BackupQuota.because(format!(
            "a key may use {most} user ids, those of deleted backups included: use one of them"
        )));
    }
    check_rate(limits.backups_an_hour, others.iter().chain([&*head]), now)?;
    let others = others.iter().map(|head| head.bytes(now)).fold(VersionBytes::default(), |sum, bytes| {
        VersionBytes { present: sum.present + bytes.present, deleted: sum.deleted + bytes.deleted }
    });
    let quota = limits.backup_bytes.unwrap_or(u64::MAX / 4);
    let newest = head.versions.last().map_or(0, |newest| newest.bytes);
    if newest > quota {
        return Err(Code::BackupQuota.because(format!(
            "the backups of this key may have {quota} bytes together, and this one has {newest}: make it smaller"
        )));
    }
    if others.present.saturating_add(newest) > quota {
        return Err(Code::BackupQuota.because(format!(
            "the backups of this key may have {quota} bytes together, and this one has {newest} and the others {}: \
             delete one of them",
            others.present
        )));
    }
    let before: Vec<u64> = head.versions.iter().map(|version| version.number).collect();
    head.versions.retain(|version| version.is_there(now));
    let keep = limits.backup_versions.get() as usize;
    // The oldest goes first, and the newest stays. Deleted versions have the same room once more.
    forget_oldest(head, false, now, |count, bytes| count > keep || others.present + bytes.present > quota);
    let both = |bytes: VersionBytes| others.present + others.deleted + bytes.present + bytes.deleted;
    forget_oldest(head, true, now, |_, bytes| both(bytes) > quota.saturating_mul(2));
    let kept: Vec<u64> = head.versions.iter().map(|version| version.number).collect();
    Ok(before.into_iter().filter(|number| !kept.contains(number)).collect())
}

/// Removes the oldest versions from a head while there are too many of them, or they are too large.
/// It removes either deleted versions only, or only others; of these, the newest stays.
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

/// Checks that an owner stores no more versions within an hour than they may. Refused uploads do
/// not count, because anybody can send an upload again that they have recorded.
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

#[cfg(test)]
mod tests {
    use super::super::head::{DELETED_LIFETIME_S, Form};
    use super::*;
    use strongroom::backup::UserId;
    use strongroom::slh_dsa::Owner;

    const NOW: UnixSeconds = 1_800_000_000;

    /// A backup with a version for each of these sizes in bytes, numbered from 1 on.
    fn head(sizes: &[u64]) -> BackupHead {
        let owner = Owner::from_bytes([1; 32]);
        let mut head = BackupHead::new(Form::Compatible, owner, UserId::from_bytes([2; 16]));
        for (number, bytes) in (1..).zip(sizes.iter().copied()) {
            let version = KeptVersion { number, stored_at: NOW, bytes, digest: [7; 32], deleted_at: None };
            head.append(version, [8; 32], NOW);
        }
        head
    }

    fn limits(versions: u32, bytes: u64) -> Limits {
        let backup_versions = NonZeroU32::new(versions).expect("some");
        Limits { backup_versions, backup_bytes: Some(bytes), ..Limits::default() }
    }

    #[test]
    fn the_oldest_versions_go_and_the_newest_stays() {
        let pruned = |sizes: &[u64], limits| prune(&mut head(sizes), &[], &limits, NOW).map_err(|e| e.code);
        assert_eq!(pruned(&[10, 10, 10], limits(3, 30)), Ok(vec![]));
        assert_eq!(pruned(&[10, 10, 10], limits(2, 30)), Ok(vec![1]));
        assert_eq!(pruned(&[10, 10, 10], limits(3, 19)), Ok(vec![1, 2]));
        assert_eq!(pruned(&[10, 10, 20], limits(3, 19)), Err(Code::BackupQuota), "the newest is too large");
    }

    #[test]
    fn one_backup_takes_no_room_from_another() {
        let others = [head(&[20])];
        let pruned = |size, limits: &Limits| prune(&mut head(&[size]), &others, limits, NOW);
        assert!(pruned(10, &limits(5, 30)).is_ok());
        assert_eq!(pruned(11, &limits(5, 30)).map_err(|e| e.code), Err(Code::BackupQuota));
        let one = Limits { backup_user_ids: 1, ..limits(5, 30) };
        assert_eq!(pruned(1, &one).map_err(|e| e.code), Err(Code::BackupQuota), "a second user id");
    }

    #[test]
    fn deleted_versions_have_the_same_room_once_more_for_a_week() {
        let mut backup = head(&[10, 10, 10, 10]);
        backup.versions[..3].iter_mut().for_each(|version| version.deleted_at = Some(NOW));
        let pruned = |bytes, now| prune(&mut backup.clone(), &[], &limits(1, bytes), now).map_err(|e| e.code);
        assert_eq!(pruned(20, NOW), Ok(vec![]));
        assert_eq!(pruned(15, NOW), Ok(vec![1]));
        assert_eq!(pruned(10, NOW), Ok(vec![1, 2]));
        assert_eq!(pruned(20, NOW + DELETED_LIFETIME_S), Ok(vec![1, 2, 3]));
    }
}
