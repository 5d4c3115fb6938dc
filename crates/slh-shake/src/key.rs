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

/// A public key PK.seed ‖ PK.root, 2n bytes. Every value is one.
#[derive(Clone, Copy)]
pub struct PublicKey<P> {
    /// Of which the set's first count; the others are zero.
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

    /// The 2n bytes.
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
    /// The signature of these bytes. Every value of the right length is one, of some key or other.
    ///
    /// # Errors
    /// [`LengthError`].
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Result<Self, LengthError> {
        let bytes = bytes.into();
        LengthError::check(P::SIGNATURE_BYTES, bytes.len())?;
        Ok(Self { bytes, set: PhantomData })
    }

    /// The bytes, as many as the set says.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, without a copy.
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

/// That a key signed a message: one of several that [`verify_batch`] looks at.
#[derive(Clone, Copy)]
pub struct Claim<'a, P> {
    /// Whose signature it should be.
    pub public_key: &'a PublicKey<P>,
    /// What it should be of.
    pub message: &'a Message<'a, P>,
    /// The signature.
    pub signature: &'a Signature<P>,
}

/// Verifies signatures, of whatever keys and messages, side by side: each outcome is that of [`PublicKey::verify`], in less time than one by
/// one, since lanes that one signature leaves idle are another's.
#[must_use]
pub fn verify_batch<P: ParameterSet>(claims: &[Claim<'_, P>]) -> Vec<Result<(), BadSignature>> {
    let claims: Vec<RawClaim<'_>> = claims.iter().map(Claim::raw).collect();
    P::slh_verify_internal(Backend::fastest(), &claims).into_iter().map(outcome).collect()
}

/// The same of a number that is known.
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

    /// The key of these 4n bytes. Its root is computed again, as long as a key generation takes, since a wrong one would spoil what is signed.
    /// A damaged SK.prf is not noticed: with it a key signs validly, and otherwise than before.
    ///
    /// # Errors
    /// [`PrivateKeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PrivateKeyError> {
        LengthError::check(P::PRIVATE_KEY_BYTES, bytes.len())?;
        let key = Self::from_whole_seed(&bytes[..3 * P::N]);
        // The root is public.
        if key.bytes[3 * P::N..] == bytes[3 * P::N..] { Ok(key) } else { Err(PrivateKeyError::Root) }
    }

    /// The 4n bytes, wiped on drop.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.bytes.to_vec())
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey<P> {
        let mut bytes = [0; MAX_PUBLIC_KEY_BYTES];
        bytes[..P::PUBLIC_KEY_BYTES].copy_from_slice(&self.bytes[2 * P::N..]);
        PublicKey { bytes, set: PhantomData }
    }

    /// The same key, which signs on so many threads; one, unless this is said. They are started for each signature, as many as can be had. The
    /// f sets gain by as many as there are cores, the s sets by no more than they have layers, 7 or 8.
    #[cfg(feature = "threads")]
    #[must_use]
    pub fn on_threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, ..self }
    }

    /// The deterministic signature: opt_rand is PK.seed (algorithm 22, `slh_sign`, and 23, `hash_slh_sign`).
    #[must_use]
    pub fn sign(&self, message: &Message<'_, P>) -> Signature<P> {
        self.sign_with(message, &self.bytes[2 * P::N..3 * P::N])
    }

    /// The hedged signature, which the standard prefers where randomness can be had: opt_rand is n random bytes, so that side channels meet another
    /// computation each time. Against faults it does not help.
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
