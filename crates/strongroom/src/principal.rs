//! Principals, which policies name: a wallet, or the holder of an SLH-DSA key.

use crate::wallet::{ADDRESS_BYTES, WalletAddress};
use std::fmt;
use std::str::FromStr;

/// Bytes of the SHA-256 that names an SLH-DSA public key.
pub const SLH_DSA_HASH_BYTES: usize = 32;
const SLH_DSA_PREFIX: &str = "slh-dsa:0x";

/// A principal. The order is by the number of its kind, then by its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Principal {
    /// The holder of the key of this Ethereum address.
    Wallet(WalletAddress),
    /// The holder of the SLH-DSA key whose public half has this SHA-256.
    SlhDsa([u8; SLH_DSA_HASH_BYTES]),
}

/// The text does not name a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a principal: 0x and 40 hex digits (with their EIP-55 checksum if the case is mixed), or slh-dsa:0x and 64 hex digits, are expected"
)]
pub struct PrincipalError;

impl From<WalletAddress> for Principal {
    fn from(address: WalletAddress) -> Self {
        Self::Wallet(address)
    }
}

/// Writes `0x…` with its EIP-55 checksum, or `slh-dsa:0x…`.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wallet(address) => address.fmt(f),
            Self::SlhDsa(hash) => write!(f, "{SLH_DSA_PREFIX}{}", hex::encode(hash)),
        }
    }
}

/// Reads digits of one case, or an address with its EIP-55 checksum. The checksum matters, since a
/// typing error would name somebody else.
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

/// Writes CBOR `[1, 20 bytes]` for a wallet, `[2, 32 bytes]` for an SLH-DSA key.
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
                (Self::Wallet(WalletAddress::from_bytes(bytes)), 3 + ADDRESS_BYTES)
            }
            (Some(2), 2) => {
                let bytes = d.bytes()?.try_into().map_err(|_| unknown())?;
                (Self::SlhDsa(bytes), 4 + SLH_DSA_HASH_BYTES)
            }
            _ => return Err(unknown()),
        };
        // Refuses longer heads, which would be a second encoding (RFC 8949 §4.2.1).
        (d.position() - start == canonical_bytes).then_some(principal).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
