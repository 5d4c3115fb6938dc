//! Sealed records, which the store keeps and cannot read or alter (spec/storage.md §2).
//!
//! ```text
//! 0x01 || salt 32 || AES-256-GCM(key of the salt, nonce 0, AAD [table, key, number], content)
//! ```

use getrandom::rand_core::Rng;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use strongroom::aead;
use strongroom::os_rng;
use strongroom_store::Place;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const SALT_BYTES: usize = 32;
const HEAD_BYTES: usize = 1 + SALT_BYTES;

/// The record is not what this vault sealed for that place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the row of {place} was altered, or belongs elsewhere")]
pub(crate) struct RecordDamaged {
    pub(crate) place: Place,
}

/// Tells whole records from altered ones, without showing their content.
pub struct RecordCheck(Records);

impl RecordCheck {
    /// A check for the records of this root's vault.
    #[must_use]
    pub fn new(root: &strongroom_root::Root) -> Self {
        Self(Records::new(root.storage_key()))
    }

    /// Whether these bytes are what the vault sealed for that place.
    #[must_use]
    pub fn is_whole(&self, place: Place, record: &[u8]) -> bool {
        self.0.open(place, record).is_ok()
    }
}

/// Seals and opens records under the vault's storage key.
pub(crate) struct Records {
    storage_key: Zeroizing<[u8; 32]>,
}

impl Records {
    /// Seals and opens under this storage key.
    #[must_use]
    pub(crate) fn new(storage_key: Zeroizing<[u8; 32]>) -> Self {
        Self { storage_key }
    }

    /// Seals a record's content for one place.
    #[must_use]
    pub(crate) fn seal(&self, place: Place, mut content: Vec<u8>) -> Vec<u8> {
        let mut salt = [0; SALT_BYTES];
        os_rng().fill_bytes(&mut salt);
        let nonce = [0; aead::NONCE_BYTES];
        let tag = aead::seal_in_place(&self.key(&salt), &nonce, &aad(place), &mut content);
        let mut sealed = Vec::with_capacity(HEAD_BYTES + content.len() + tag.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(&content);
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// Opens the content that was sealed for this place.
    ///
    /// # Errors
    /// [`RecordDamaged`] where the record was altered or cut, or sealed for another place or vault.
    pub(crate) fn open(&self, place: Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, RecordDamaged> {
        let parts = || {
            let (version, rest) = sealed.split_first()?;
            let (salt, rest) = rest.split_first_chunk::<SALT_BYTES>()?;
            let (content, tag) = rest.split_last_chunk::<{ aead::TAG_BYTES }>()?;
            (*version == VERSION).then_some((salt, content, tag))
        };
        let (salt, content, tag) = parts().ok_or(RecordDamaged { place })?;
        let nonce = [0; aead::NONCE_BYTES];
        aead::open(&self.key(salt), &nonce, &aad(place), content, tag).map_err(|_| RecordDamaged { place })
    }

    /// HKDF-Expand (RFC 5869 §2.3) of one block: HMAC(storage, `strongroom/record/1` ‖ salt ‖ 1).
    /// Each salt gives a single-use key, so a zero nonce is safe, also with several replicas.
    fn key(&self, salt: &[u8; SALT_BYTES]) -> Zeroizing<[u8; 32]> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.storage_key[..]).expect("HMAC takes any key");
        Zeroizing::new(
            mac.chain_update(b"strongroom/record/1")
                .chain_update(salt)
                .chain_update([1])
                .finalize()
                .into_bytes()
                .into(),
        )
    }
}

/// The associated data of a place: deterministic CBOR [table, key, number].
fn aad(place: Place) -> Vec<u8> {
    let (table, key, number) = match &place {
        Place::Slot { slot, generation } => ("slot", slot.as_bytes(), *generation),
        Place::Head { backup, revision } => ("backup-series", &backup.0, *revision),
        Place::Version { backup, number } => ("backup-version", &backup.0, *number),
    };
    let mut out = Vec::with_capacity(64);
    let mut e = minicbor::Encoder::new(&mut out);
    e.array(3)
        .and_then(|e| e.str(table))
        .and_then(|e| e.bytes(key))
        .and_then(|e| e.u64(number))
        .expect("writing to memory does not fail");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom::SlotId;
    use strongroom_store::Tag;

    fn records() -> Records {
        Records::new(Zeroizing::new([1; 32]))
    }

    fn slot(n: u8, generation: u64) -> Place {
        Place::Slot { slot: SlotId::from_bytes([n; 32]), generation }
    }

    #[test]
    fn a_record_opens_in_its_place_only() {
        let backup = Tag([4; 32]);
        let places = [
            slot(4, 7),
            slot(5, 7),
            slot(4, 8),
            Place::Head { backup, revision: 7 },
            Place::Head { backup, revision: 8 },
            Place::Version { backup, number: 7 },
            Place::Version { backup, number: 8 },
            Place::Version { backup: Tag([5; 32]), number: 7 },
        ];
        for sealed_for in places {
            let sealed = records().seal(sealed_for, b"content".to_vec());
            for place in places {
                let opened = records().open(place, &sealed).map(|content| content.to_vec());
                let expected =
                    if place == sealed_for { Ok(b"content".to_vec()) } else { Err(RecordDamaged { place }) };
                assert_eq!(opened, expected, "{sealed_for:?} as {place:?}");
            }
            let other_vault = Records::new(Zeroizing::new([2; 32]));
            assert!(other_vault.open(sealed_for, &sealed).is_err());
        }
    }

    #[test]
    fn any_altered_byte_is_noticed() {
        let sealed = records().seal(slot(4, 1), b"content".to_vec());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(records().open(slot(4, 1), &altered).is_err(), "byte {at}");
            assert!(records().open(slot(4, 1), &sealed[..at]).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn two_seals_of_one_record_share_no_key() {
        let [a, b] = [(); 2].map(|()| records().seal(slot(4, 1), b"content".to_vec()));
        assert_ne!(a[1..HEAD_BYTES], b[1..HEAD_BYTES]);
        assert_ne!(a[HEAD_BYTES..], b[HEAD_BYTES..]);
    }
}
