//! SLH-DSA-SHAKE-256f and other implementations of it, in one run: `slh-shake` on each back end of
//! this processor, `fips205`, `slh-dsa`, and with the feature `openssl` OpenSSL 3.6, which takes
//! minutes to build. docs/reference/performance.md shows the rows.
//!
//!     cargo bench -p strongroom-trials --bench slh_dsa [--features openssl] [-- NAME]
//!
//! The elements of a row are Keccak permutations, so its rate counts those. All implementations
//! sign with the same key, and verify the same signature.

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use fips205::slh_dsa_shake_256f as fips;
use fips205::traits::{KeyGen as _, SerDes as _, Signer as _, Verifier as _};
use slh_shake::internals::{
    Backend, permutations_of_keygen, permutations_of_signing, permutations_of_verifying, pk_root,
    slh_sign_internal, slh_verify_internal,
};
use slh_shake::{Context, Message, PrivateKey, Shake256f};
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::Duration;

const MESSAGE: &[u8] = b"thirty-two bytes of some digest!";

/// M' of the message, with an empty context (FIPS 205 §10.2.1).
fn signed() -> Vec<u8> {
    [&[0, 0], MESSAGE].concat()
}

fn row(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut work: impl FnMut()) {
    group.bench_function(name, |bencher| bencher.iter(&mut work));
}

fn slh_dsa_shake_256f(criterion: &mut Criterion) {
    let seed: Vec<u8> = (0..96).collect();
    let part = |n: usize| <[u8; 32]>::try_from(&seed[32 * n..32 * (n + 1)]).expect("a third");
    let key = PrivateKey::<Shake256f>::from_seed(&seed).expect("96 bytes");
    let (private_key, public_key) = (key.to_bytes(), key.public_key());
    let message = Message::pure(Context::EMPTY, MESSAGE);
    let signature = key.sign(&message);
    let claim = (public_key.as_bytes(), &signed()[..], signature.as_bytes());
    let claims = [claim; 8];

    let (_, fips_key) = fips::KG::keygen_from_seed(&part(0), &part(1), &part(2));
    let fips_public =
        fips::PublicKey::try_from_bytes(public_key.as_bytes().try_into().expect("64")).expect("a key");
    let fips_signature: Box<[u8; 49_856]> = signature.as_bytes().to_vec().try_into().expect("as long");
    let other_key = slh_dsa::SigningKey::<slh_dsa::Shake256f>::slh_keygen_internal(
        &seed[..32],
        &seed[32..64],
        &seed[64..],
    );
    let other_public: &slh_dsa::VerifyingKey<_> = other_key.as_ref();
    let other_signature = slh_dsa::Signature::try_from(signature.as_bytes()).expect("as long");

    let mut group = criterion.benchmark_group("key generation");
    group.throughput(Throughput::Elements(permutations_of_keygen::<Shake256f>()));
    for backend in Backend::all() {
        row(&mut group, &format!("slh-shake, {}", backend.name()), || {
            black_box(pk_root::<Shake256f>(backend, &seed[..32], &seed[64..]));
        });
    }
    row(&mut group, "fips205", || {
        black_box(fips::KG::keygen_from_seed(&part(0), &part(1), &part(2)));
    });
    row(&mut group, "slh-dsa", || {
        let key = slh_dsa::SigningKey::<slh_dsa::Shake256f>::slh_keygen_internal(
            &seed[..32],
            &seed[32..64],
            &seed[64..],
        );
        black_box(key);
    });
    group.finish();

    let mut group = criterion.benchmark_group("signing");
    group.throughput(Throughput::Elements(permutations_of_signing::<Shake256f>(&private_key, &signed())));
    group.sample_size(10);
    for backend in Backend::all() {
        for threads in [1, 2].map(|n| NonZeroUsize::new(n).expect("some")) {
            let name = format!("slh-shake, {}, threads: {threads}", backend.name());
            row(&mut group, &name, || {
                let (opt_rand, message) = (&private_key[64..96], signed());
                black_box(slh_sign_internal::<Shake256f>(backend, &private_key, &message, opt_rand, threads));
            });
        }
    }
    row(&mut group, "fips205", || {
        black_box(fips_key.try_sign_with_rng(&mut NoRandomness, MESSAGE, &[], false).expect("signed"));
    });
    row(&mut group, "slh-dsa", || {
        black_box(other_key.try_sign_with_context(MESSAGE, &[], None).expect("signed"));
    });
    #[cfg(feature = "openssl")]
    row(&mut group, "OpenSSL", openssl::signing(&private_key));
    group.finish();

    let verifying = permutations_of_verifying::<Shake256f>(claim);
    let mut group = criterion.benchmark_group("verifying");
    group.throughput(Throughput::Elements(verifying));
    for backend in Backend::all() {
        row(&mut group, &format!("slh-shake, {}", backend.name()), || {
            assert_eq!(slh_verify_internal::<Shake256f>(backend, &[claim]), [true]);
        });
    }
    row(&mut group, "fips205", || assert!(fips_public.verify(MESSAGE, &fips_signature, &[])));
    row(&mut group, "slh-dsa", || {
        other_public.try_verify_with_context(MESSAGE, &[], &other_signature).expect("verified");
    });
    #[cfg(feature = "openssl")]
    row(&mut group, "OpenSSL", openssl::verifying(public_key.as_bytes(), signature.as_bytes()));
    group.throughput(Throughput::Elements(8 * verifying));
    for backend in Backend::all() {
        row(&mut group, &format!("slh-shake, {}, a batch of 8", backend.name()), || {
            assert_eq!(slh_verify_internal::<Shake256f>(backend, &claims), [true; 8]);
        });
    }
    group.finish();
}

/// A deterministic signature needs no randomness.
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

#[cfg(feature = "openssl")]
mod openssl {
    use super::MESSAGE;
    use openssl::pkey::PKey;
    use openssl::sign::{Signer, Verifier};
    use std::hint::black_box;

    /// id-slh-dsa-shake-256f, 2.16.840.1.101.3.4.3.31, as an AlgorithmIdentifier (RFC 9909).
    const ALGORITHM: [u8; 13] = [0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 31];

    /// The 128 bytes of a private key as PKCS #8. OpenSSL signs hedged.
    pub(super) fn signing(private_key: &[u8]) -> impl FnMut() {
        let der = [&[0x30, 0x81, 147, 2, 1, 0][..], &ALGORITHM, &[4, 0x81, 128], private_key].concat();
        let key = PKey::private_key_from_pkcs8(&der).expect("a key");
        move || {
            let mut signer = Signer::new_without_digest(&key).expect("a signer");
            black_box(signer.sign_oneshot_to_vec(MESSAGE).expect("signed"));
        }
    }

    /// The 64 bytes of a public key as SubjectPublicKeyInfo.
    pub(super) fn verifying(public_key: &[u8], signature: &[u8]) -> impl FnMut() {
        let der = [&[0x30, 80][..], &ALGORITHM, &[3, 65, 0], public_key].concat();
        let (key, signature) = (PKey::public_key_from_der(&der).expect("a key"), signature.to_vec());
        move || {
            let mut verifier = Verifier::new_without_digest(&key).expect("a verifier");
            assert!(verifier.verify_oneshot(&signature, MESSAGE).expect("verified"));
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(4));
    targets = slh_dsa_shake_256f
}
criterion_main!(benches);
