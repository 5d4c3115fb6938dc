//! Ethereum addresses, with the checksum of EIP-55.

use sha3::{Digest, Keccak256};
use std::fmt;
use std::str::FromStr;

/// Bytes of an Ethereum address.
pub const ADDRESS_BYTES: usize = 20;

/// Why a text cannot be read as an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WalletAddressError {
    /// The text is not `0x` and 40 hex digits.
    #[error("not an address: 0x and 40 hex digits are expected")]
    Shape,
    /// The case of the letters is not that of EIP-55's checksum.
    #[error("the address fails its EIP-55 checksum: check it for typing errors")]
    Checksum,
}

/// An Ethereum address, 20 bytes. `Display` writes the EIP-55 checksum; `FromStr` takes any case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WalletAddress([u8; ADDRESS_BYTES]);

impl WalletAddress {
    /// The address of these 20 bytes. Every value is valid.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; ADDRESS_BYTES]) -> Self {
        Self(bytes)
    }

    /// The address of an uncompressed public key without its prefix 0x04: the last 20 bytes of the
    /// key's Keccak-256.
    #[must_use]
    pub(crate) fn of_public_key(point: &[u8; 64]) -> Self {
        let digest = Keccak256::digest(point);
        Self(digest[12..].try_into().expect("a Keccak-256 digest has 32 bytes"))
    }

    /// The address as 20 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; ADDRESS_BYTES] {
        &self.0
    }

    /// Reads an address whose letters must have the case of EIP-55's checksum.
    ///
    /// # Errors
    /// [`WalletAddressError`].
    pub fn from_checksummed(text: &str) -> Result<Self, WalletAddressError> {
        let address: Self = text.parse()?;
        if address.to_string() == text { Ok(address) } else { Err(WalletAddressError::Checksum) }
    }
}

impl FromStr for WalletAddress {
    type Err = WalletAddressError;

    fn from_str(text: &str) -> Result<Self, WalletAddressError> {
        let digits = text.strip_prefix("0x").ok_or(WalletAddressError::Shape)?;
        let mut bytes = [0; ADDRESS_BYTES];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| WalletAddressError::Shape)?;
        Ok(Self(bytes))
    }
}

/// Writes `0x` and 40 hex digits, with EIP-55's checksum in the case of the letters.
impl fmt::Display for WalletAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"0x0000000000000000000000000000000000000000";
        hex::encode_to_slice(self.0, &mut text[2..]).expect("20 bytes are 40 digits");
        let digest = Keccak256::digest(&text[2..]);
        for (at, digit) in text[2..].iter_mut().enumerate() {
            let nibble = digest[at / 2] >> (4 * (1 - at % 2)) & 0x0F;
            if nibble >= 8 {
                digit.make_ascii_uppercase();
            }
        }
        f.write_str(std::str::from_utf8(&text).expect("hex digits are ASCII"))
    }
}

impl fmt::Debug for WalletAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The eight test addresses of EIP-55.
    #[test]
    fn eip_55_examples() {
        for text in [
            "0x52908400098527886E0F7030069857D2E4169EE7",
            "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
            "0xde709f2102306220921060314715629080e2fb77",
            "0x27b1fdb04752bbc536007a920d24acb045561c26",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ] {
            let address = WalletAddress::from_checksummed(text).expect("the EIP's own example");
            assert_eq!(text.to_lowercase().parse(), Ok(address));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let good = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";
        assert_eq!(WalletAddress::from_checksummed(&good.to_lowercase()), Err(WalletAddressError::Checksum));
        for bad in [&good[2..], &good[..41], "0X52908400098527886E0F7030069857D2E4169EE7", "", "0x"] {
            assert_eq!(bad.parse::<WalletAddress>(), Err(WalletAddressError::Shape), "{bad}");
        }
    }
}
