//! For tests and benches: each back end, the internal functions of FIPS 205 §9, which NIST's
//! vectors test, and the number of permutations that they take.

use crate::digest::Digest;
use crate::lanes::{Lanes, Portable, States, with_lanes};
use crate::params::{ParameterSet, RawClaim};
use crate::{sign, verify};
use alloc::vec::Vec;
use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicU64, Ordering};

pub use crate::lanes::backend::Backend;

/// Algorithm 18, line 3: PK.root of SK.seed and PK.seed.
#[must_use]
pub fn pk_root<P: ParameterSet>(backend: Backend, sk_seed: &[u8], pk_seed: &[u8]) -> Vec<u8> {
    P::pk_root(backend, sk_seed, pk_seed)
}

/// Algorithm 19, for a private key of 4n bytes. `opt_rand` is addrnd or PK.seed. `threads` has an
/// effect only with the feature `threads`.
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

/// Algorithm 19 from line 11 on, for a given digest of m bytes. This is the part of signing that
/// handles secrets, and it must do the same for all keys.
#[must_use]
#[inline(never)]
pub fn sign_digest<P: ParameterSet>(backend: Backend, private_key: &[u8], digest: &[u8]) -> Vec<u8> {
    let (digest, one) = (Digest::<P>::of(digest), NonZeroUsize::MIN);
    let mut signature = Vec::with_capacity(P::SIGNATURE_BYTES);
    with_lanes!(backend, |lanes, LANES| sign::sign_digest::<P, _, LANES>(
        lanes,
        private_key,
        &digest,
        one,
        &mut signature
    ));
    signature
}

/// Algorithm 20 for several claims of public key, message and signature at once. A signature of
/// another length is not valid.
#[must_use]
pub fn slh_verify_internal<P: ParameterSet>(backend: Backend, claims: &[(&[u8], &[u8], &[u8])]) -> Vec<bool> {
    let whole: Vec<RawClaim<'_>> =
        claims.iter().filter(|(_, _, signature)| signature.len() == P::SIGNATURE_BYTES).map(raw).collect();
    let mut verified = P::slh_verify_internal(backend, &whole).into_iter();
    let outcome = |whole: bool| whole && verified.next().expect("there is one of each");
    claims.iter().map(|(_, _, signature)| signature.len() == P::SIGNATURE_BYTES).map(outcome).collect()
}

/// A claim whose M' is given as one part.
fn raw<'a>(claim: &(&'a [u8], &'a [u8], &'a [u8])) -> RawClaim<'a> {
    let (public_key, message, signature) = *claim;
    RawClaim { public_key, message: [message, &[], &[], &[]], signature }
}

/// Counts the permutations of the portable back end.
#[derive(Clone, Copy)]
struct Counting<'a>(&'a AtomicU64);

impl Lanes<1> for Counting<'_> {
    fn permute<const ROWS: usize>(self, states: &mut States<1>, used: usize) {
        self.0.fetch_add(1, Ordering::Relaxed);
        Portable.permute::<ROWS>(states, used);
    }
}

/// Permutations of a key generation, without those of the digests.
#[must_use]
pub fn permutations_of_keygen<P: ParameterSet>() -> u64 {
    let count = AtomicU64::new(0);
    sign::pk_root::<P, _, 1>(Counting(&count), &[1; 32][..P::N], &[2; 32][..P::N]);
    count.into_inner()
}

/// Permutations of a signature, without those of the digests. The number is the same for every key
/// and message.
#[must_use]
pub fn permutations_of_signing<P: ParameterSet>(private_key: &[u8], message: &[u8]) -> u64 {
    let count = AtomicU64::new(0);
    let (lanes, opt_rand) = (Counting(&count), &private_key[..P::N]);
    sign::slh_sign_internal::<P, _, 1>(lanes, private_key, &[message], opt_rand, NonZeroUsize::MIN);
    count.into_inner()
}

/// Permutations of verifying this public key, message and signature, without those of the digest.
/// The number depends on the digits that were signed.
#[must_use]
pub fn permutations_of_verifying<P: ParameterSet>(claim: (&[u8], &[u8], &[u8])) -> u64 {
    let count = AtomicU64::new(0);
    verify::slh_verify_internal::<P, _, 1>(Counting(&count), &[raw(&claim)]);
    count.into_inner()
}
