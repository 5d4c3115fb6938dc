//! Slot ids: the names of places in a vault.

use rand_core::CryptoRng;
use std::fmt;
use std::str::FromStr;

/// 32 random bytes that name a slot. Their text is 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId([u8; 32]);

/// The text is not a slot id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a slot id: 64 lower-case hex digits are expected")]
pub struct SlotIdError;

impl SlotId {
    /// A new id from 32 bytes of randomness.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The id of these 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The name as 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SlotId {
    type Err = SlotIdError;

    fn from_str(text: &str) -> Result<Self, SlotIdError> {
        let mut bytes = [0; 32];
        let lower = !text.bytes().any(|c| c.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if lower => Ok(Self(bytes)),
            _ => Err(SlotIdError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_a_slot() {
        let text = "0123456789abcdef".repeat(4);
        assert_eq!(text.parse::<SlotId>().expect("64 digits").to_string(), text);
        for bad in ["", &text[1..], &text.to_uppercase(), &format!("{text}00")] {
            assert_eq!(bad.parse::<SlotId>(), Err(SlotIdError), "{bad}");
        }
    }
}
