//! What a parameter set is (FIPS 205 §11): its constants, and the internal functions of §9.

/// w of all sets (§11, lg_w = 4): a chain has 16 values.
pub(crate) const W: u32 = 16;

/// The claim that a key signed a message, in bytes: the parts of M' (§10.2), and a signature of the
/// right length.
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

    /// The internal functions (§9) of a set. As methods of a type they are compiled once, with the
    /// settings of this crate.
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
    /// The standard's name, such as `SLH-DSA-SHAKE-256f`.
    const NAME: &'static str;
    /// n: the security parameter, the bytes of a node.
    const N: usize;
    /// h: the height of the hypertree.
    const H: usize;
    /// d: the number of layers of the hypertree.
    const D: usize;
    /// h': the height of one XMSS tree.
    const H_PRIME: usize = Self::H / Self::D;
    /// a: the height of a FORS tree.
    const A: usize;
    /// k: the number of FORS trees.
    const K: usize;
    /// m: the bytes of a message digest.
    const M: usize = (Self::K * Self::A).div_ceil(8)
        + (Self::H - Self::H / Self::D).div_ceil(8)
        + (Self::H / Self::D).div_ceil(8);
    /// len: the number of chains of a WOTS+ key (equation 5.4, for lg_w = 4).
    const LEN: usize = 2 * Self::N + 3;
    /// Bytes of a public key PK.seed ‖ PK.root.
    const PUBLIC_KEY_BYTES: usize = 2 * Self::N;
    /// Bytes of a private key SK.seed ‖ SK.prf ‖ PK.seed ‖ PK.root.
    const PRIVATE_KEY_BYTES: usize = 4 * Self::N;
    /// Bytes of a signature.
    const SIGNATURE_BYTES: usize =
        Self::N * (1 + Self::K * (Self::A + 1) + Self::H + Self::D * (2 * Self::N + 3));
}
