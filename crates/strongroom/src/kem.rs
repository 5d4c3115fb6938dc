//! The KEMs: ML-KEM-1024 (FIPS 203) here, the hybrid over it, and ML-KEM-768 for backups. Only this
//! file and its children name the backend.
//!
//! Keys are kept unpacked: the matrix is expanded, and the vectors are in NTT form. Each use then
//! costs a third of what it costs from bytes.

mod hybrid;
mod ml_kem_768;

use libcrux_ml_kem::mlkem1024::{MlKem1024Ciphertext, MlKem1024PrivateKey, MlKem1024PublicKey, portable};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

#[cfg(target_arch = "x86_64")]
use libcrux_ml_kem::mlkem1024::avx2;

pub use hybrid::{HYBRID_CIPHERTEXT_BYTES, HYBRID_ENCAPSULATION_KEY_BYTES, HYBRID_KEM_ID, HYBRID_SEED_BYTES};
pub(crate) use hybrid::{HybridDecapsulator, HybridEncapsulator};
pub(crate) use ml_kem_768::MlKem768;
pub use ml_kem_768::{ML_KEM_768_CIPHERTEXT_BYTES, ML_KEM_768_ENCAPSULATION_KEY_BYTES};

/// ML-KEM-1024's code point in HPKE's registry, by which keys and stanzas name it.
pub const KEM_ID: u16 = 0x0042;
/// Bytes of an encapsulation key (FIPS 203 table 3).
pub const ENCAPSULATION_KEY_BYTES: usize = 1568;
/// Bytes of an expanded decapsulation key (FIPS 203 table 3).
pub const DECAPSULATION_KEY_BYTES: usize = 3168;
/// Bytes of a KEM ciphertext (FIPS 203 table 3).
pub const CIPHERTEXT_BYTES: usize = 1568;
/// Bytes of a seed d ‖ z (FIPS 203 §7.1).
pub const SEED_BYTES: usize = 64;
/// Bytes of a shared secret, and of the randomness of one encapsulation.
pub const SHARED_SECRET_BYTES: usize = 32;
/// Where an expanded decapsulation key embeds its encapsulation key (FIPS 203 algorithm 16).
const EMBEDDED_KEY: std::ops::Range<usize> = 1536..3104;

/// A KEM ciphertext: 1,568 bytes. Every value decapsulates to some secret.
pub type Ciphertext = [u8; CIPHERTEXT_BYTES];

/// The shared secret of one encapsulation, 32 bytes, wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct SharedSecret([u8; SHARED_SECRET_BYTES]);

impl SharedSecret {
    pub(crate) fn expose(&self) -> &[u8; SHARED_SECRET_BYTES] {
        &self.0
    }
}

/// The check that an expanded decapsulation key failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyCheck {
    /// The hash in the key is not that of the embedded encapsulation key (FIPS 203 §7.3).
    #[error("the key's hash does not match its encapsulation key (FIPS 203 §7.3)")]
    Hash,
    /// The embedded encapsulation key has a coefficient of q or more (FIPS 203 §7.2).
    #[error("the encapsulation key is not reduced modulo q (FIPS 203 §7.2)")]
    Modulus,
    /// A secret coefficient is q or more, so the key has a second encoding.
    #[error("the decapsulation key is not reduced modulo q (FIPS 203 §4.2.1)")]
    Encoding,
    /// The key does not decapsulate what its encapsulation key encapsulates.
    #[error("the decapsulation key does not open what its encapsulation key seals")]
    SelfTest,
}

/// Whether the processor has AVX2. Only then are the AVX2 functions safe to call.
#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

/// An encapsulation key, checked and unpacked.
#[derive(Clone)]
pub(crate) enum Encapsulator {
    Portable(Box<portable::unpacked::MlKem1024PublicKeyUnpacked>),
    #[cfg(target_arch = "x86_64")]
    Avx2(Box<avx2::unpacked::MlKem1024PublicKeyUnpacked>),
}

impl Encapsulator {
    /// `None` if the modulus check of FIPS 203 §7.2 fails.
    pub(crate) fn new(key: &[u8; ENCAPSULATION_KEY_BYTES]) -> Option<Self> {
        let key = MlKem1024PublicKey::from(key);
        if !libcrux_ml_kem::mlkem1024::validate_public_key(&key) {
            return None;
        }
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            let mut unpacked = Box::new(avx2::unpacked::init_public_key());
            avx2::unpacked::unpacked_public_key(&key, &mut unpacked);
            return Some(Self::Avx2(unpacked));
        }
        let mut unpacked = Box::new(portable::unpacked::init_public_key());
        portable::unpacked::unpacked_public_key(&key, &mut unpacked);
        Some(Self::Portable(unpacked))
    }

    /// FIPS 203 algorithm 17 with the message `m`, 32 bytes of fresh randomness.
    pub(crate) fn encapsulate(&self, m: &[u8; SHARED_SECRET_BYTES]) -> (Ciphertext, SharedSecret) {
        let (ciphertext, secret) = match self {
            Self::Portable(key) => portable::unpacked::encapsulate(key, *m),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(key) => avx2::unpacked::encapsulate(key, *m),
        };
        (ciphertext.into(), SharedSecret(secret))
    }
}

/// A decapsulation key, checked and unpacked; wiped on drop.
pub(crate) enum Decapsulator {
    Portable(Box<portable::unpacked::MlKem1024KeyPairUnpacked>),
    #[cfg(target_arch = "x86_64")]
    Avx2(Box<avx2::unpacked::MlKem1024KeyPairUnpacked>),
}

impl Decapsulator {
    /// FIPS 203 algorithm 16 from the seed d ‖ z.
    pub(crate) fn from_seed(seed: &[u8; SEED_BYTES]) -> Self {
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            let mut key = Box::new(avx2::unpacked::init_key_pair());
            avx2::unpacked::generate_key_pair_mut(*seed, &mut key);
            return Self::Avx2(key);
        }
        let mut key = Box::new(portable::unpacked::init_key_pair());
        portable::unpacked::generate_key_pair_mut(*seed, &mut key);
        Self::Portable(key)
    }

    /// Checks an expanded key by FIPS 203 §7.3 and §7.2, and then encapsulates and decapsulates
    /// once, since an altered dk_PKE passes the hash check.
    pub(crate) fn from_expanded(bytes: &[u8; DECAPSULATION_KEY_BYTES]) -> Result<Self, KeyCheck> {
        let mut packed = MlKem1024PrivateKey::from(bytes);
        let checked = Self::unpack_checked(bytes, &packed);
        wipe(&mut packed, MlKem1024PrivateKey::default());
        checked
    }

    fn unpack_checked(
        bytes: &[u8; DECAPSULATION_KEY_BYTES],
        packed: &MlKem1024PrivateKey,
    ) -> Result<Self, KeyCheck> {
        if !libcrux_ml_kem::mlkem1024::portable::validate_private_key_only(packed) {
            return Err(KeyCheck::Hash);
        }
        let embedded: &[u8; ENCAPSULATION_KEY_BYTES] =
            bytes[EMBEDDED_KEY].try_into().expect("the range is as long as the key");
        let encapsulator = Encapsulator::new(embedded).ok_or(KeyCheck::Modulus)?;
        if !is_reduced(&bytes[..EMBEDDED_KEY.start]) {
            return Err(KeyCheck::Encoding);
        }
        let key = Self::unpack(packed);
        let (ciphertext, sent) = encapsulator.encapsulate(&[0x5A; SHARED_SECRET_BYTES]);
        if !bool::from(key.decapsulate(&ciphertext).0.ct_eq(&sent.0)) {
            return Err(KeyCheck::SelfTest);
        }
        Ok(key)
    }

    fn unpack(packed: &MlKem1024PrivateKey) -> Self {
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            let mut key = Box::new(avx2::unpacked::init_key_pair());
            avx2::unpacked::key_pair_from_private_mut(packed, &mut key);
            return Self::Avx2(key);
        }
        let mut key = Box::new(portable::unpacked::init_key_pair());
        portable::unpacked::key_pair_from_private_mut(packed, &mut key);
        Self::Portable(key)
    }

    /// The expanded form, 3,168 bytes (FIPS 203 algorithm 16).
    pub(crate) fn expanded(&self) -> Box<Zeroizing<[u8; DECAPSULATION_KEY_BYTES]>> {
        let mut packed = MlKem1024PrivateKey::default();
        match self {
            Self::Portable(key) => portable::unpacked::key_pair_serialized_private_key_mut(key, &mut packed),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(key) => avx2::unpacked::key_pair_serialized_private_key_mut(key, &mut packed),
        }
        let bytes = Box::new(Zeroizing::new(*packed.as_slice()));
        wipe(&mut packed, MlKem1024PrivateKey::default());
        bytes
    }

    /// The encapsulation key of the pair, 1,568 bytes.
    pub(crate) fn encapsulation_key(&self) -> Box<[u8; ENCAPSULATION_KEY_BYTES]> {
        let packed = match self {
            Self::Portable(key) => portable::unpacked::key_pair_serialized_public_key(key),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(key) => avx2::unpacked::key_pair_serialized_public_key(key),
        };
        Box::new(packed.into())
    }

    /// FIPS 203 algorithm 18. A ciphertext for another key gives a secret that nobody knows
    /// (implicit rejection).
    pub(crate) fn decapsulate(&self, ciphertext: &Ciphertext) -> SharedSecret {
        let ciphertext = MlKem1024Ciphertext::from(ciphertext);
        SharedSecret(match self {
            Self::Portable(key) => portable::unpacked::decapsulate(key, &ciphertext),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(key) => avx2::unpacked::decapsulate(key, &ciphertext),
        })
    }
}

impl Drop for Decapsulator {
    fn drop(&mut self) {
        match self {
            Self::Portable(key) => wipe(&mut **key, portable::unpacked::init_key_pair()),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(key) => wipe(&mut **key, avx2::unpacked::init_key_pair()),
        }
    }
}

/// Whether every 12-bit coefficient is below q (FIPS 203 §4.2.1, ByteDecode). There is no branch on
/// a coefficient.
fn is_reduced(encoded: &[u8]) -> bool {
    const Q: u16 = 3329;
    let mut borrow = 0;
    for three in encoded.as_chunks().0 {
        let [a, b, c]: [u16; 3] = three.map(u16::from);
        for coefficient in [a | (b & 0x0F) << 8, b >> 4 | c << 4] {
            borrow |= (Q - 1).wrapping_sub(coefficient) >> 15;
        }
    }
    borrow == 0
}

/// Overwrites a type of the backend, which has no `zeroize`, with its empty value. `black_box`
/// keeps the compiler from dropping the store, as far as safe code can.
fn wipe<T>(secret: &mut T, empty: T) {
    *secret = empty;
    std::hint::black_box(secret);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The portable code agrees with the dispatched code. Without this test, no machine with AVX2
    /// would run it.
    #[test]
    fn portable_and_dispatched_code_agree() {
        let seed = [7; SEED_BYTES];
        let dispatched = Decapsulator::from_seed(&seed);
        let portable = {
            let mut key = Box::new(portable::unpacked::init_key_pair());
            portable::unpacked::generate_key_pair_mut(seed, &mut key);
            Decapsulator::Portable(key)
        };
        assert!(*dispatched.expanded() == *portable.expanded());
        let encapsulator = Encapsulator::new(&dispatched.encapsulation_key()).expect("a generated key");
        let (ciphertext, sent) = encapsulator.encapsulate(&[9; 32]);
        assert!(dispatched.decapsulate(&ciphertext).0 == sent.0);
        assert!(portable.decapsulate(&ciphertext).0 == sent.0);
    }
}
