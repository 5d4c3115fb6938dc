//! SLH-DSA-SHAKE-256f (FIPS 205): pure, deterministic, with a context string. Only this file names
//! the backend.

use crate::encoding;
use crate::principal::{Principal, SLH_DSA_HASH_BYTES};
use sha2::{Digest, Sha256};
use slh_shake::{Message, PrivateKey, Shake256f};
use std::fmt;
use std::str::FromStr;

/// Bytes of a seed SK.seed ‖ SK.prf ‖ PK.seed, from which FIPS 205 algorithm 18 makes a key.
pub const SEED_BYTES: usize = 96;
/// Bytes of a public key PK.seed ‖ PK.root (FIPS 205 table 2).
pub const PUBLIC_KEY_BYTES: usize = 64;
/// Bytes of a signature (FIPS 205 table 2).
pub const SIGNATURE_BYTES: usize = 49_856;

/// What a signature is for (FIPS 205 §10.2). A signature in one context is not valid in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context(slh_shake::Context<'static>);

impl Context {
    /// The empty context, which wallets in the field use.
    pub const NONE: Self = Self(slh_shake::Context::EMPTY);
    /// Statements of native backups.
    pub const BACKUP: Self = Self::new(b"strongroom/backup/1");
    /// Statements that are traded for a session.
    pub const SESSION: Self = Self::new(b"strongroom/session/1");
    /// Statements that name code which may get a vault's root.
    pub const RELEASE: Self = Self::new(b"strongroom/release/1");

    const fn new(bytes: &'static [u8]) -> Self {
        match slh_shake::Context::new(bytes) {
            Ok(context) => Self(context),
            Err(_) => panic!("contexts have 255 bytes at most"),
        }
    }
}

/// Why a text or bytes cannot be read as a public key or a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The text is not `0x` and an even number of hex digits.
    #[error("not hex: 0x and an even number of hex digits are expected")]
    Hex,
    /// A public key has upper-case digits, which would be a second spelling.
    #[error("the public key has upper-case digits: 0x and 128 lower-case hex digits are expected")]
    Case,
    /// The bytes do not have the right length.
    #[error("{expected} bytes were expected, these are {found}")]
    Length {
        /// Bytes that were expected.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
}

/// The signature is not one of this key over these bytes in this context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the SLH-DSA signature does not verify")]
pub struct BadSignature;

/// A public key, 64 bytes. Every value is valid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; PUBLIC_KEY_BYTES]);

impl PublicKey {
    /// The key of these 64 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; PUBLIC_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes PK.seed ‖ PK.root.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.0
    }

    /// The SHA-256 of the key, by which policies, statements and servers name it.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner(Sha256::digest(self.0).into())
    }

    /// Verifies a signature (FIPS 205 algorithm 24).
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(
        &self,
        context: Context,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        let key = slh_shake::PublicKey::<Shake256f>::from_bytes(&self.0).expect("as long");
        key.verify(&Message::pure(context.0, message), &signature.0).map_err(|_| BadSignature)
    }
}

/// Writes `0x` and 128 lower-case hex digits.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoding::prefixed_hex(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.owner())
    }
}

impl FromStr for PublicKey {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let bytes = Box::<[u8; PUBLIC_KEY_BYTES]>::try_from(decode(text, PUBLIC_KEY_BYTES)?);
        let key = Self(*bytes.expect("the length was checked"));
        if key.to_string() == text { Ok(key) } else { Err(FormatError::Case) }
    }
}

/// The SHA-256 of a public key, which stands for the key's holder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner([u8; SLH_DSA_HASH_BYTES]);

impl Owner {
    /// The owner of the public key with this SHA-256.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SLH_DSA_HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// The SHA-256 of the public key, 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; SLH_DSA_HASH_BYTES] {
        &self.0
    }
}

impl From<Owner> for Principal {
    fn from(owner: Owner) -> Self {
        Self::SlhDsa(owner.0)
    }
}

/// Writes `slh-dsa:0x…`, as the [`Principal`] does.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Principal::from(*self).fmt(f)
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A signature, 49,856 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature(slh_shake::Signature<Shake256f>);

impl Signature {
    /// The signature of these 49,856 bytes. Nothing else is checked here.
    ///
    /// # Errors
    /// [`FormatError::Length`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, FormatError> {
        let length = |error: slh_shake::LengthError| FormatError::Length {
            expected: error.expected,
            found: error.found,
        };
        slh_shake::Signature::from_bytes(bytes).map(Self).map_err(length)
    }

    /// The bytes R ‖ SIG_FORS ‖ SIG_HT.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; SIGNATURE_BYTES] {
        self.0.as_bytes().try_into().expect("the length was checked")
    }
}

/// Writes `0x` and 99,712 lower-case hex digits.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoding::prefixed_hex(self.0.as_bytes()))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}…)", hex::encode(&self.as_bytes()[..8]))
    }
}

impl FromStr for Signature {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        Self::from_bytes(decode(text, SIGNATURE_BYTES)?)
    }
}

/// Decodes `0x` and the hex digits of `expected` bytes.
fn decode(text: &str, expected: usize) -> Result<Vec<u8>, FormatError> {
    let bytes = encoding::from_prefixed_hex(text).ok_or(FormatError::Hex)?;
    if bytes.len() == expected {
        Ok(bytes)
    } else {
        Err(FormatError::Length { expected, found: bytes.len() })
    }
}

/// A secret key, wiped on drop.
pub struct SigningKey(PrivateKey<Shake256f>);

impl SigningKey {
    /// Derives the key from SK.seed ‖ SK.prf ‖ PK.seed (FIPS 205 algorithm 18).
    #[must_use]
    pub fn from_seed(seed: &[u8; SEED_BYTES]) -> Self {
        Self(PrivateKey::from_seed(seed).expect("as long"))
    }

    /// The public half of the key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.public_key().as_bytes().try_into().expect("as long"))
    }

    /// Signs deterministically (FIPS 205 algorithm 22): the same bytes in the same context have one
    /// signature.
    #[must_use]
    pub fn sign(&self, context: Context, message: &[u8]) -> Signature {
        Signature(self.0.sign(&Message::pure(context.0, message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(SigningKey: fmt::Debug, fmt::Display, Clone, PartialEq, serde::Serialize);

    #[test]
    fn a_signature_is_of_one_key_one_message_and_one_context() {
        let [one, other] = [1, 2].map(|n| SigningKey::from_seed(&[n; SEED_BYTES]));
        let signature = one.sign(Context::BACKUP, b"message");
        let verify = |key: &SigningKey, context, message: &[u8], signature: &Signature| {
            key.public_key().verify(context, message, signature)
        };
        assert_eq!(verify(&one, Context::BACKUP, b"message", &signature), Ok(()));
        assert_eq!(verify(&other, Context::BACKUP, b"message", &signature), Err(BadSignature));
        assert_eq!(verify(&one, Context::SESSION, b"message", &signature), Err(BadSignature));
        assert_eq!(verify(&one, Context::NONE, b"message", &signature), Err(BadSignature));
        assert_eq!(verify(&one, Context::BACKUP, b"massage", &signature), Err(BadSignature));
        for at in [0, 32, 20_000, SIGNATURE_BYTES - 1] {
            let mut bytes = signature.as_bytes().to_vec();
            bytes[at] ^= 1;
            let altered = Signature::from_bytes(bytes).expect("as long");
            assert_eq!(verify(&one, Context::BACKUP, b"message", &altered), Err(BadSignature), "at {at}");
        }
    }

    #[test]
    fn texts_have_their_refusals() {
        let key = PublicKey::from_bytes([0xAB; PUBLIC_KEY_BYTES]);
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key));
        let length = |expected, found| FormatError::Length { expected, found };
        for (bad, error) in [
            (text.to_uppercase().replace("0X", "0x"), FormatError::Case),
            (text[2..].to_owned(), FormatError::Hex),
            (text[..129].to_owned(), FormatError::Hex),
            (text[..128].to_owned(), length(64, 63)),
            (format!("{text}ab"), length(64, 65)),
            (text.replace("ab", "ag"), FormatError::Hex),
        ] {
            assert_eq!(bad.parse::<PublicKey>(), Err(error), "{bad}");
        }
        let digits = "aB".repeat(SIGNATURE_BYTES);
        assert!(format!("0x{digits}").parse::<Signature>().is_ok());
        for (bad, error) in [
            (format!("0x{}", &digits[2..]), length(49_856, 49_855)),
            (format!("0x{digits}00"), length(49_856, 49_857)),
            (format!("0x{}", &digits[1..]), FormatError::Hex),
            (digits, FormatError::Hex),
        ] {
            assert_eq!(bad.parse::<Signature>(), Err(error));
        }
    }
}
