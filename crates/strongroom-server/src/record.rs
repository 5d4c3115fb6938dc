//! A slot's record, sealed: what the store keeps and cannot read or alter (spec/access.md, "Records").
//!
//! ```text
//! 1 || salt 32 || AES-256-GCM(key of the salt, nonce 0, AAD [table, slot, generation], CBOR)
//! ```

use getrandom::rand_core::Rng;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use strongroom::aead;
use strongroom::envelope::Envelope;
use strongroom::principal::Principal;
use strongroom::{Sealed, SealedError, SlotId, w3pk};
use strongroom_store::UnixSeconds;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const SALT_BYTES: usize = 32;
const HEAD_BYTES: usize = 1 + SALT_BYTES;
const TABLE: &str = "slot";
/// 1, of development builds, had one owner and no envelopes.
const CONTENT_VERSION: u8 = 2;
/// w3pk JSON, of either shape.
const FORMAT_W3PK: u8 = 1;
/// A native envelope's bytes.
const FORMAT_ENVELOPE: u8 = 2;

/// What a slot holds, in the one way that we write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// As JSON.
    W3pk(String),
    /// As bytes.
    Envelope(Vec<u8>),
}

impl Kept {
    /// The one way to write a sealed secret.
    pub(crate) fn of(sealed: &Sealed) -> Self {
        match sealed {
            Sealed::W3pk(payload) => Self::W3pk(payload.to_json()),
            Sealed::Envelope(envelope) => Self::Envelope(envelope.as_bytes().to_vec()),
        }
    }

    fn parts(&self) -> (u8, &[u8]) {
        match self {
            Self::W3pk(json) => (FORMAT_W3PK, json.as_bytes()),
            Self::Envelope(bytes) => (FORMAT_ENVELOPE, bytes),
        }
    }

    fn from_parts(format: u8, bytes: &[u8]) -> Option<Self> {
        match format {
            FORMAT_W3PK => String::from_utf8(bytes.to_vec()).ok().map(Self::W3pk),
            FORMAT_ENVELOPE => Some(Self::Envelope(bytes.to_vec())),
            _ => None,
        }
    }
}

/// What a slot holds, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// What was sealed.
    pub(crate) kept: Kept,
    /// Who may read, ascending, each once.
    pub(crate) readers: Vec<Principal>,
    /// Who may replace and delete, ascending, each once.
    pub(crate) owners: Vec<Principal>,
    /// When the slot was first stored.
    pub(crate) created_at: UnixSeconds,
    /// When the slot ends, if it does.
    pub(crate) expires_at: Option<UnixSeconds>,
    /// Whether the vault is among the recipients.
    pub(crate) openable: bool,
}

/// The record is not what this vault sealed for that slot and generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the row of slot {slot} was altered, or belongs elsewhere")]
pub(crate) struct RecordDamaged {
    slot: SlotId,
}

impl Record {
    /// Whether the slot has ended.
    #[must_use]
    pub(crate) fn has_expired(&self, now: UnixSeconds) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether somebody may know of the slot: a reader, or an owner.
    #[must_use]
    pub(crate) fn concerns(&self, principal: Principal) -> bool {
        self.readers.contains(&principal) || self.owners.contains(&principal)
    }

    /// What was sealed, read again.
    ///
    /// # Errors
    /// None that a record of ours can have.
    pub(crate) fn sealed(&self) -> Result<Sealed, SealedError> {
        Ok(match &self.kept {
            Kept::W3pk(json) => Sealed::W3pk(w3pk::Sealed::from_json(json.as_bytes())?),
            Kept::Envelope(bytes) => Sealed::Envelope(Envelope::parse(bytes.clone())?),
        })
    }

    fn encode(&self) -> Vec<u8> {
        let (format, bytes) = self.kept.parts();
        let mut out = Vec::with_capacity(bytes.len() + 64 + 36 * (self.readers.len() + self.owners.len()));
        let mut e = minicbor::Encoder::new(&mut out);
        let written: Result<_, minicbor::encode::Error<std::convert::Infallible>> = (|| {
            e.array(8)?.u8(CONTENT_VERSION)?.u8(format)?.bytes(bytes)?;
            e.encode(&self.readers)?.encode(&self.owners)?;
            e.i64(self.created_at)?.encode(self.expires_at)?.bool(self.openable)?.ok()
        })();
        written.expect("writing to memory does not fail");
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut d = minicbor::Decoder::new(bytes);
        if (d.array().ok()?, d.u8().ok()?) != (Some(8), CONTENT_VERSION) {
            return None;
        }
        let format = d.u8().ok()?;
        let record = Self {
            kept: Kept::from_parts(format, d.bytes().ok()?)?,
            readers: d.decode().ok()?,
            owners: d.decode().ok()?,
            created_at: d.i64().ok()?,
            expires_at: d.decode().ok()?,
            openable: d.bool().ok()?,
        };
        (d.position() == bytes.len()).then_some(record)
    }
}

/// Tells whole records from altered ones, without showing what is in them.
pub struct RecordCheck(Records);

impl RecordCheck {
    /// For the records of this root's vault.
    #[must_use]
    pub fn new(root: &strongroom_enclave::Root) -> Self {
        Self(Records::new(root.storage_key()))
    }

    /// Whether these bytes are what the vault sealed for that slot and generation.
    #[must_use]
    pub fn is_whole(&self, slot: SlotId, generation: u64, record: &[u8]) -> bool {
        self.0.open(record, slot, generation).is_ok()
    }
}

/// Seals and opens records under the vault's storage key.
pub(crate) struct Records {
    storage_key: Zeroizing<[u8; 32]>,
}

impl Records {
    /// With the root's storage key.
    #[must_use]
    pub(crate) fn new(storage_key: Zeroizing<[u8; 32]>) -> Self {
        Self { storage_key }
    }

    /// Seals a record for one place.
    #[must_use]
    pub(crate) fn seal(&self, record: &Record, slot: SlotId, generation: u64) -> Vec<u8> {
        let mut salt = [0; SALT_BYTES];
        crate::rng().fill_bytes(&mut salt);
        let mut content = record.encode();
        let tag = aead::seal_in_place(
            &self.key(&salt),
            &[0; aead::NONCE_BYTES],
            &aad(slot, generation),
            &mut content,
        );
        let mut sealed = Vec::with_capacity(HEAD_BYTES + content.len() + tag.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(&content);
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`RecordDamaged`]: altered, cut, or sealed for another slot, generation or vault.
    pub(crate) fn open(&self, sealed: &[u8], slot: SlotId, generation: u64) -> Result<Record, RecordDamaged> {
        let parts = || {
            let (version, rest) = sealed.split_first()?;
            let (salt, rest) = rest.split_first_chunk::<SALT_BYTES>()?;
            let (content, tag) = rest.split_last_chunk::<{ aead::TAG_BYTES }>()?;
            (*version == VERSION).then_some((salt, content, tag))
        };
        let (salt, content, tag) = parts().ok_or(RecordDamaged { slot })?;
        let nonce = [0; aead::NONCE_BYTES];
        let content = aead::open(&self.key(salt), &nonce, &aad(slot, generation), content, tag)
            .map_err(|_| RecordDamaged { slot })?;
        Record::decode(&content).ok_or(RecordDamaged { slot })
    }

    /// HKDF-Expand (RFC 5869 §2.3) of one block: HMAC(storage, `strongroom/record/1` ‖ salt ‖ 1). A key of its own for
    /// each record, so the nonce is zero and replicas share none.
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

/// Deterministic CBOR [table, slot, generation].
fn aad(slot: SlotId, generation: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    let mut e = minicbor::Encoder::new(&mut out);
    e.array(3)
        .and_then(|e| e.str(TABLE))
        .and_then(|e| e.bytes(slot.as_bytes()))
        .and_then(|e| e.u64(generation))
        .expect("writing to memory does not fail");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom::principal::WalletAddress;

    fn records() -> Records {
        Records::new(Zeroizing::new([1; 32]))
    }

    fn record() -> Record {
        Record {
            kept: Kept::W3pk("{}".to_owned()),
            readers: vec![
                WalletAddress::from_bytes([2; 20]).into(),
                WalletAddress::from_bytes([3; 20]).into(),
            ],
            owners: vec![WalletAddress::from_bytes([2; 20]).into()],
            created_at: 1,
            expires_at: None,
            openable: true,
        }
    }

    const SLOT: SlotId = SlotId::from_bytes([4; 32]);

    #[test]
    fn a_record_opens_in_its_place_only() {
        let sealed = records().seal(&record(), SLOT, 7);
        assert_eq!(records().open(&sealed, SLOT, 7), Ok(record()));
        let damaged = |slot| Err(RecordDamaged { slot });
        let other_slot = SlotId::from_bytes([5; 32]);
        assert_eq!(records().open(&sealed, other_slot, 7), damaged(other_slot));
        assert_eq!(records().open(&sealed, SLOT, 8), damaged(SLOT));
        let other_vault = Records::new(Zeroizing::new([2; 32]));
        assert_eq!(other_vault.open(&sealed, SLOT, 7), damaged(SLOT));
    }

    #[test]
    fn any_altered_byte_is_noticed() {
        let sealed = records().seal(&record(), SLOT, 1);
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(records().open(&altered, SLOT, 1).is_err(), "byte {at}");
            assert!(records().open(&sealed[..at], SLOT, 1).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn two_seals_of_one_record_share_no_key() {
        let [a, b] = [records().seal(&record(), SLOT, 1), records().seal(&record(), SLOT, 1)];
        assert_ne!(a[1..HEAD_BYTES], b[1..HEAD_BYTES]);
    }

    #[test]
    fn all_fields_come_back() {
        let kept = Kept::Envelope(vec![0, 255]);
        let full = Record { kept, owners: vec![], expires_at: Some(-5), openable: false, ..record() };
        assert_eq!(Record::decode(&full.encode()), Some(full.clone()));
        let mut longer = full.encode();
        longer.push(0);
        assert_eq!(Record::decode(&longer), None);
    }
}
