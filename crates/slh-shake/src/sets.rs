//! The six SHAKE parameter sets (FIPS 205 §11, table 2), each a type.

use crate::lanes::{Backend, with_lanes};
use crate::params::{ParameterSet, RawClaim, sealed};
use crate::{sign, verify};
use alloc::vec::Vec;
use core::num::NonZeroUsize;

macro_rules! set {
    ($name:ident, $text:literal, $n:literal, $h:literal, $d:literal, $a:literal, $k:literal) => {
        #[doc = concat!("`", $text, "`")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name;

        impl sealed::Sealed for $name {
            fn pk_root(backend: Backend, sk_seed: &[u8], pk_seed: &[u8]) -> Vec<u8> {
                with_lanes!(backend, |lanes, LANES| sign::pk_root::<Self, _, LANES>(lanes, sk_seed, pk_seed))
            }

            fn slh_sign_internal(
                backend: Backend,
                private_key: &[u8],
                message: &[&[u8]],
                opt_rand: &[u8],
                threads: NonZeroUsize,
            ) -> Vec<u8> {
                with_lanes!(backend, |lanes, LANES| {
                    sign::slh_sign_internal::<Self, _, LANES>(lanes, private_key, message, opt_rand, threads)
                })
            }

            fn slh_verify_internal(backend: Backend, claims: &[RawClaim<'_>]) -> Vec<bool> {
                with_lanes!(backend, |lanes, LANES| verify::slh_verify_internal::<Self, _, LANES>(
                    lanes, claims
                ))
            }
        }

        impl ParameterSet for $name {
            const NAME: &'static str = $text;
            const N: usize = $n;
            const H: usize = $h;
            const D: usize = $d;
            const A: usize = $a;
            const K: usize = $k;
        }
    };
}

set!(Shake128s, "SLH-DSA-SHAKE-128s", 16, 63, 7, 12, 14);
set!(Shake128f, "SLH-DSA-SHAKE-128f", 16, 66, 22, 6, 33);
set!(Shake192s, "SLH-DSA-SHAKE-192s", 24, 63, 7, 14, 17);
set!(Shake192f, "SLH-DSA-SHAKE-192f", 24, 66, 22, 8, 33);
set!(Shake256s, "SLH-DSA-SHAKE-256s", 32, 64, 8, 14, 22);
set!(Shake256f, "SLH-DSA-SHAKE-256f", 32, 68, 17, 9, 35);

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 205, table 2: m, public key bytes, signature bytes.
    #[test]
    fn sizes_are_the_standards() {
        fn sizes<P: ParameterSet>() -> (usize, usize, usize) {
            (P::M, P::PUBLIC_KEY_BYTES, P::SIGNATURE_BYTES)
        }
        assert_eq!(sizes::<Shake128s>(), (30, 32, 7856));
        assert_eq!(sizes::<Shake128f>(), (34, 32, 17088));
        assert_eq!(sizes::<Shake192s>(), (39, 48, 16224));
        assert_eq!(sizes::<Shake192f>(), (42, 48, 35664));
        assert_eq!(sizes::<Shake256s>(), (47, 64, 29792));
        assert_eq!(sizes::<Shake256f>(), (49, 64, 49856));
    }
}
