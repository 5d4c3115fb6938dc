//! Look-up tags: HMACs under the index key, so that the database finds without knowing.

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
    /// With the root's index key.
    #[must_use]
    pub(crate) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self { key }
    }

    /// The tag of a KEM ciphertext that is addressed to the vault, whatever format it came in.
    #[must_use]
    pub(crate) fn held(&self, ciphertext: &Ciphertext) -> Tag {
        self.tag(b"kem-ciphertext", ciphertext)
    }

    /// The tag of a principal.
    #[must_use]
    pub(crate) fn principal(&self, principal: &Principal) -> Tag {
        let bytes = minicbor::to_vec(principal).expect("writing to memory does not fail");
        self.tag(b"principal", &bytes)
    }

    /// The tag of who owns backups.
    #[must_use]
    pub(crate) fn backup_owner(&self, owner: Owner) -> Tag {
        self.tag(b"backup-owner", owner.as_bytes())
    }

    /// The tag of what an owner keeps under a name.
    #[must_use]
    pub(crate) fn backup(&self, owner: Owner, user_id: UserId) -> Tag {
        self.tag(b"backup-series", &[&owner.as_bytes()[..], &user_id.as_bytes()[..]].concat())
    }

    /// The tag of a payload that an owner uploaded.
    #[must_use]
    pub(crate) fn backup_payload(&self, owner: Owner, digest: &[u8; 32]) -> Tag {
        self.tag(b"backup-payload", [*owner.as_bytes(), *digest].as_flattened())
    }

    /// A name for the log, by which requests of one client are told from others' and nobody is found.
    #[must_use]
    pub(crate) fn log_name(&self, label: &[u8], value: &[u8]) -> String {
        hex::encode(&self.tag(label, value).0[..6])
    }

    fn tag(&self, label: &[u8], value: &[u8]) -> Tag {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key[..]).expect("HMAC takes any key");
        Tag(mac.chain_update(label).chain_update(value).finalize().into_bytes().into())
    }
}
