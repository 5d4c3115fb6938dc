//! SLH-DSA-SHAKE-256f (FIPS 205) over one backend, which no other file names: pure, deterministic, with a context string.

use crate::encoding;
use crate::principal::{Principal, SLH_DSA_HASH_BYTES};
use fips205::slh_dsa_shake_256f::{KG, PrivateKey, PublicKey as Verifier};
use fips205::traits::{KeyGen, SerDes, Signer as _, Verifier as _};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// Bytes of a seed SK.seed ‖ SK.prf ‖ PK.seed, from which FIPS 205 algorithm 18 makes a key.
pub const SEED_BYTES: usize = 96;
/// Bytes of a public key PK.seed ‖ PK.root (FIPS 205 table 2).
pub const PUBLIC_KEY_BYTES: usize = 64;
/// Bytes of a signature (FIPS 205 table 2).
pub const SIGNATURE_BYTES: usize = 49_856;
const N: usize = 32;

/// What a signature is for (FIPS 205 §10.2): one under one context is none under another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context(&'static [u8]);

impl Context {
    /// The empty one, of wallets in the field.
    pub const NONE: Self = Self(b"");
    /// Statements of native backups.
    pub const BACKUP: Self = Self(b"strongroom/backup/1");
    /// Statements that are traded for a session.
    pub const SESSION: Self = Self(b"strongroom/session/1");
}

/// Why a text or bytes are no public key or no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Not `0x` and an even number of hex digits.
    #[error("0x and an even number of hex digits is expected")]
    Hex,
    /// A letter of a public key is not in lower case, so that it has a second spelling.
    #[error("a public key is 0x and 128 lower-case hex digits")]
    Case,
    /// Another number of bytes.
    #[error("{expected} bytes were expected, these are {found}")]
    Length {
        /// Bytes of the thing.
        expected: usize,
        /// Bytes that were there.
        found: usize,
    },
}

/// The signature is another key's, over other bytes, or in another context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the SLH-DSA signature does not verify")]
pub struct BadSignature;

/// A public key, 64 bytes. Every value is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; PUBLIC_KEY_BYTES]);

impl PublicKey {
    /// The key of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; PUBLIC_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.0
    }

    /// The SHA-256 of the key, by which policies, statements and servers name it.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner(Sha256::digest(self.0).into())
    }

    /// FIPS 205 algorithm 24.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(
        &self,
        context: Context,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        let key = Verifier::try_from_bytes(self.0).expect("every 64 bytes are a public key");
        if key.verify(message, &signature.0, context.0) { Ok(()) } else { Err(BadSignature) }
    }
}

/// `0x` and 128 lower-case hex digits.
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
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bytes = Box::<[u8; PUBLIC_KEY_BYTES]>::try_from(decode(text, PUBLIC_KEY_BYTES)?);
        let key = Self(*bytes.expect("the length was checked"));
        if key.to_string() == text { Ok(key) } else { Err(ParseError::Case) }
    }
}

/// The SHA-256 of a public key: who signs with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner([u8; SLH_DSA_HASH_BYTES]);

impl Owner {
    /// The owner of this hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SLH_DSA_HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
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

/// `slh-dsa:0x…`, as of the [`Principal`].
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
pub struct Signature(Box<[u8; SIGNATURE_BYTES]>);

impl Signature {
    /// The signature of these bytes.
    ///
    /// # Errors
    /// [`ParseError::Length`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ParseError> {
        let found = bytes.len();
        let bytes = bytes.try_into().map_err(|_| ParseError::Length { expected: SIGNATURE_BYTES, found })?;
        Ok(Self(bytes))
    }

    /// The 49,856 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; SIGNATURE_BYTES] {
        &self.0
    }
}

/// `0x` and 99,712 lower-case hex digits.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoding::prefixed_hex(&self.0[..]))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}…)", hex::encode(&self.0[..8]))
    }
}

impl FromStr for Signature {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::from_bytes(decode(text, SIGNATURE_BYTES)?)
    }
}

/// `0x` and hex digits of so many bytes.
fn decode(text: &str, expected: usize) -> Result<Vec<u8>, ParseError> {
    let bytes = encoding::from_prefixed_hex(text).ok_or(ParseError::Hex)?;
    if bytes.len() == expected { Ok(bytes) } else { Err(ParseError::Length { expected, found: bytes.len() }) }
}

/// A secret key, wiped on drop.
pub struct SigningKey {
    key: Box<PrivateKey>,
    public_key: PublicKey,
}

impl SigningKey {
    /// FIPS 205 algorithm 18 on SK.seed ‖ SK.prf ‖ PK.seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; SEED_BYTES]) -> Self {
        let part = |n: usize| {
            let part: [u8; N] = seed[n * N..(n + 1) * N].try_into().expect("a third of the seed");
            Zeroizing::new(part)
        };
        let (public_key, key) = KG::keygen_from_seed(&part(0), &part(1), &part(2));
        Self { key: Box::new(key), public_key: PublicKey(public_key.into_bytes()) }
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// FIPS 205 algorithm 22, deterministic: the same bytes in the same context have one signature.
    #[must_use]
    pub fn sign(&self, context: Context, message: &[u8]) -> Signature {
        let signed = self.key.try_sign_with_rng(&mut NoRandomness, message, context.0, false);
        Signature(Box::new(signed.expect("a context of ours is short, and no randomness is asked for")))
    }
}

/// A deterministic signature takes none.
struct NoRandomness;

impl fips205::RngCore for NoRandomness {
    fn next_u32(&mut self) -> u32 {
        unreachable!("deterministic")
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("deterministic")
    }

    fn fill_bytes(&mut self, _: &mut [u8]) {
        unreachable!("deterministic")
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), fips205::RngError> {
        unreachable!("deterministic")
    }
}

impl fips205::CryptoRng for NoRandomness {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use slh_dsa::signature::Keypair;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(SigningKey: fmt::Debug, fmt::Display, Clone, PartialEq, serde::Serialize);

    /// NIST's ACVP vectors of SHAKE-256f in one of the three files that testdata/packages names.
    fn acvp(what: &str) -> Vec<(Value, Value)> {
        let folder = strongroom_testkit::fetched_package_dir("slh-dsa");
        let path = folder.join(format!("tests/acvp/SLH-DSA-{what}-FIPS205/internalProjection.json"));
        #[expect(clippy::disallowed_methods, reason = "a test reads its vectors")]
        let text = std::fs::read_to_string(path).expect("the vectors");
        let file: Value = serde_json::from_str(&text).expect("JSON");
        let groups = file["testGroups"].as_array().expect("groups");
        let groups = groups.iter().filter(|group| group["parameterSet"] == "SLH-DSA-SHAKE-256f");
        groups
            .flat_map(|group| {
                let tests = group["tests"].as_array().expect("tests");
                tests.iter().map(|test| (group.clone(), test.clone()))
            })
            .collect()
    }

    fn bytes(test: &Value, name: &str) -> Vec<u8> {
        hex::decode(test[name].as_str().expect("hex")).expect("hex")
    }

    #[test]
    fn acvp_key_generation() {
        let vectors = acvp("keyGen");
        for (_, test) in &vectors {
            let seed = ["skSeed", "skPrf", "pkSeed"].map(|name| bytes(test, name)).concat();
            let key = SigningKey::from_seed(seed[..].try_into().expect("96 bytes"));
            assert_eq!(key.public_key().as_bytes()[..], bytes(test, "pk"));
            assert_eq!(key.key.clone().into_bytes()[..], bytes(test, "sk"));
        }
        assert_eq!(vectors.len(), 10);
    }

    /// The vectors are of `slh_sign_internal` (algorithm 19), on which `sign` puts the context.
    #[test]
    #[expect(deprecated, reason = "the backend's hook for these very vectors")]
    fn acvp_signing() {
        struct Fixed(Vec<u8>);
        impl fips205::RngCore for Fixed {
            fn next_u32(&mut self) -> u32 {
                unreachable!()
            }
            fn next_u64(&mut self) -> u64 {
                unreachable!()
            }
            fn fill_bytes(&mut self, out: &mut [u8]) {
                out.copy_from_slice(&self.0);
            }
            fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), fips205::RngError> {
                self.fill_bytes(out);
                Ok(())
            }
        }
        impl fips205::CryptoRng for Fixed {}
        let vectors = acvp("sigGen");
        for (group, test) in &vectors {
            let key = PrivateKey::try_from_bytes(bytes(test, "sk")[..].try_into().expect("128 bytes"))
                .expect("a key");
            let hedged = group["deterministic"] == false;
            let mut rng = Fixed(if hedged { bytes(test, "additionalRandomness") } else { vec![] });
            let signature = key.sign_internal(&mut rng, &bytes(test, "message"), hedged).expect("signed");
            assert!(signature[..] == bytes(test, "signature"), "{}", test["tcId"]);
        }
        assert_eq!(vectors.len(), 20);
    }

    #[test]
    #[expect(deprecated, reason = "the backend's hook for these very vectors")]
    fn acvp_verification() {
        let vectors = acvp("sigVer");
        let mut valid = 0;
        for (_, test) in &vectors {
            let key = Verifier::try_from_bytes(bytes(test, "pk")[..].try_into().expect("64 bytes"));
            let key = key.expect("a key");
            let verified = Signature::from_bytes(bytes(test, "signature"))
                .is_ok_and(|signature| key.verify_internal(&bytes(test, "message"), &signature.0));
            assert_eq!(test["testPassed"], verified, "{}", test["reason"]);
            valid += usize::from(verified);
        }
        assert_eq!((vectors.len(), valid), (9, 3));
    }

    #[test]
    fn signatures_are_those_of_another_implementation() {
        use slh_dsa::{Shake256f, SigningKey as Other};
        for n in 0..2 {
            let mut seed = [n; SEED_BYTES];
            seed[40] = 9;
            let (ours, other) = (
                SigningKey::from_seed(&seed),
                Other::<Shake256f>::slh_keygen_internal(&seed[..32], &seed[32..64], &seed[64..]),
            );
            assert_eq!(ours.public_key().as_bytes()[..], other.verifying_key().to_bytes()[..]);
            for context in [Context::NONE, Context::BACKUP] {
                let signature = ours.sign(context, b"message");
                let theirs = other.try_sign_with_context(b"message", context.0, None).expect("signed");
                assert!(signature.as_bytes()[..] == theirs.to_bytes()[..]);
            }
        }
    }

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
        let length = |expected, found| ParseError::Length { expected, found };
        for (bad, error) in [
            (text.to_uppercase().replace("0X", "0x"), ParseError::Case),
            (text[2..].to_owned(), ParseError::Hex),
            (text[..129].to_owned(), ParseError::Hex),
            (text[..128].to_owned(), length(64, 63)),
            (format!("{text}ab"), length(64, 65)),
            (text.replace("ab", "ag"), ParseError::Hex),
        ] {
            assert_eq!(bad.parse::<PublicKey>(), Err(error), "{bad}");
        }
        let digits = "aB".repeat(SIGNATURE_BYTES);
        assert!(format!("0x{digits}").parse::<Signature>().is_ok());
        for (bad, error) in [
            (format!("0x{}", &digits[2..]), length(49_856, 49_855)),
            (format!("0x{digits}00"), length(49_856, 49_857)),
            (format!("0x{}", &digits[1..]), ParseError::Hex),
            (digits, ParseError::Hex),
        ] {
            assert_eq!(bad.parse::<Signature>(), Err(error));
        }
    }
}
