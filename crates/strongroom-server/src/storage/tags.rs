//! Look-up tags: HMACs under the index key. The database finds rows by them without learning what
//! they stand for.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use strongroom::Ciphertext;
use strongroom::backup::UserId;
use strongroom::principal::Principal;
use strongroom::slh_dsa::Owner;
use strongroom_store::Tag;
use zeroize::Zeroizing;

/// Makes tags under the root's index key.
pub(crate) struct Tags {
    key: Zeroizing<[u8; 32]>,
}

impl Tags {
    /// Tags under this index key.
    #[must_use]
    pub(crate) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self { key }
    }

    /// The tag of a KEM ciphertext to the vault. It is the same in every payload format.
    #[must_use]
    pub(crate) fn held(&self, ciphertext: &Ciphertext) -> Tag {
        self.tag(b"kem-ciphertext", ciphertext)
    }

    /// The tag of a reader or an owner.
    #[must_use]
    pub(crate) fn principal(&self, principal: &Principal) -> Tag {
        let bytes = minicbor::to_vec(principal).expect("writing to memory does not fail");
        self.tag(b"principal", &bytes)
    }

    /// The tag of an owner of backups.
    #[must_use]
    pub(crate) fn backup_owner(&self, owner: Owner) -> Tag {
        self.tag(b"backup-owner", owner.as_bytes())
    }

    /// The tag of the backup that an owner keeps under a user id.
    #[must_use]
    pub(crate) fn backup(&self, owner: Owner, user_id: UserId) -> Tag {
        self.tag(b"backup-series", &[&owner.as_bytes()[..], &user_id.as_bytes()[..]].concat())
    }

    /// The tag of a compatible payload that an owner has uploaded.
    #[must_use]
    pub(crate) fn backup_payload(&self, owner: Owner, digest: &[u8; 32]) -> Tag {
        self.tag(b"backup-payload", [*owner.as_bytes(), *digest].as_flattened())
    }

    /// A name for the log, 12 hex digits. It tells one client's requests from others', and does not
    /// show who the client is.
    #[must_use]
    pub(crate) fn log_name(&self, label: &[u8], value: &[u8]) -> String {
        hex::encode(&self.tag(label, value).0[..6])
    }

    fn tag(&self, label: &[u8], value: &[u8]) -> Tag {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key[..]).expect("HMAC takes any key");
        Tag(mac.chain_update(label).chain_update(value).finalize().into_bytes().into())
    }
}
