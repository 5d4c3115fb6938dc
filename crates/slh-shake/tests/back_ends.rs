//! Every back end computes the same, from the widest vectors to words. The tests are short enough
//! for an emulated processor: checks/avx512.sh runs them on one, and names the back ends that must
//! be there in `STRONGROOM_BACK_ENDS`.

use sha2::{Digest, Sha256};
use slh_shake::internals::{Backend, pk_root, slh_sign_internal, slh_verify_internal};
use slh_shake::{ParameterSet, Shake128f, Shake192f, Shake256f};
use std::num::NonZeroUsize;

/// The back ends that are asked for, all of which must be there; else all of this processor.
fn back_ends() -> Vec<Backend> {
    let all = Backend::all();
    let Ok(names) = std::env::var("STRONGROOM_BACK_ENDS") else { return all };
    let named = |name: &str| {
        all.iter()
            .copied()
            .find(|backend| backend.name() == name)
            .unwrap_or_else(|| panic!("{name} is not here"))
    };
    names.split(';').map(named).collect()
}

fn keys_are_alike<P: ParameterSet>() {
    let seed: Vec<u8> = (0..3 * P::N).map(|n| n as u8).collect();
    let root = |backend| pk_root::<P>(backend, &seed[..P::N], &seed[2 * P::N..]);
    let portable = root(Backend::all()[0]);
    for backend in back_ends() {
        assert_eq!(root(backend), portable, "{}, {}", P::NAME, backend.name());
    }
}

/// A test of its own, since it takes minutes under Miri.
#[test]
fn keys_128f() {
    keys_are_alike::<Shake128f>();
}

#[test]
fn keys() {
    keys_are_alike::<Shake192f>();
    keys_are_alike::<Shake256f>();
}

/// NIST's deterministic vector of `slh_sign_internal` with tcId 137 (testdata/slh-dsa): the private
/// key, and the SHA-256 of the signature.
const PRIVATE_KEY: &str = "1DB8D66744E6BCAA551A18B9CB6DD0D1B75CD984A6735CCE2B323621C53F42CA\
                           D541850011514487EF2212E435DC16F4FF63ABCDC770B395365F2D895346773D";
const MESSAGE: &[u8] = &[0x8F];
const SIGNATURE_SHA256: &str = "3F67C5420BA7D1B58C1149E260843DD658F0FF3049326EC246ADB4697F8C6419";

/// Signs it, and verifies the signature in a batch.
#[test]
fn signatures() {
    type Set = Shake128f;
    let private_key = hex::decode(PRIVATE_KEY).expect("hex");
    let (pk_seed, public_key) = (&private_key[2 * Set::N..3 * Set::N], &private_key[2 * Set::N..]);
    for backend in back_ends() {
        let name = backend.name();
        println!("{name}");
        let signature = slh_sign_internal::<Set>(backend, &private_key, MESSAGE, pk_seed, NonZeroUsize::MIN);
        assert_eq!(hex::encode_upper(Sha256::digest(&signature)), SIGNATURE_SHA256, "{name}");
        let mut altered = signature.clone();
        altered[9000] ^= 1;
        // The number is such that one round uses all lanes, and one a single lane.
        let mut claims = vec![(public_key, MESSAGE, &signature[..]); 9];
        claims[7].2 = &altered;
        let expected: Vec<bool> = (0..9).map(|i| i != 7).collect();
        assert_eq!(slh_verify_internal::<Set>(backend, &claims), expected, "{name}");
    }
}
