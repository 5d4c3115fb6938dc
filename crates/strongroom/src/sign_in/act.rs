//! Acts: what a request does, and the resource that names it in a statement.

use crate::backup::UserId;
use crate::key::Recipient;
use crate::slot::SlotId;
use sha2::{Digest, Sha256};

/// The prefix of the resources that are checked here. All others are ignored.
pub(super) const URN: &str = "urn:strongroom:";

/// What a request does. A statement for one act is not accepted for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act {
    /// Store a secret.
    Store {
        /// SHA-256 of the request's body.
        body_sha256: [u8; 32],
    },
    /// Have the vault open the secret in a slot.
    Access(SlotId),
    /// Fetch the sealed secret of a slot.
    Envelope(SlotId),
    /// List the slots of the signer.
    Slots,
    /// Replace the sealed secret of a slot.
    Put {
        /// The slot that the act is about.
        slot: SlotId,
        /// SHA-256 of the request's body.
        body_sha256: [u8; 32],
    },
    /// Delete a slot.
    Delete(SlotId),
    /// Have the vault open the secret in a slot, and seal the answer to a key.
    SealTo {
        /// The slot that the act is about.
        slot: SlotId,
        /// SHA-256 of the key's kem_id (u16, big-endian) and bytes.
        key_sha256: [u8; 32],
    },
    /// List and read the backups of the signer.
    Backups,
    /// Delete the backup of this name.
    DeleteBackup(UserId),
}

impl Act {
    /// The act of storing `body`.
    #[must_use]
    pub fn store(body: &[u8]) -> Self {
        Self::Store { body_sha256: Sha256::digest(body).into() }
    }

    /// The act of replacing the payload of `slot` by `body`.
    #[must_use]
    pub fn put(slot: SlotId, body: &[u8]) -> Self {
        Self::Put { slot, body_sha256: Sha256::digest(body).into() }
    }

    /// The act of having `slot` opened and sealed to `recipient`.
    #[must_use]
    pub fn seal_to(slot: SlotId, recipient: &Recipient) -> Self {
        let key_sha256 = Sha256::new()
            .chain_update(recipient.kem_id().to_be_bytes())
            .chain_update(recipient.as_bytes())
            .finalize()
            .into();
        Self::SealTo { slot, key_sha256 }
    }

    /// The resource that names the act in a statement.
    #[must_use]
    pub fn resource(&self) -> String {
        match self {
            Self::Store { body_sha256 } => format!("{URN}store:{}", hex::encode(body_sha256)),
            Self::Access(slot) => format!("{URN}access:{slot}"),
            Self::Envelope(slot) => format!("{URN}envelope:{slot}"),
            Self::Slots => format!("{URN}slots"),
            Self::Put { slot, body_sha256 } => format!("{URN}put:{slot}:{}", hex::encode(body_sha256)),
            Self::Delete(slot) => format!("{URN}delete:{slot}"),
            Self::SealTo { slot, key_sha256 } => format!("{URN}seal-to:{slot}:{}", hex::encode(key_sha256)),
            Self::Backups => format!("{URN}backups"),
            Self::DeleteBackup(user_id) => format!("{URN}backup-delete:{user_id}"),
        }
    }

    /// Whether a statement must name this act among its resources.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        matches!(self, Self::Put { .. } | Self::Delete(_) | Self::SealTo { .. } | Self::DeleteBackup(_))
    }
}
