//! Who may open: a wallet, or the holder of an SLH-DSA key.

use sha3::{Digest, Keccak256};
use std::fmt;
use std::str::FromStr;

/// Bytes of an Ethereum address.
pub const ADDRESS_BYTES: usize = 20;

/// Bytes of the SHA-256 that names an SLH-DSA public key.
pub const SLH_DSA_HASH_BYTES: usize = 32;
const SLH_DSA_PREFIX: &str = "slh-dsa:0x";

/// A text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not `0x` and 40 hex digits.
    #[error("an address is 0x and 40 hex digits")]
    Shape,
    /// The case of its letters is not EIP-55's.
    #[error("the address fails its EIP-55 checksum")]
    Checksum,
}

/// An Ethereum address, 20 bytes. `Display` writes the EIP-55 checksum; `FromStr` takes any case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WalletAddress([u8; ADDRESS_BYTES]);

impl WalletAddress {
    /// The address of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; ADDRESS_BYTES]) -> Self {
        Self(bytes)
    }

    /// The address of an uncompressed public key without its 0x04: the last 20 bytes of its Keccak-256.
    #[must_use]
    pub(crate) fn of_public_key(point: &[u8; 64]) -> Self {
        let digest = Keccak256::digest(point);
        Self(digest[12..].try_into().expect("a Keccak-256 digest has 32 bytes"))
    }

    /// The 20 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; ADDRESS_BYTES] {
        &self.0
    }

    /// Reads an address whose letters must carry the EIP-55 checksum.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn from_checksummed(text: &str) -> Result<Self, AddressError> {
        let address: Self = text.parse()?;
        if address.to_string() == text { Ok(address) } else { Err(AddressError::Checksum) }
    }
}

impl FromStr for WalletAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let digits = text.strip_prefix("0x").ok_or(AddressError::Shape)?;
        let mut bytes = [0; ADDRESS_BYTES];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| AddressError::Shape)?;
        Ok(Self(bytes))
    }
}

/// EIP-55.
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

/// Whom a policy can name. Ascending by the number of its kind, then by its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Principal {
    /// Who can sign with this Ethereum address.
    Wallet(WalletAddress),
    /// Who can sign with the SLH-DSA key whose public half has this SHA-256.
    SlhDsa([u8; SLH_DSA_HASH_BYTES]),
}

/// A text that names no principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a principal is 0x and 40 hex digits, with its checksum where their case is mixed, or slh-dsa:0x and 64 hex digits"
)]
pub struct PrincipalError;

impl From<WalletAddress> for Principal {
    fn from(address: WalletAddress) -> Self {
        Self::Wallet(address)
    }
}

/// `0x…` with its EIP-55 checksum, or `slh-dsa:0x…`.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wallet(address) => address.fmt(f),
            Self::SlhDsa(hash) => write!(f, "{SLH_DSA_PREFIX}{}", hex::encode(hash)),
        }
    }
}

/// Digits of one case, or an address with its EIP-55 checksum: a slip of the hand would name somebody else.
impl FromStr for Principal {
    type Err = PrincipalError;

    fn from_str(text: &str) -> Result<Self, PrincipalError> {
        let Some(digits) = text.strip_prefix(SLH_DSA_PREFIX) else {
            let digits = text.strip_prefix("0x").unwrap_or(text);
            let mixed = digits.contains(|c: char| c.is_ascii_uppercase())
                && digits.contains(|c: char| c.is_ascii_lowercase());
            let parse = if mixed { WalletAddress::from_checksummed } else { |text: &str| text.parse() };
            return parse(text).map(Self::Wallet).map_err(|_| PrincipalError);
        };
        let mut hash = [0; SLH_DSA_HASH_BYTES];
        hex::decode_to_slice(digits, &mut hash).map_err(|_| PrincipalError)?;
        Ok(Self::SlhDsa(hash))
    }
}

/// CBOR `[1, 20 bytes]` or `[2, 32 bytes]`.
impl<C> minicbor::Encode<C> for Principal {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self {
            Self::Wallet(address) => e.array(2)?.u8(1)?.bytes(address.as_bytes())?.ok(),
            Self::SlhDsa(hash) => e.array(2)?.u8(2)?.bytes(hash)?.ok(),
        }
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Principal {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let unknown = || minicbor::decode::Error::message("unknown principal");
        let start = d.position();
        let (principal, canonical_bytes) = match (d.array()?, d.u8()?) {
            (Some(2), 1) => {
                let bytes = d.bytes()?.try_into().map_err(|_| unknown())?;
                (Self::Wallet(WalletAddress(bytes)), 3 + ADDRESS_BYTES)
            }
            (Some(2), 2) => {
                let bytes = d.bytes()?.try_into().map_err(|_| unknown())?;
                (Self::SlhDsa(bytes), 4 + SLH_DSA_HASH_BYTES)
            }
            _ => return Err(unknown()),
        };
        // A head of more bytes is a second encoding of the same thing (RFC 8949 §4.2.1).
        (d.position() - start == canonical_bytes).then_some(principal).ok_or_else(unknown)
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
    fn principals_are_written_and_read() {
        let wallet: Principal = "0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359".parse().expect("an address");
        assert_eq!(wallet.to_string(), "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359");
        let key: Principal = format!("slh-dsa:0x{}", "0A".repeat(32)).parse().expect("a hash");
        assert_eq!(key.to_string(), format!("slh-dsa:0x{}", "0a".repeat(32)));
        assert!(wallet < key);
        for principal in [wallet, key] {
            let bytes = minicbor::to_vec(principal).expect("writing to memory does not fail");
            assert_eq!(minicbor::decode(&bytes).ok(), Some(principal));
        }
        for bad in [
            "0xFb6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0é",
            "",
            "slh-dsa:",
            "slh-dsa:0x00",
            "SLH-DSA:0x",
            &key.to_string()[1..],
        ] {
            assert_eq!(bad.parse::<Principal>(), Err(PrincipalError), "{bad}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let good = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";
        assert_eq!(WalletAddress::from_checksummed(&good.to_lowercase()), Err(AddressError::Checksum));
        for bad in [&good[2..], &good[..41], "0X52908400098527886E0F7030069857D2E4169EE7", "", "0x"] {
            assert_eq!(bad.parse::<WalletAddress>(), Err(AddressError::Shape), "{bad}");
        }
    }
}
