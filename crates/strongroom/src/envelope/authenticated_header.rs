//! Magic, header and its MAC: everything before the payload (spec/envelope.md#layout).

use super::error::{EnvelopeError, MAX_HEADER_BYTES, ReadError};
use super::file_key::{Binding, FileKey};
use super::header::{ENVELOPE_ID_BYTES, Header, Stanza};
use super::payload::{PREFIX_BYTES as PAYLOAD_PREFIX_BYTES, PayloadKey, SALT_BYTES};
use crate::key::{IdentityRef, Recipient};
use crate::open_error::OpenError;
use crate::policy::EnvelopePolicy;
use hmac::{Hmac, KeyInit, Mac};
use rand_core::CryptoRng;
use sha2::Sha256;
use std::io::Read;

/// The first eight bytes of every envelope.
pub const MAGIC: &[u8; 8] = b"SRENV\0\0\x01";
/// Bytes of [`MAGIC`] that other versions share.
const FAMILY_BYTES: usize = 5;
const MAC_BYTES: usize = 32;
const LENGTH_BYTES: usize = 4;
const PREFIX_BYTES: usize = MAGIC.len() + LENGTH_BYTES;

/// Everything before the payload: magic, length, header and MAC, with the bytes that the MAC
/// covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthenticatedHeader {
    header: Header,
    binding: Binding,
    bytes: Vec<u8>,
}

impl AuthenticatedHeader {
    /// Reads up to the payload. A length is checked before anything is allocated for it, and the
    /// buffer never grows beyond what the stream gave.
    pub(crate) fn read(input: &mut impl Read) -> Result<Self, ReadError> {
        let mut bytes = Vec::with_capacity(4096);
        let magic_bytes = input.by_ref().take(MAGIC.len() as u64).read_to_end(&mut bytes)?;
        check_magic(&bytes[..magic_bytes])?;
        fill(input, &mut bytes, LENGTH_BYTES)?;
        let rest = header_bytes(&bytes)? + MAC_BYTES;
        fill(input, &mut bytes, rest)?;
        Ok(Self::from_checked(bytes)?)
    }

    /// Parses an envelope in memory, and returns its payload as well.
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

    /// For a new envelope. The caller has checked the recipients, and has encoded the policy once.
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

    /// For the same envelope with other stanzas.
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

    /// Unwraps the file key with the first of the keys that has a stanza, and checks the MAC with
    /// it.
    pub(crate) fn open<'k>(
        &self,
        keys: impl IntoIterator<Item = IdentityRef<'k>>,
    ) -> Result<FileKey, OpenError> {
        let (key, stanza) = keys
            .into_iter()
            .find_map(|key| Some((key, self.header.stanza_for(key)?)))
            .ok_or(OpenError::NotMine)?;
        let file_key = FileKey::unwrap(key, stanza.enc(), stanza.wrapped(), &self.binding)?;
        let (covered, mac_bytes) = self.bytes.split_at(self.bytes.len() - MAC_BYTES);
        // Constant time. Without this check, whoever stores the envelope could drop, add and move
        // stanzas.
        mac(&file_key, covered).verify_slice(mac_bytes).map_err(|_| OpenError::Damaged)?;
        Ok(file_key)
    }

    /// The key of a new payload with this salt.
    pub(crate) fn new_payload_key(&self, file_key: &FileKey, salt: &[u8; SALT_BYTES]) -> PayloadKey {
        PayloadKey::derive(&file_key.payload_input_key(), salt, &self.binding)
    }

    /// The key of a payload that begins with `prefix`, if the prefix commits to that key.
    pub(crate) fn payload_key(
        &self,
        file_key: &FileKey,
        prefix: &[u8; PAYLOAD_PREFIX_BYTES],
    ) -> Result<PayloadKey, OpenError> {
        PayloadKey::open(&file_key.payload_input_key(), prefix, &self.binding)
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Only for the worked example in the specification.
    #[cfg(test)]
    pub(super) fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Magic, length, header and MAC.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn mac(file_key: &FileKey, covered: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(&file_key.mac_key()[..]).expect("HMAC takes any key").chain_update(covered)
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

/// Reads `header_len`, and checks its bounds.
fn header_bytes(bytes: &[u8]) -> Result<usize, EnvelopeError> {
    let length = bytes.get(MAGIC.len()..PREFIX_BYTES).ok_or(EnvelopeError::Truncated)?;
    let bytes = u32::from_be_bytes(length.try_into().expect("the range is as long as a u32"));
    if (1..=MAX_HEADER_BYTES as u32).contains(&bytes) {
        Ok(bytes as usize)
    } else {
        Err(EnvelopeError::HeaderLength { bytes })
    }
}

/// Appends exactly `count` bytes. The buffer grows only as far as the stream goes.
fn fill(input: &mut impl Read, bytes: &mut Vec<u8>, count: usize) -> Result<(), ReadError> {
    let got = input.by_ref().take(count as u64).read_to_end(bytes)?;
    if got == count { Ok(()) } else { Err(EnvelopeError::Truncated.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::MAX_RECIPIENTS;
    use crate::key::{DecapsulationKey, Identity, KeyId};
    use std::io;
    use strongroom_testkit::rng;

    fn identities() -> [Identity; 3] {
        [1, 2, 3].map(|n| DecapsulationKey::from_seed(&[n; 64]).into())
    }

    fn sealed(file_key: &FileKey, label: &str) -> AuthenticatedHeader {
        let policy = EnvelopePolicy { label: Some(label.to_owned()), ..EnvelopePolicy::default() };
        AuthenticatedHeader::seal(
            file_key,
            policy,
            &identities().map(|identity| identity.recipient()),
            &mut rng(),
        )
    }

    /// Another header under the old MAC: what an attacker without the file key can make.
    fn edited(head: &AuthenticatedHeader, edit: impl FnOnce(&mut Header)) -> AuthenticatedHeader {
        let mut header = head.header.clone();
        edit(&mut header);
        let encoded = header.encode();
        let length = u32::try_from(encoded.len()).expect("short").to_be_bytes();
        let mac = &head.bytes[head.bytes.len() - MAC_BYTES..];
        let bytes = [&MAGIC[..], &length, &encoded, mac].concat();
        AuthenticatedHeader::parse(&bytes).expect("well-formed").0
    }

    fn refusal(head: &AuthenticatedHeader, identity: usize) -> Option<OpenError> {
        head.open([(&identities()[identity]).into()]).err()
    }

    type Edit<'a> = &'a dyn Fn(&mut Header);

    /// Rests on `verify_slice` in `AuthenticatedHeader::open`.
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

    /// Rests on `binding` as the associated data of the wrap. A recipient knows the file key and
    /// can make a new MAC, as this test does; the other recipients notice it all the same.
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
            let forged = AuthenticatedHeader::write(header, binding, &file_key);
            assert_eq!(refusal(&forged, 0), Some(OpenError::Damaged));
        }
    }

    /// Rests on the MAC: it matches one file key, so two recipients cannot get different ones.
    #[test]
    fn stanzas_of_two_file_keys_do_not_both_open() {
        let (first, second) = (FileKey::random(&mut rng()), FileKey::random(&mut rng()));
        let head = sealed(&first, "a");
        let mut header = head.header.clone();
        header.stanzas[1] = Stanza::seal(&identities()[1].recipient(), &second, &head.binding, &mut rng());
        let forged = AuthenticatedHeader::write(header, head.binding, &first);
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

    /// A stream that never ends, and counts the bytes that were read.
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
            let Err(ReadError::Parse(error)) = AuthenticatedHeader::read(&mut endless) else {
                panic!("a bomb")
            };
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

    /// Rests on binary framing, and on naming keys by their ids.
    #[test]
    fn a_recipient_costs_1641_bytes_and_a_hybrid_one_1738() {
        use crate::key::HybridDecapsulationKey;
        let bytes = |recipients: &[Recipient]| {
            let file_key = FileKey::random(&mut rng());
            AuthenticatedHeader::seal(&file_key, EnvelopePolicy::default(), recipients, &mut rng())
                .bytes
                .len()
        };
        let [ann, bob, _] = identities().map(|identity| identity.recipient());
        let both = HybridDecapsulationKey::from_seed(&[1; 32]).expect("a seed").encapsulation_key().into();
        let one = bytes(std::slice::from_ref(&ann));
        assert_eq!(one, PREFIX_BYTES + 20 + 2 + 1 + 1641 + MAC_BYTES);
        assert_eq!(bytes(&[ann.clone(), bob]), one + 1641);
        assert_eq!(bytes(&[ann, both]), one + 1738);
    }
}
