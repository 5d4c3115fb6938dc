//! What a parameter set is (FIPS 205 §11): its constants, and the internal functions of §9.

/// w of all sets (§11, lg_w = 4): chains of 16 values.
pub(crate) const W: u32 = 16;

/// That a key signed a message, as bytes: the parts of M' (§10.2), and a signature of the right length.
#[derive(Clone, Copy)]
pub struct RawClaim<'a> {
    /// PK.seed ‖ PK.root.
    pub(crate) public_key: &'a [u8],
    pub(crate) message: [&'a [u8]; 4],
    pub(crate) signature: &'a [u8],
}

pub(crate) mod sealed {
    use super::RawClaim;
    use crate::lanes::Backend;
    use alloc::vec::Vec;
    use core::num::NonZeroUsize;

    /// The internal functions (§9) of a set, so that they are compiled here and once, as this crate is compiled.
    pub trait Sealed: Sized {
        fn pk_root(backend: Backend, sk_seed: &[u8], pk_seed: &[u8]) -> Vec<u8>;
        fn slh_sign_internal(
            backend: Backend,
            private_key: &[u8],
            message: &[&[u8]],
            opt_rand: &[u8],
            threads: NonZeroUsize,
        ) -> Vec<u8>;
        fn slh_verify_internal(backend: Backend, claims: &[RawClaim<'_>]) -> Vec<bool>;
    }
}

/// A parameter set. The names of its constants are the standard's.
pub trait ParameterSet: sealed::Sealed + Copy + Send + Sync + 'static {
    /// Its name, such as `SLH-DSA-SHAKE-256f`.
    const NAME: &'static str;
    /// Security parameter: bytes of a node.
    const N: usize;
    /// Height of the hypertree.
    const H: usize;
    /// Its layers.
    const D: usize;
    /// Height of one XMSS tree.
    const H_PRIME: usize = Self::H / Self::D;
    /// Height of a FORS tree.
    const A: usize;
    /// FORS trees.
    const K: usize;
    /// Bytes of a message digest.
    const M: usize = (Self::K * Self::A).div_ceil(8)
        + (Self::H - Self::H / Self::D).div_ceil(8)
        + (Self::H / Self::D).div_ceil(8);
    /// Chains of a WOTS+ key (equation 5.4, for lg_w = 4).
    const LEN: usize = 2 * Self::N + 3;
    /// Bytes of a public key PK.seed ‖ PK.root.
    const PUBLIC_KEY_BYTES: usize = 2 * Self::N;
    /// Bytes of a private key SK.seed ‖ SK.prf ‖ PK.seed ‖ PK.root.
    const PRIVATE_KEY_BYTES: usize = 4 * Self::N;
    /// Bytes of a signature.
    const SIGNATURE_BYTES: usize =
        Self::N * (1 + Self::K * (Self::A + 1) + Self::H + Self::D * (2 * Self::N + 3));
}
