//! What tests and benches look at: each back end by itself, and the internal functions of FIPS 205 §9, for which NIST's vectors are.

use crate::params::ParameterSet;
use crate::verify::Opening;
use alloc::vec::Vec;
use core::num::NonZeroUsize;

pub use crate::lanes::Backend;

/// Algorithm 18: PK.root of SK.seed and PK.seed.
#[must_use]
pub fn slh_keygen_internal<P: ParameterSet>(backend: Backend, sk_seed: &[u8], pk_seed: &[u8]) -> Vec<u8> {
    P::root(backend, sk_seed, pk_seed)
}

/// Algorithm 19, for a private key of 4n bytes; `opt_rand` is addrnd or PK.seed.
#[must_use]
pub fn slh_sign_internal<P: ParameterSet>(
    backend: Backend,
    private_key: &[u8],
    message: &[u8],
    opt_rand: &[u8],
    threads: NonZeroUsize,
) -> Vec<u8> {
    P::slh_sign_internal(backend, private_key, &[message], opt_rand, threads)
}

/// Algorithm 20, of signatures side by side: public key, message and signature each. A signature of another length is none.
#[must_use]
pub fn slh_verify_internal<P: ParameterSet>(backend: Backend, claims: &[(&[u8], &[u8], &[u8])]) -> Vec<bool> {
    let whole: Vec<Opening<'_, P>> = claims
        .iter()
        .filter(|(_, _, signature)| signature.len() == P::SIGNATURE_BYTES)
        .map(|(key, message, signature)| Opening::new(key, &[message], signature))
        .collect();
    let mut verified = P::slh_verify_internal(backend, &whole).into_iter();
    let outcome = |whole: bool| whole && verified.next().expect("there is one of each");
    claims.iter().map(|(_, _, signature)| signature.len() == P::SIGNATURE_BYTES).map(outcome).collect()
}
