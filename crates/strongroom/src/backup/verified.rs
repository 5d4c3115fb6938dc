//! Verified backups: checking the signature, and restoring the archive.

use super::archive::{Archive, UnixSeconds};
use super::keys::Keys;
use super::restore_error::RestoreError;
use super::signed::{BackupContent, SignedBackup};
use super::{compatible, native};
use crate::slh_dsa::{BadSignature, Context, Owner, PublicKey};

/// Why the owner of a key did not sign this backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The statement names another owner than that of the key.
    #[error("the statement is another owner's")]
    Owner,
    /// The statement has the SHA-256 of another envelope.
    #[error("the statement is about another envelope")]
    Envelope,
    /// The signature is not one of this key over this content.
    #[error(transparent)]
    Signature(#[from] BadSignature),
}

/// A backup whose owner's signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBackup {
    owner: Owner,
    backup: SignedBackup,
}

impl SignedBackup {
    /// Checks that the owner of this key signed the backup. Only this makes a [`VerifiedBackup`].
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(self, public_key: &PublicKey) -> Result<VerifiedBackup, VerifyError> {
        match self.content() {
            BackupContent::Compatible { .. } => {
                public_key.verify(Context::NONE, &self.digest(), self.signature())?;
            }
            BackupContent::Native { statement, .. } => {
                // These checks come first, since the signature costs a thousand times as much.
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

/// The content of a backup after it was restored.
pub struct Restored {
    /// The wallet's data, as it was backed up.
    pub archive: Archive,
    /// When a native backup was made, by the clock of its maker; compatible backups do not say it.
    pub created: Option<UnixSeconds>,
}

impl VerifiedBackup {
    /// The owner whose signature was verified.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// The backup that was verified.
    #[must_use]
    pub fn backup(&self) -> &SignedBackup {
        &self.backup
    }

    /// Decrypts the archive. For a native backup, the manifest must have the statement's counter
    /// and the archive's SHA-256.
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
