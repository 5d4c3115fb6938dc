//! Keys and signatures (FIPS 205 §9 and §10).

use crate::error::{BadSignature, LengthError, PrivateKeyError};
use crate::lanes::Backend;
use crate::message::Message;
use crate::params::{ParameterSet, RawClaim};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::num::NonZeroUsize;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Bytes of the longest public key.
const MAX_PUBLIC_KEY_BYTES: usize = 64;

/// A public key PK.seed ‖ PK.root, 2n bytes. Every value is valid.
#[derive(Clone, Copy)]
pub struct PublicKey<P> {
    /// The first 2n bytes are the key, the others are zero.
    bytes: [u8; MAX_PUBLIC_KEY_BYTES],
    set: PhantomData<P>,
}

impl<P: ParameterSet> PublicKey<P> {
    /// The key of these 2n bytes.
    ///
    /// # Errors
    /// [`LengthError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LengthError> {
        LengthError::check(P::PUBLIC_KEY_BYTES, bytes.len())?;
        let mut key = [0; MAX_PUBLIC_KEY_BYTES];
        key[..bytes.len()].copy_from_slice(bytes);
        Ok(Self { bytes: key, set: PhantomData })
    }

    /// The bytes PK.seed ‖ PK.root, 2n of them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..P::PUBLIC_KEY_BYTES]
    }

    /// Algorithms 24 and 25, `slh_verify` and `hash_slh_verify`.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, message: &Message<'_, P>, signature: &Signature<P>) -> Result<(), BadSignature> {
        let [verified] = verify_all([Claim { public_key: self, message, signature }]);
        verified
    }
}

impl<P> PartialEq for PublicKey<P> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<P> Eq for PublicKey<P> {}

impl<P> Hash for PublicKey<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl<P: ParameterSet> fmt::Debug for PublicKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} ", P::NAME)?;
        self.as_bytes()[..8].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}

/// A signature R ‖ SIG_FORS ‖ SIG_HT, 7,856 to 49,856 bytes.
#[derive(Clone)]
pub struct Signature<P> {
    bytes: Box<[u8]>,
    set: PhantomData<P>,
}

impl<P: ParameterSet> Signature<P> {
    /// The signature of these bytes. Only their number is checked.
    ///
    /// # Errors
    /// [`LengthError`].
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Result<Self, LengthError> {
        let bytes = bytes.into();
        LengthError::check(P::SIGNATURE_BYTES, bytes.len())?;
        Ok(Self { bytes, set: PhantomData })
    }

    /// The bytes R ‖ SIG_FORS ‖ SIG_HT, as many as the set says.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same bytes, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Box<[u8]> {
        self.bytes
    }
}

impl<P> PartialEq for Signature<P> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<P> Eq for Signature<P> {}

impl<P: ParameterSet> fmt::Debug for Signature<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}, {} bytes)", P::NAME, self.bytes.len())
    }
}

/// The claim that a key signed a message, which [`verify_batch`] checks.
#[derive(Clone, Copy)]
pub struct Claim<'a, P> {
    /// The key that is said to have signed.
    pub public_key: &'a PublicKey<P>,
    /// The message that is said to have been signed.
    pub message: &'a Message<'a, P>,
    /// The signature to be checked.
    pub signature: &'a Signature<P>,
}

/// Verifies several signatures, of any keys and messages, at once. Each outcome is that of
/// [`PublicKey::verify`]. It takes less time than one by one, since a signature uses the lanes that
/// another leaves idle.
#[must_use]
pub fn verify_batch<P: ParameterSet>(claims: &[Claim<'_, P>]) -> Vec<Result<(), BadSignature>> {
    let claims: Vec<RawClaim<'_>> = claims.iter().map(Claim::raw).collect();
    P::slh_verify_internal(Backend::fastest(), &claims).into_iter().map(outcome).collect()
}

/// As [`verify_batch`], for a number of claims that the compiler knows.
fn verify_all<P: ParameterSet, const N: usize>(claims: [Claim<'_, P>; N]) -> [Result<(), BadSignature>; N] {
    let verified = P::slh_verify_internal(Backend::fastest(), &claims.map(|claim| claim.raw()));
    core::array::from_fn(|i| outcome(verified[i]))
}

fn outcome(verified: bool) -> Result<(), BadSignature> {
    if verified { Ok(()) } else { Err(BadSignature) }
}

impl<'a, P: ParameterSet> Claim<'a, P> {
    fn raw(&self) -> RawClaim<'a> {
        let Self { public_key, message, signature } = *self;
        RawClaim { public_key: public_key.as_bytes(), message: message.parts(), signature: &signature.bytes }
    }
}

/// A private key SK.seed ‖ SK.prf ‖ PK.seed ‖ PK.root, 4n bytes, wiped on drop.
pub struct PrivateKey<P> {
    bytes: Zeroizing<Box<[u8]>>,
    threads: NonZeroUsize,
    set: PhantomData<P>,
}

impl<P: ParameterSet> PrivateKey<P> {
    /// A new key (algorithm 21, `slh_keygen`).
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new(alloc::vec![0; 3 * P::N]);
        rng.fill_bytes(&mut seed);
        Self::from_whole_seed(&seed)
    }

    /// The key of SK.seed ‖ SK.prf ‖ PK.seed, 3n bytes (algorithm 18, `slh_keygen_internal`).
    ///
    /// # Errors
    /// [`LengthError`].
    pub fn from_seed(seed: &[u8]) -> Result<Self, LengthError> {
        LengthError::check(3 * P::N, seed.len())?;
        Ok(Self::from_whole_seed(seed))
    }

    fn from_whole_seed(seed: &[u8]) -> Self {
        let mut bytes = Zeroizing::new(alloc::vec![0; P::PRIVATE_KEY_BYTES].into_boxed_slice());
        let (seeds, root) = bytes.split_at_mut(3 * P::N);
        seeds.copy_from_slice(seed);
        root.copy_from_slice(&P::pk_root(Backend::fastest(), &seed[..P::N], &seed[2 * P::N..]));
        Self { bytes, threads: NonZeroUsize::MIN, set: PhantomData }
    }

    /// The key of these 4n bytes. PK.root is computed again and compared, since signatures with a
    /// wrong root are not valid; that takes as long as a key generation. A damaged SK.prf is not
    /// noticed: the key then makes other signatures, which are valid.
    ///
    /// # Errors
    /// [`PrivateKeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PrivateKeyError> {
        LengthError::check(P::PRIVATE_KEY_BYTES, bytes.len())?;
        let key = Self::from_whole_seed(&bytes[..3 * P::N]);
        // The root is public, so the comparison need not be in constant time.
        if key.bytes[3 * P::N..] == bytes[3 * P::N..] { Ok(key) } else { Err(PrivateKeyError::Root) }
    }

    /// The bytes SK.seed ‖ SK.prf ‖ PK.seed ‖ PK.root, 4n of them, wiped on drop.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.bytes.to_vec())
    }

    /// The public half of the key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey<P> {
        let mut bytes = [0; MAX_PUBLIC_KEY_BYTES];
        bytes[..P::PUBLIC_KEY_BYTES].copy_from_slice(&self.bytes[2 * P::N..]);
        PublicKey { bytes, set: PhantomData }
    }

    /// The same key, which signs on up to `threads` threads; the default is one. The threads are
    /// started for each signature. The f sets gain up to the number of cores, the s sets up to the
    /// number of their layers, 7 or 8.
    #[cfg(feature = "threads")]
    #[must_use]
    pub fn on_threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, ..self }
    }

    /// Signs deterministically, with PK.seed as opt_rand (algorithm 22, `slh_sign`, and 23,
    /// `hash_slh_sign`).
    #[must_use]
    pub fn sign(&self, message: &Message<'_, P>) -> Signature<P> {
        self.sign_with(message, &self.bytes[2 * P::N..3 * P::N])
    }

    /// Signs with n random bytes as opt_rand, which the standard calls hedged and prefers if there
    /// is randomness. Side channels then see another computation each time. It does not protect
    /// against faults.
    #[must_use]
    pub fn sign_hedged(&self, message: &Message<'_, P>, rng: &mut impl CryptoRng) -> Signature<P> {
        let mut opt_rand = Zeroizing::new([0; MAX_PUBLIC_KEY_BYTES / 2]);
        rng.fill_bytes(&mut opt_rand[..P::N]);
        self.sign_with(message, &opt_rand[..P::N])
    }

    fn sign_with(&self, message: &Message<'_, P>, opt_rand: &[u8]) -> Signature<P> {
        let parts = message.parts();
        let bytes = P::slh_sign_internal(Backend::fastest(), &self.bytes, &parts, opt_rand, self.threads);
        Signature { bytes: bytes.into(), set: PhantomData }
    }
}
