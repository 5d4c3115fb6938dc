//! The contents of a backup's records: its head, and each version (spec/storage.md §3, §6).
//! storage/records.rs seals them.

use minicbor::{Decoder, Encoder};
use std::convert::Infallible;
use strongroom::backup::{BackupContent, BackupStatement, SignedBackup, UserId};
use strongroom::envelope::Envelope;
use strongroom::slh_dsa::{Owner, Signature};
use strongroom_store::UnixSeconds;

const VERSION: u8 = 1;
/// How long a deleted version can still be read.
pub(crate) const DELETED_LIFETIME_S: UnixSeconds = 7 * 24 * 60 * 60;
const HOUR_S: UnixSeconds = 60 * 60;

/// The form that all versions of a backup have, and its number in the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Compatible = 1,
    Native = 2,
}

impl Form {
    pub(crate) fn of(backup: &SignedBackup) -> Self {
        match backup.content() {
            BackupContent::Compatible { .. } => Self::Compatible,
            BackupContent::Native { .. } => Self::Native,
        }
    }
}

/// A version in a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptVersion {
    pub(crate) number: u64,
    pub(crate) stored_at: UnixSeconds,
    /// Bytes of the sealed record.
    pub(crate) bytes: u64,
    /// Digest of the payload or the envelope.
    pub(crate) digest: [u8; 32],
    pub(crate) deleted_at: Option<UnixSeconds>,
}

impl KeptVersion {
    /// Whether it can be read: for a week after it was deleted, and always before.
    pub(crate) fn is_there(&self, now: UnixSeconds) -> bool {
        self.deleted_at.is_none_or(|at| now < at + DELETED_LIFETIME_S)
    }
}

/// Bytes that versions take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct VersionBytes {
    pub(crate) present: u64,
    pub(crate) deleted: u64,
}

/// A backup's head: all that the vault knows of it apart from the versions' contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackupHead {
    pub(crate) form: Form,
    pub(crate) owner: Owner,
    pub(crate) user_id: UserId,
    /// The versions that are kept, in ascending order of their numbers.
    pub(crate) versions: Vec<KeptVersion>,
    /// The number of the last version, even if it is no longer kept.
    pub(crate) last: u64,
    /// Identifies the last version: the SHA-256 of its statement, or the digest of its payload.
    pub(crate) last_digest: [u8; 32],
    /// The start of the hour in which uploads are counted, and their number since then.
    pub(crate) hour: (UnixSeconds, u32),
}

impl BackupHead {
    /// The head of a backup that has no version yet.
    pub(crate) fn new(form: Form, owner: Owner, user_id: UserId) -> Self {
        Self { form, owner, user_id, versions: Vec::new(), last: 0, last_digest: [0; 32], hour: (0, 0) }
    }

    /// Adds the next version.
    pub(crate) fn append(&mut self, version: KeptVersion, last_digest: [u8; 32], now: UnixSeconds) {
        (self.last, self.last_digest) = (version.number, last_digest);
        self.versions.push(version);
        let uploads = self.uploads(now);
        self.hour = uploads.map_or((now, 1), |(uploads, _)| (self.hour.0, uploads.saturating_add(1)));
    }

    /// The newest version that was not deleted.
    pub(crate) fn newest(&self) -> Option<&KeptVersion> {
        self.versions.iter().rev().find(|version| version.deleted_at.is_none())
    }

    /// Bytes of the versions that were not deleted, and of deleted ones that can still be read.
    pub(crate) fn bytes(&self, now: UnixSeconds) -> VersionBytes {
        let sum = |deleted: bool| {
            let there = self.versions.iter().filter(|version| version.is_there(now));
            there.filter(|version| version.deleted_at.is_some() == deleted).map(|version| version.bytes).sum()
        };
        VersionBytes { present: sum(false), deleted: sum(true) }
    }

    /// The number of uploads in the present hour, and when that hour ends; `None` if there were
    /// none.
    pub(crate) fn uploads(&self, now: UnixSeconds) -> Option<(u32, UnixSeconds)> {
        let (began, uploads) = self.hour;
        // If the clock went back before the hour's start, a new hour begins.
        (began..began.saturating_add(HOUR_S))
            .contains(&now)
            .then_some((uploads, began.saturating_add(HOUR_S)))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + 64 * self.versions.len());
        let mut e = Encoder::new(&mut out);
        let written: Result<_, minicbor::encode::Error<Infallible>> = (|| {
            e.array(9)?.u8(VERSION)?.u8(self.form as u8)?.bytes(self.owner.as_bytes())?;
            e.bytes(self.user_id.as_bytes())?.u64(self.last)?.bytes(&self.last_digest)?;
            e.i64(self.hour.0)?.u32(self.hour.1)?;
            e.array(self.versions.len() as u64)?;
            for version in &self.versions {
                e.array(5)?.u64(version.number)?.i64(version.stored_at)?.u64(version.bytes)?;
                e.bytes(&version.digest)?.encode(version.deleted_at)?;
            }
            Ok(())
        })();
        written.expect("writing to memory does not fail");
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut d = Decoder::new(bytes);
        if (d.array().ok()?, d.u8().ok()?) != (Some(9), VERSION) {
            return None;
        }
        let form = form(d.u8().ok()?)?;
        let owner = Owner::from_bytes(d.bytes().ok()?.try_into().ok()?);
        let user_id = UserId::from_bytes(d.bytes().ok()?.try_into().ok()?);
        let (last, last_digest) = (d.u64().ok()?, d.bytes().ok()?.try_into().ok()?);
        let hour = (d.i64().ok()?, d.u32().ok()?);
        let mut versions = Vec::new();
        for _ in 0..d.array().ok()?? {
            (d.array().ok()? == Some(5)).then_some(())?;
            versions.push(KeptVersion {
                number: d.u64().ok()?,
                stored_at: d.i64().ok()?,
                bytes: d.u64().ok()?,
                digest: d.bytes().ok()?.try_into().ok()?,
                deleted_at: d.decode().ok()?,
            });
        }
        let head = Self { form, owner, user_id, versions, last, last_digest, hour };
        (d.position() == bytes.len()).then_some(head)
    }
}

fn form(number: u8) -> Option<Form> {
    [Form::Compatible, Form::Native].into_iter().find(|form| *form as u8 == number)
}

/// The content of a version's record, as CBOR.
pub(crate) fn encode_version(backup: &SignedBackup) -> Vec<u8> {
    let signature = backup.signature().as_bytes();
    let mut out = Vec::with_capacity(signature.len() + 1024);
    let mut e = Encoder::new(&mut out);
    let written: Result<_, minicbor::encode::Error<Infallible>> = (|| {
        match backup.content() {
            BackupContent::Compatible { payload } => {
                e.array(4)?.u8(VERSION)?.u8(Form::Compatible as u8)?.bytes(signature)?.bytes(payload)?;
            }
            BackupContent::Native { envelope, statement } => {
                e.array(5)?.u8(VERSION)?.u8(Form::Native as u8)?.bytes(signature)?;
                e.bytes(envelope.as_bytes())?.bytes(&statement.to_bytes())?;
            }
        }
        Ok(())
    })();
    written.expect("writing to memory does not fail");
    out
}

/// Reads what [`encode_version`] wrote.
pub(crate) fn decode_version(bytes: &[u8]) -> Option<SignedBackup> {
    let mut d = Decoder::new(bytes);
    let parts = d.array().ok()??;
    (d.u8().ok()? == VERSION).then_some(())?;
    let form = form(d.u8().ok()?)?;
    let signature = Signature::from_bytes(d.bytes().ok()?.to_vec()).ok()?;
    let content = match (form, parts) {
        (Form::Compatible, 4) => BackupContent::Compatible { payload: d.bytes().ok()?.to_vec() },
        (Form::Native, 5) => BackupContent::Native {
            envelope: Box::new(Envelope::parse(d.bytes().ok()?.to_vec()).ok()?),
            statement: BackupStatement::from_bytes(d.bytes().ok()?).ok()?,
        },
        _ => return None,
    };
    (d.position() == bytes.len()).then(|| SignedBackup::from_parts(content, signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_are_counted_by_the_hour() {
        let mut head =
            BackupHead::new(Form::Compatible, Owner::from_bytes([1; 32]), UserId::from_bytes([2; 16]));
        let kept = |number| KeptVersion { number, stored_at: 5, bytes: 6, digest: [7; 32], deleted_at: None };
        let now = 1_800_000_000;
        assert_eq!(head.uploads(now), None);
        head.append(kept(1), [1; 32], now);
        head.append(kept(2), [2; 32], now + 3599);
        assert_eq!((head.last, head.last_digest, head.versions.len()), (2, [2; 32], 2));
        assert_eq!(head.uploads(now + 3599), Some((2, now + 3600)));
        assert_eq!(head.uploads(now + 3600), None);
        assert_eq!(head.uploads(now - 1), None);
        head.append(kept(3), [3; 32], now + 3600);
        assert_eq!(head.hour, (now + 3600, 1));
        head.hour = (i64::MAX, u32::MAX);
        assert_eq!(head.uploads(now), None);
    }

    #[test]
    fn heads_and_versions_come_back_and_nothing_longer() {
        let kept =
            |number, deleted_at| KeptVersion { number, stored_at: 5, bytes: 6, digest: [7; 32], deleted_at };
        let head = BackupHead {
            form: Form::Native,
            owner: Owner::from_bytes([1; 32]),
            user_id: UserId::from_bytes([2; 16]),
            versions: vec![kept(3, Some(9)), kept(4, None)],
            last: 4,
            last_digest: [8; 32],
            hour: (10, 11),
        };
        let bytes = head.encode();
        assert_eq!(BackupHead::decode(&bytes), Some(head));
        let backup = SignedBackup::from_parts(
            BackupContent::Compatible { payload: b"{}".to_vec() },
            Signature::from_bytes(vec![9; 49_856]).expect("its length"),
        );
        let version = encode_version(&backup);
        assert_eq!(decode_version(&version), Some(backup));
        for (bytes, is_head) in [(bytes, true), (version, false)] {
            let decodes = |bytes: &[u8]| match is_head {
                true => BackupHead::decode(bytes).is_some(),
                false => decode_version(bytes).is_some(),
            };
            assert!(!decodes(&[&bytes[..], &[0]].concat()));
            for cut in (0..bytes.len()).step_by(97) {
                assert!(!decodes(&bytes[..cut]), "{cut} bytes");
            }
        }
    }
}
