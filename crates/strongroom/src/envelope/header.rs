//! Magic, header and its MAC: read strictly, written in one way (spec/envelope.md §4).

use super::wrap::{FILE_KEY_BYTES, FileKey, WRAPPED_BYTES};
use crate::kem;
use crate::key::{IdentityRef, KeyId, Recipient};
use crate::open_error::OpenError;
use crate::policy::{EnvelopePolicy, EnvelopePolicyError, MAX_POLICY_BYTES};
use hmac::{Hmac, KeyInit, Mac};
use minicbor::{Decoder, Encoder};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::convert::Infallible;
use std::io::{self, Read};

/// The first eight bytes of every envelope.
pub const MAGIC: &[u8; 8] = b"SRENV\0\0\x01";
/// Bytes of [`MAGIC`] that other versions share.
const FAMILY_BYTES: usize = 5;
/// Bytes of a header.
pub const MAX_HEADER_BYTES: usize = 1024 * 1024;
/// Stanzas, and so recipients, of an envelope.
pub const MAX_RECIPIENTS: usize = 512;
/// Bytes of an envelope's id.
pub const ENVELOPE_ID_BYTES: usize = 16;
const MAC_BYTES: usize = 32;
const LENGTH_BYTES: usize = 4;
const PREFIX_BYTES: usize = MAGIC.len() + LENGTH_BYTES;
const VERSION: u8 = 1;

/// Why bytes are no envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Another magic.
    #[error("this is no Strongroom envelope")]
    NotAnEnvelope,
    /// A version that this one does not know.
    #[error("the envelope is of an unknown version: a newer Strongroom may open it")]
    UnknownVersion,
    /// `header_len` is 0, or more than [`MAX_HEADER_BYTES`].
    #[error("the header is said to have {bytes} bytes, and may have 1 to {MAX_HEADER_BYTES}")]
    HeaderLength {
        /// What is said.
        bytes: u32,
    },
    /// It ends before its payload begins.
    #[error("the envelope is cut short")]
    Truncated,
    /// No CBOR of the header's shape, or not in its one encoding.
    #[error("the header is not deterministic CBOR of an envelope's shape")]
    Encoding,
    /// The policy is none.
    #[error(transparent)]
    Policy(#[from] EnvelopePolicyError),
    /// A threshold, which no version defines yet.
    #[error("the envelope has a threshold, which this version does not know: a newer Strongroom may open it")]
    UnknownThreshold,
    /// A KEM that this version does not know.
    #[error("a recipient's KEM {kem_id:#06x} is unknown: a newer Strongroom may open it")]
    UnknownKem {
        /// HPKE's code point.
        kem_id: u64,
    },
    /// No stanza, or more than [`MAX_RECIPIENTS`].
    #[error("the envelope names {count} recipients, and may name 1 to {MAX_RECIPIENTS}")]
    Recipients {
        /// How many it says that there are.
        count: u64,
    },
    /// Two stanzas for one key.
    #[error("the envelope names a recipient twice")]
    RepeatedRecipient,
    /// The armor is none.
    #[error("the armor is not 64 columns of base64 between its two lines")]
    Armor,
}

/// Why no envelope was read from a stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The stream failed.
    #[error("the envelope cannot be read")]
    Io(#[source] io::Error),
    /// What it gave is no envelope.
    #[error(transparent)]
    Parse(#[from] EnvelopeError),
}

/// Armor in between wraps its refusal into an I/O error.
impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(refusal) => Self::Parse(*refusal),
            None => Self::Io(error),
        }
    }
}

/// What a stanza says without a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stanza {
    kem_id: u16,
    key_id: KeyId,
    enc: Vec<u8>,
    wrapped: [u8; WRAPPED_BYTES],
}

impl Stanza {
    /// HPKE's code point of the KEM.
    #[must_use]
    pub fn kem_id(&self) -> u16 {
        self.kem_id
    }

    /// For which key it claims to be.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The KEM ciphertext, which HPKE calls `enc`: 1,568 or 1,665 bytes.
    #[must_use]
    pub fn enc(&self) -> &[u8] {
        &self.enc
    }

    /// The wrapped file key: 48 bytes.
    #[must_use]
    pub fn wrapped(&self) -> &[u8; WRAPPED_BYTES] {
        &self.wrapped
    }

    fn is_for(&self, key: &IdentityRef<'_>) -> bool {
        (self.kem_id, self.key_id) == (key.kem_id(), key.id())
    }

    fn seal(recipient: &Recipient, file_key: &FileKey, binding: &Binding, rng: &mut impl CryptoRng) -> Self {
        let (enc, wrapped) = file_key.wrap(recipient, binding, rng);
        Self { kem_id: recipient.kem_id(), key_id: recipient.id(), enc, wrapped }
    }
}

/// SHA-256 over version, id, policy and threshold: what stanzas and payload are bound to.
pub(crate) type Binding = [u8; 32];

/// What an envelope says before its payload. Nothing in it is to be believed before a key has opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    envelope_id: [u8; ENVELOPE_ID_BYTES],
    policy: EnvelopePolicy,
    stanzas: Vec<Stanza>,
}

impl Header {
    /// 16 random bytes that name the envelope; rewrapping keeps them.
    #[must_use]
    pub fn envelope_id(&self) -> &[u8; ENVELOPE_ID_BYTES] {
        &self.envelope_id
    }

    /// Who may open it, where, and when.
    #[must_use]
    pub fn policy(&self) -> &EnvelopePolicy {
        &self.policy
    }

    /// One a recipient, 1 to [`MAX_RECIPIENTS`].
    #[must_use]
    pub fn stanzas(&self) -> &[Stanza] {
        &self.stanzas
    }

    /// The stanza that claims to be for a key.
    #[must_use]
    pub fn stanza_for<'k>(&self, key: impl Into<IdentityRef<'k>>) -> Option<&Stanza> {
        let key = key.into();
        self.stanzas.iter().find(|stanza| stanza.is_for(&key))
    }

    fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let header = Self::read(&mut Decoder::new(bytes))?;
        // One encoding: shortest heads, definite lengths, nothing after.
        if header.encode() == bytes { Ok(header) } else { Err(EnvelopeError::Encoding) }
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, EnvelopeError> {
        let encoding = |_| EnvelopeError::Encoding;
        let items = d.array().map_err(encoding)?.ok_or(EnvelopeError::Encoding)?;
        if d.u64().map_err(encoding)? != u64::from(VERSION) {
            return Err(EnvelopeError::UnknownVersion);
        }
        if items != 5 {
            return Err(EnvelopeError::Encoding);
        }
        let envelope_id = d.bytes().map_err(encoding)?.try_into().map_err(|_| EnvelopeError::Encoding)?;
        let policy = EnvelopePolicy::decode(d.bytes().map_err(encoding)?)?;
        if d.datatype().map_err(encoding)? != minicbor::data::Type::Null {
            return Err(EnvelopeError::UnknownThreshold);
        }
        d.null().map_err(encoding)?;
        let count = d.array().map_err(encoding)?.ok_or(EnvelopeError::Encoding)?;
        if !(1..=MAX_RECIPIENTS as u64).contains(&count) {
            return Err(EnvelopeError::Recipients { count });
        }
        let stanzas = (0..count).map(|_| stanza(d)).collect::<Result<Vec<_>, _>>()?;
        let mut names = HashSet::with_capacity(stanzas.len());
        if !stanzas.iter().all(|stanza| names.insert((stanza.kem_id, stanza.key_id))) {
            return Err(EnvelopeError::RepeatedRecipient);
        }
        Ok(Self { envelope_id, policy, stanzas })
    }

    fn encode(&self) -> Vec<u8> {
        let enc_bytes: usize = self.stanzas.iter().map(|stanza| stanza.enc.len() + 128).sum();
        let mut bytes = Vec::with_capacity(enc_bytes + 256);
        let written: Result<(), minicbor::encode::Error<Infallible>> = (|| {
            Encoder::new(&mut bytes).array(5)?;
            self.write_bound(&mut bytes)?;
            let mut e = Encoder::new(&mut bytes);
            e.array(self.stanzas.len() as u64)?;
            for stanza in &self.stanzas {
                e.array(4)?.u16(stanza.kem_id)?.bytes(stanza.key_id.as_bytes())?;
                e.bytes(&stanza.enc)?.bytes(&stanza.wrapped)?;
            }
            Ok(())
        })();
        written.expect("writing to memory does not fail");
        bytes
    }

    /// Version, id, policy and threshold: the items that are bound.
    fn write_bound(&self, bytes: &mut Vec<u8>) -> Result<(), minicbor::encode::Error<Infallible>> {
        let policy = self.policy.encode().expect("a header's policy was encoded before");
        let mut e = Encoder::new(bytes);
        e.u8(VERSION)?.bytes(&self.envelope_id)?.bytes(&policy)?.null()?;
        Ok(())
    }

    fn binding(&self) -> Binding {
        let mut bytes = Vec::with_capacity(256);
        let written: Result<(), minicbor::encode::Error<Infallible>> = (|| {
            Encoder::new(&mut bytes).array(4)?;
            self.write_bound(&mut bytes)
        })();
        written.expect("writing to memory does not fail");
        Sha256::new().chain_update(b"strongroom/envelope/1 binding").chain_update(&bytes).finalize().into()
    }
}

fn stanza(d: &mut Decoder<'_>) -> Result<Stanza, EnvelopeError> {
    let encoding = |_| EnvelopeError::Encoding;
    if d.array().map_err(encoding)? != Some(4) {
        return Err(EnvelopeError::Encoding);
    }
    let kem_id = d.u64().map_err(encoding)?;
    let (kem_id, enc_bytes) = match u16::try_from(kem_id) {
        Ok(kem::KEM_ID) => (kem::KEM_ID, kem::CIPHERTEXT_BYTES),
        Ok(kem::HYBRID_KEM_ID) => (kem::HYBRID_KEM_ID, kem::HYBRID_CIPHERTEXT_BYTES),
        _ => return Err(EnvelopeError::UnknownKem { kem_id }),
    };
    let key_id = d.bytes().map_err(encoding)?.try_into().map_err(|_| EnvelopeError::Encoding)?;
    let enc = d.bytes().map_err(encoding)?;
    if enc.len() != enc_bytes {
        return Err(EnvelopeError::Encoding);
    }
    let wrapped = d.bytes().map_err(encoding)?.try_into().map_err(|_| EnvelopeError::Encoding)?;
    Ok(Stanza { kem_id, key_id: KeyId::from_bytes(key_id), enc: enc.to_vec(), wrapped })
}

/// Everything before the payload: magic, length, header, MAC, with the bytes that the MAC is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    header: Header,
    binding: Binding,
    bytes: Vec<u8>,
}

impl Head {
    /// Reads up to the payload. Nothing is allocated for a length before it is within bounds, nor for more than the
    /// stream gives.
    pub(crate) fn read(input: &mut impl Read) -> Result<Self, ReadError> {
        let mut bytes = Vec::with_capacity(4096);
        let magic_bytes = input.by_ref().take(MAGIC.len() as u64).read_to_end(&mut bytes)?;
        check_magic(&bytes[..magic_bytes])?;
        fill(input, &mut bytes, LENGTH_BYTES)?;
        let rest = header_bytes(&bytes)? + MAC_BYTES;
        fill(input, &mut bytes, rest)?;
        Ok(Self::from_checked(bytes)?)
    }

    /// The head of an envelope in memory, and its payload.
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), EnvelopeError> {
        check_magic(&bytes[..bytes.len().min(MAGIC.len())])?;
        let end = PREFIX_BYTES + header_bytes(bytes)? + MAC_BYTES;
        let (head, payload) = bytes.split_at_checked(end).ok_or(EnvelopeError::Truncated)?;
        Ok((Self::from_checked(head.to_vec())?, payload))
    }

    fn from_checked(bytes: Vec<u8>) -> Result<Self, EnvelopeError> {
        let header = Header::decode(&bytes[PREFIX_BYTES..bytes.len() - MAC_BYTES])?;
        let binding = header.binding();
        Ok(Self { header, binding, bytes })
    }

    /// A new envelope's head. The recipients have been checked, and the policy has been encoded once.
    pub(crate) fn seal(
        file_key: &FileKey,
        policy: EnvelopePolicy,
        recipients: &[Recipient],
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut envelope_id = [0; ENVELOPE_ID_BYTES];
        rng.fill_bytes(&mut envelope_id);
        let mut header = Header { envelope_id, policy, stanzas: Vec::new() };
        let binding = header.binding();
        header.stanzas =
            recipients.iter().map(|recipient| Stanza::seal(recipient, file_key, &binding, rng)).collect();
        Self::write(header, binding, file_key)
    }

    /// The same envelope's head with other stanzas.
    pub(crate) fn rewrap(
        &self,
        file_key: &FileKey,
        add: &[Recipient],
        keep: impl Fn(&Stanza) -> bool,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut header = self.header.clone();
        header.stanzas.retain(keep);
        let added = add.iter().map(|recipient| Stanza::seal(recipient, file_key, &self.binding, rng));
        header.stanzas.extend(added);
        Self::write(header, self.binding, file_key)
    }

    fn write(header: Header, binding: Binding, file_key: &FileKey) -> Self {
        let encoded = header.encode();
        let mut bytes = Vec::with_capacity(PREFIX_BYTES + encoded.len() + MAC_BYTES);
        bytes.extend_from_slice(MAGIC);
        let length = u32::try_from(encoded.len()).expect("512 stanzas and a policy are less than 1 MiB");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&encoded);
        let mac = mac(file_key, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac);
        Self { header, binding, bytes }
    }

    /// Takes the file key out with the first of the keys that a stanza is for, and checks the MAC with it.
    pub(crate) fn open<'k>(
        &self,
        keys: impl IntoIterator<Item = IdentityRef<'k>>,
    ) -> Result<FileKey, OpenError> {
        let (key, stanza) = keys
            .into_iter()
            .find_map(|key| Some((key, self.header.stanza_for(key)?)))
            .ok_or(OpenError::NotMine)?;
        let file_key = FileKey::unwrap(key, &stanza.enc, &stanza.wrapped, &self.binding)?;
        let (covered, mac_bytes) = self.bytes.split_at(self.bytes.len() - MAC_BYTES);
        // Constant time. Without it, who keeps the bytes could drop, add and move stanzas.
        mac(&file_key, covered).verify_slice(mac_bytes).map_err(|_| OpenError::Damaged)?;
        Ok(file_key)
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Magic, length, header and MAC.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn mac(file_key: &FileKey, covered: &[u8]) -> Hmac<Sha256> {
    let key = file_key.expand(b"strongroom/envelope/1 header");
    Hmac::<Sha256>::new_from_slice(&key[..]).expect("HMAC takes any key").chain_update(covered)
}

fn check_magic(bytes: &[u8]) -> Result<(), EnvelopeError> {
    if bytes == MAGIC {
        return Ok(());
    }
    let is_family = bytes.len() == MAGIC.len() && bytes.starts_with(&MAGIC[..FAMILY_BYTES]);
    let cut = !bytes.is_empty() && MAGIC.starts_with(bytes);
    Err(match (is_family, cut) {
        (true, _) => EnvelopeError::UnknownVersion,
        (_, true) => EnvelopeError::Truncated,
        _ => EnvelopeError::NotAnEnvelope,
    })
}

/// `header_len`, within its bounds.
fn header_bytes(bytes: &[u8]) -> Result<usize, EnvelopeError> {
    let length = bytes.get(MAGIC.len()..PREFIX_BYTES).ok_or(EnvelopeError::Truncated)?;
    let bytes = u32::from_be_bytes(length.try_into().expect("the range is as long as a u32"));
    if (1..=MAX_HEADER_BYTES as u32).contains(&bytes) {
        Ok(bytes as usize)
    } else {
        Err(EnvelopeError::HeaderLength { bytes })
    }
}

/// Appends exactly `count` bytes; the buffer grows with what is there.
fn fill(input: &mut impl Read, bytes: &mut Vec<u8>, count: usize) -> Result<(), ReadError> {
    let got = input.by_ref().take(count as u64).read_to_end(bytes)?;
    if got == count { Ok(()) } else { Err(EnvelopeError::Truncated.into()) }
}

const _: () = assert!(WRAPPED_BYTES == FILE_KEY_BYTES + 16);
// Heads of a stanza take less than 128 bytes with key id and wrapped key, those of the header less than 64.
const _: () =
    assert!(MAX_RECIPIENTS * (kem::HYBRID_CIPHERTEXT_BYTES + 128) + MAX_POLICY_BYTES + 64 < MAX_HEADER_BYTES);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{DecapsulationKey, Identity};
    use strongroom_testkit::rng;

    fn identities() -> [Identity; 3] {
        [1, 2, 3].map(|n| DecapsulationKey::from_seed(&[n; 64]).into())
    }

    fn sealed(file_key: &FileKey, label: &str) -> Head {
        let policy = EnvelopePolicy { label: Some(label.to_owned()), ..EnvelopePolicy::default() };
        Head::seal(file_key, policy, &identities().map(|identity| identity.recipient()), &mut rng())
    }

    /// The head with another header and the MAC that it had: what somebody without the file key can make.
    fn edited(head: &Head, edit: impl FnOnce(&mut Header)) -> Head {
        let mut header = head.header.clone();
        edit(&mut header);
        let encoded = header.encode();
        let length = u32::try_from(encoded.len()).expect("short").to_be_bytes();
        let mac = &head.bytes[head.bytes.len() - MAC_BYTES..];
        let bytes = [&MAGIC[..], &length, &encoded, mac].concat();
        Head::parse(&bytes).expect("well-formed").0
    }

    fn refusal(head: &Head, identity: usize) -> Option<OpenError> {
        head.open([(&identities()[identity]).into()]).err()
    }

    type Edit<'a> = &'a dyn Fn(&mut Header);

    /// Rests on `verify_slice` in `Head::open`.
    #[test]
    fn nobody_without_the_file_key_adds_drops_moves_or_alters_a_stanza() {
        let file_key = FileKey::random(&mut rng());
        let head = sealed(&file_key, "a");
        assert_eq!(refusal(&head, 0), None);
        let stranger = DecapsulationKey::from_seed(&[9; 64]).encapsulation_key().into();
        let other = Stanza::seal(&stranger, &FileKey::random(&mut rng()), &head.binding, &mut rng());
        let edits: [(&str, Edit<'_>); 6] = [
            ("added", &|header| header.stanzas.push(other.clone())),
            ("dropped", &|header| drop(header.stanzas.pop())),
            ("moved", &|header| header.stanzas.swap(1, 2)),
            ("replaced", &|header| header.stanzas[2] = other.clone()),
            ("renamed", &|header| header.stanzas[2].key_id = KeyId::from_bytes([0; 16])),
            ("altered", &|header| header.stanzas[2].wrapped[0] ^= 1),
        ];
        for (name, edit) in edits {
            assert_eq!(refusal(&edited(&head, edit), 0), Some(OpenError::Damaged), "{name}");
        }
    }

    /// Rests on `binding` being the wrap's associated data: the MAC is made anew here, by a recipient who knows the file
    /// key, and the others notice all the same.
    #[test]
    fn not_even_a_recipient_edits_policy_or_id_under_the_others_stanzas() {
        let file_key = FileKey::random(&mut rng());
        let head = sealed(&file_key, "a");
        let edits: [fn(&mut Header); 2] =
            [|header| header.policy.label = Some("b".to_owned()), |header| header.envelope_id[0] ^= 1];
        for edit in edits {
            assert_eq!(refusal(&edited(&head, edit), 0), Some(OpenError::Damaged));
            let mut header = head.header.clone();
            edit(&mut header);
            let binding = header.binding();
            let forged = Head::write(header, binding, &file_key);
            assert_eq!(refusal(&forged, 0), Some(OpenError::Damaged));
        }
    }

    /// Rests on the MAC: it fits one file key, so that two recipients cannot be given different ones.
    #[test]
    fn stanzas_of_two_file_keys_do_not_both_open() {
        let (first, second) = (FileKey::random(&mut rng()), FileKey::random(&mut rng()));
        let head = sealed(&first, "a");
        let mut header = head.header.clone();
        header.stanzas[1] = Stanza::seal(&identities()[1].recipient(), &second, &head.binding, &mut rng());
        let forged = Head::write(header, head.binding, &first);
        assert_eq!(refusal(&forged, 0), None);
        assert_eq!(refusal(&forged, 1), Some(OpenError::Damaged));
    }

    #[test]
    fn a_stranger_is_told_apart_from_damage() {
        let head = sealed(&FileKey::random(&mut rng()), "a");
        let stranger = Identity::from(DecapsulationKey::from_seed(&[9; 64]));
        assert_eq!(head.open([(&stranger).into()]).err(), Some(OpenError::NotMine));
        assert_eq!(head.open([(&stranger).into(), (&identities()[2]).into()]).err(), None);
    }

    /// A stream that never ends and says how much of it was read.
    struct Endless<'a>(&'a [u8], usize);

    impl Read for Endless<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let given = self.0.len().min(out.len());
            out[..given].copy_from_slice(&self.0[..given]);
            self.0 = &self.0[given..];
            out[given..].fill(0);
            self.1 += out.len();
            Ok(out.len())
        }
    }

    #[test]
    fn bombs_are_refused_before_anything_is_read_for_them() {
        let refused = |bytes: &[u8]| {
            let mut endless = Endless(bytes, 0);
            let Err(ReadError::Parse(error)) = Head::read(&mut endless) else { panic!("a bomb") };
            (error, endless.1)
        };
        let length = |bytes: u32| [&MAGIC[..], &bytes.to_be_bytes()].concat();
        for bytes in [0, MAX_HEADER_BYTES as u32 + 1, u32::MAX] {
            assert_eq!(refused(&length(bytes)), (EnvelopeError::HeaderLength { bytes }, PREFIX_BYTES));
        }
        assert_eq!(refused(b"-----BEG"), (EnvelopeError::NotAnEnvelope, MAGIC.len()));
        assert_eq!(refused(b"SRENV\0\0\x02"), (EnvelopeError::UnknownVersion, MAGIC.len()));
        for count in [MAX_RECIPIENTS as u64 + 1, 1_000_000, u64::MAX] {
            let mut header = vec![0x85, 0x01, 0x50];
            header.extend_from_slice(&[0; 16]);
            header.extend_from_slice(&[0x41, 0xA0, 0xF6, 0x9B]);
            header.extend_from_slice(&count.to_be_bytes());
            assert_eq!(Header::decode(&header), Err(EnvelopeError::Recipients { count }));
        }
    }

    /// Rests on binary framing, and on key ids in the place of keys.
    #[test]
    fn a_recipient_costs_1641_bytes_and_a_hybrid_one_1738() {
        use crate::key::HybridDecapsulationKey;
        let bytes = |recipients: &[Recipient]| {
            let file_key = FileKey::random(&mut rng());
            Head::seal(&file_key, EnvelopePolicy::default(), recipients, &mut rng()).bytes.len()
        };
        let [ann, bob, _] = identities().map(|identity| identity.recipient());
        let both = HybridDecapsulationKey::from_seed(&[1; 32]).expect("a seed").encapsulation_key().into();
        let one = bytes(std::slice::from_ref(&ann));
        assert_eq!(one, PREFIX_BYTES + 20 + 2 + 1 + 1641 + MAC_BYTES);
        assert_eq!(bytes(&[ann.clone(), bob]), one + 1641);
        assert_eq!(bytes(&[ann, both]), one + 1738);
    }

    #[test]
    fn the_most_recipients_fit() {
        let header = Header {
            envelope_id: [0; ENVELOPE_ID_BYTES],
            policy: EnvelopePolicy::default(),
            stanzas: (0..MAX_RECIPIENTS as u16)
                .map(|n| Stanza {
                    kem_id: kem::HYBRID_KEM_ID,
                    key_id: KeyId::from_bytes(u128::from(n).to_be_bytes()),
                    enc: vec![0; kem::HYBRID_CIPHERTEXT_BYTES],
                    wrapped: [0; WRAPPED_BYTES],
                })
                .collect(),
        };
        let bytes = header.encode();
        assert!(bytes.len() <= MAX_HEADER_BYTES);
        assert_eq!(Header::decode(&bytes), Ok(header));
    }
}
