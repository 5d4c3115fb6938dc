//! A backup that its owner signed: the check that makes it, and what it gives back.

use super::archive::{Archive, UnixSeconds};
use super::keys::Keys;
use super::restore_error::RestoreError;
use super::signed::{BackupContent, SignedBackup};
use super::{compatible, native};
use crate::slh_dsa::{BadSignature, Context, Owner, PublicKey};

/// Why a backup is not its owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The statement names another owner than the key.
    #[error("the statement is another owner's")]
    Owner,
    /// The statement is about another envelope.
    #[error("the statement is about another envelope")]
    Envelope,
    /// The signature is another key's, or over something else.
    #[error(transparent)]
    Signature(#[from] BadSignature),
}

/// A backup that its owner signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBackup {
    owner: Owner,
    backup: SignedBackup,
}

impl SignedBackup {
    /// Whether the owner of this key signed it. The only way to a [`VerifiedBackup`].
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(self, public_key: &PublicKey) -> Result<VerifiedBackup, VerifyError> {
        match self.content() {
            BackupContent::Compatible { .. } => {
                public_key.verify(Context::NONE, &self.digest(), self.signature())?;
            }
            BackupContent::Native { statement, .. } => {
                // Before the signature, which costs a thousand times as much.
                if statement.owner() != public_key.owner() {
                    return Err(VerifyError::Owner);
                }
                if *statement.envelope_sha256() != self.digest() {
                    return Err(VerifyError::Envelope);
                }
                public_key.verify(Context::BACKUP, &statement.to_bytes(), self.signature())?;
            }
        }
        Ok(VerifiedBackup { owner: public_key.owner(), backup: self })
    }
}

/// What a backup held.
pub struct Restored {
    /// The wallet's data.
    pub archive: Archive,
    /// When a native backup was made, by the clock of who made it.
    pub created: Option<UnixSeconds>,
}

impl VerifiedBackup {
    /// Who signed it.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// What was verified.
    #[must_use]
    pub fn backup(&self) -> &SignedBackup {
        &self.backup
    }

    /// Opens it. Of a native backup, counter and SHA-256 are compared with the manifest's.
    ///
    /// # Errors
    /// [`RestoreError`].
    pub fn restore(&self, keys: &Keys) -> Result<Restored, RestoreError> {
        match self.backup.content() {
            BackupContent::Compatible { payload } => {
                let archive = Archive::from_wiped(compatible::open(payload, keys)?)?;
                Ok(Restored { archive, created: None })
            }
            BackupContent::Native { envelope, statement } => {
                let (manifest, data) = native::open(envelope, keys)?;
                if manifest.counter != statement.counter() {
                    let (archive, statement) = (manifest.counter, statement.counter());
                    return Err(RestoreError::Counter { archive, statement });
                }
                let archive = Archive::from_wiped(data)?;
                if archive.sha256() != manifest.sha256 {
                    return Err(RestoreError::Sha256);
                }
                Ok(Restored { archive, created: Some(manifest.created) })
            }
        }
    }
}
