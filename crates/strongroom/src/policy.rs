//! The policy of an envelope: who may open it, where, and when (spec/envelope.md#policy).

use crate::principal::Principal;
use minicbor::{Decoder, Encoder};
use std::convert::Infallible;

/// The most principals that a policy may name in one role.
pub const MAX_PRINCIPALS: usize = 100;
/// The most bytes of a label.
pub const MAX_LABEL_BYTES: usize = 256;
/// The most bytes of an encoded policy.
pub const MAX_POLICY_BYTES: usize = 16 * 1024;
/// The last second of the year 9999, the latest time that a policy may name.
pub const MAX_UNIX_SECONDS: u64 = 253_402_300_799;

/// The conditions that are bound to an envelope. The default policy has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvelopePolicy {
    /// The principals that may have a vault open it, at most [`MAX_PRINCIPALS`]. They are encoded
    /// in ascending order, each once.
    pub readers: Vec<Principal>,
    /// The principals that may replace and delete it in a vault, at most [`MAX_PRINCIPALS`]. They
    /// are encoded in ascending order, each once.
    pub owners: Vec<Principal>,
    /// How many readers must approve each opening: 1 to their number.
    pub approvals: Option<u8>,
    /// The id of the one vault that may open it.
    pub audience: Option<[u8; 32]>,
    /// The Unix time in seconds before which it must not be opened.
    pub not_before: Option<u64>,
    /// The Unix time in seconds from which on it must not be opened.
    pub not_after: Option<u64>,
    /// Whether it may be opened only once.
    pub one_time: bool,
    /// A note for people: 1 to [`MAX_LABEL_BYTES`] bytes, without control characters and without
    /// those that change the direction of text.
    pub label: Option<String>,
}

/// Why a policy is refused. Keys are numbers of spec/envelope.md#policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopePolicyError {
    /// The policy has a key that this crate does not know.
    #[error("the policy has the unknown key {key}: a newer Strongroom may know it")]
    UnknownKey {
        /// What was found there.
        key: u64,
    },
    /// A field is out of its bounds.
    #[error("the policy's {field} is out of bounds")]
    Field {
        /// What was found there.
        field: &'static str,
    },
    /// The encoded policy has more than [`MAX_POLICY_BYTES`].
    #[error("the policy is too long: at most {MAX_POLICY_BYTES} bytes are allowed")]
    TooLarge,
    /// The bytes are not a CBOR map, or not in its one encoding.
    #[error("the policy is not the deterministic CBOR map of an envelope's policy")]
    Encoding,
}

impl EnvelopePolicy {
    /// The same policy with its lists in the order of the encoding: ascending, each principal once.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        for list in [&mut self.readers, &mut self.owners] {
            list.sort_unstable();
            list.dedup();
        }
        self
    }

    /// The one encoding, deterministic CBOR.
    ///
    /// # Errors
    /// [`EnvelopePolicyError::Field`] or [`EnvelopePolicyError::TooLarge`].
    pub fn encode(&self) -> Result<Vec<u8>, EnvelopePolicyError> {
        let policy = self.clone().normalised();
        policy.check()?;
        let mut bytes = Vec::new();
        let written: Result<(), minicbor::encode::Error<Infallible>> = policy.write(&mut bytes);
        written.expect("writing to memory does not fail");
        if bytes.len() > MAX_POLICY_BYTES { Err(EnvelopePolicyError::TooLarge) } else { Ok(bytes) }
    }

    /// Reads the one encoding.
    ///
    /// # Errors
    /// [`EnvelopePolicyError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopePolicyError> {
        if bytes.len() > MAX_POLICY_BYTES {
            return Err(EnvelopePolicyError::TooLarge);
        }
        let policy = Self::read(&mut Decoder::new(bytes))?;
        // Refuses a second encoding: unsorted keys or principals, longer heads, empty lists,
        // trailing bytes.
        if policy.encode()? == bytes { Ok(policy) } else { Err(EnvelopePolicyError::Encoding) }
    }

    fn check(&self) -> Result<(), EnvelopePolicyError> {
        let bounds = |field, ok: bool| if ok { Ok(()) } else { Err(EnvelopePolicyError::Field { field }) };
        let time = |at: Option<u64>| at.is_none_or(|at| at <= MAX_UNIX_SECONDS);
        let label =
            |label: &String| (1..=MAX_LABEL_BYTES).contains(&label.len()) && !label.contains(is_unshowable);
        bounds("readers", self.readers.len() <= MAX_PRINCIPALS)?;
        bounds("owners", self.owners.len() <= MAX_PRINCIPALS)?;
        bounds("approvals", self.approvals.is_none_or(|m| (1..=self.readers.len()).contains(&m.into())))?;
        bounds("not-before", time(self.not_before))?;
        bounds("not-after", time(self.not_after))?;
        let in_order = self.not_before.zip(self.not_after).is_none_or(|(from, to)| from < to);
        bounds("not-after", in_order)?;
        bounds("label", self.label.as_ref().is_none_or(label))
    }

    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), minicbor::encode::Error<Infallible>> {
        let present = [
            !self.readers.is_empty(),
            !self.owners.is_empty(),
            self.approvals.is_some(),
            self.audience.is_some(),
            self.not_before.is_some(),
            self.not_after.is_some(),
            self.one_time,
            self.label.is_some(),
        ];
        let mut e = Encoder::new(bytes);
        e.map(present.iter().filter(|there| **there).count() as u64)?;
        for (key, list) in [(1, &self.readers), (2, &self.owners)] {
            if !list.is_empty() {
                e.u8(key)?.encode(list)?;
            }
        }
        if let Some(m) = self.approvals {
            e.u8(3)?.u8(m)?;
        }
        if let Some(vault) = &self.audience {
            e.u8(4)?.bytes(vault)?;
        }
        for (key, time) in [(5, self.not_before), (6, self.not_after)] {
            if let Some(at) = time {
                e.u8(key)?.u64(at)?;
            }
        }
        if self.one_time {
            e.u8(7)?.bool(true)?;
        }
        if let Some(label) = &self.label {
            e.u8(8)?.str(label)?;
        }
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, EnvelopePolicyError> {
        let encoding = |_| EnvelopePolicyError::Encoding;
        let mut policy = Self::default();
        let entries = d.map().map_err(encoding)?.ok_or(EnvelopePolicyError::Encoding)?;
        // Each entry takes at least two bytes, so a large count ends where the bytes end.
        for _ in 0..entries {
            match d.u64().map_err(encoding)? {
                1 => policy.readers = principals(d, "readers")?,
                2 => policy.owners = principals(d, "owners")?,
                3 => policy.approvals = Some(d.u8().map_err(encoding)?),
                4 => {
                    let bytes = d.bytes().map_err(encoding)?;
                    let field = EnvelopePolicyError::Field { field: "audience" };
                    policy.audience = Some(bytes.try_into().map_err(|_| field)?);
                }
                5 => policy.not_before = Some(d.u64().map_err(encoding)?),
                6 => policy.not_after = Some(d.u64().map_err(encoding)?),
                7 => policy.one_time = d.bool().map_err(encoding)?,
                8 => policy.label = Some(d.str().map_err(encoding)?.to_owned()),
                key => return Err(EnvelopePolicyError::UnknownKey { key }),
            }
        }
        Ok(policy)
    }
}

/// Control characters, and characters that change the direction of text: people read labels on
/// terminals.
fn is_unshowable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn principals(d: &mut Decoder<'_>, field: &'static str) -> Result<Vec<Principal>, EnvelopePolicyError> {
    let count = d.array().map_err(|_| EnvelopePolicyError::Encoding)?.ok_or(EnvelopePolicyError::Encoding)?;
    if count > MAX_PRINCIPALS as u64 {
        return Err(EnvelopePolicyError::Field { field });
    }
    (0..count).map(|_| d.decode().map_err(|_| EnvelopePolicyError::Field { field })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wallet::WalletAddress;

    fn wallet(n: u8) -> Principal {
        WalletAddress::from_bytes([n; 20]).into()
    }

    fn full() -> EnvelopePolicy {
        EnvelopePolicy {
            readers: vec![Principal::SlhDsa([9; 32]), wallet(2), wallet(1), wallet(2)],
            owners: vec![wallet(3)],
            approvals: Some(2),
            audience: Some([0xAA; 32]),
            not_before: Some(0),
            not_after: Some(MAX_UNIX_SECONDS),
            one_time: true,
            label: Some("苟全".to_owned()),
        }
    }

    #[test]
    fn every_field_comes_back_in_its_one_order() {
        let bytes = full().encode().expect("a policy");
        assert_eq!(EnvelopePolicy::decode(&bytes), Ok(full().normalised()));
        assert_eq!(EnvelopePolicy::default().encode().expect("the empty one"), [0xA0]);
        assert_eq!(EnvelopePolicy::decode(&[0xA0]), Ok(EnvelopePolicy::default()));
    }

    #[test]
    fn fields_have_bounds() {
        let refusal = |change: fn(&mut EnvelopePolicy)| {
            let mut policy = full();
            change(&mut policy);
            policy.encode().expect_err("out of bounds")
        };
        let field = |field| EnvelopePolicyError::Field { field };
        assert_eq!(refusal(|p| p.readers = (0..101).map(|n| wallet(n as u8)).collect()), field("readers"));
        assert_eq!(refusal(|p| p.approvals = Some(0)), field("approvals"));
        assert_eq!(refusal(|p| p.approvals = Some(4)), field("approvals"));
        assert_eq!(refusal(|p| p.not_after = Some(MAX_UNIX_SECONDS + 1)), field("not-after"));
        assert_eq!(refusal(|p| p.not_after = Some(0)), field("not-after"));
        assert_eq!(refusal(|p| p.label = Some(String::new())), field("label"));
        assert_eq!(refusal(|p| p.label = Some("a\nb".to_owned())), field("label"));
        assert_eq!(refusal(|p| p.label = Some("a\u{202E}b".to_owned())), field("label"));
        assert_eq!(refusal(|p| p.label = Some("x".repeat(257))), field("label"));
    }

    #[test]
    fn other_encodings_are_refused() {
        for (bytes, error) in [
            (&[0xA1, 0x09, 0x01][..], EnvelopePolicyError::UnknownKey { key: 9 }),
            (&[0xA1, 0x00, 0x01], EnvelopePolicyError::UnknownKey { key: 0 }),
            (&[0xA1, 0x01, 0x80], EnvelopePolicyError::Encoding),
            (&[0xA1, 0x07, 0xF4], EnvelopePolicyError::Encoding),
            (&[0xBF, 0xFF], EnvelopePolicyError::Encoding),
            (&[0xB8, 0x00], EnvelopePolicyError::Encoding),
            (&[0xA0, 0x00], EnvelopePolicyError::Encoding),
            (&[0xA2, 0x06, 0x02, 0x05, 0x01], EnvelopePolicyError::Encoding),
            (&[0xA2, 0x05, 0x01, 0x05, 0x01], EnvelopePolicyError::Encoding),
            (&[0xA1, 0x05, 0x18, 0x01], EnvelopePolicyError::Encoding),
            (&[0xA1, 0x01, 0x9A, 0x00, 0x0F, 0x42, 0x40], EnvelopePolicyError::Field { field: "readers" }),
            (&[0xBB, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], EnvelopePolicyError::Encoding),
            (&[0xA1, 0x04, 0x41, 0x00], EnvelopePolicyError::Field { field: "audience" }),
            (&[0x80], EnvelopePolicyError::Encoding),
            (&[], EnvelopePolicyError::Encoding),
        ] {
            assert_eq!(EnvelopePolicy::decode(bytes), Err(error), "{bytes:02x?}");
        }
        assert_eq!(EnvelopePolicy::decode(&[0; MAX_POLICY_BYTES + 1]), Err(EnvelopePolicyError::TooLarge));
    }
}
