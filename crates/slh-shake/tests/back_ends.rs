//! Every back end computes the same, from a processor's widest vectors to words. Short enough to run where the processor is emulated:
//! checks/avx512.sh does, and names in `STRONGROOM_BACK_ENDS` the back ends that it asks for.

use flate2::read::GzDecoder;
use serde_json::Value;
use sha2::{Digest, Sha256};
use slh_shake::internals::{Backend, slh_keygen_internal, slh_sign_internal, slh_verify_internal};
use slh_shake::{ParameterSet, Shake128f, Shake192f, Shake256f};
use std::num::NonZeroUsize;

/// Those that are asked for, all of which must be there; else all that there are.
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
    let root = |backend| slh_keygen_internal::<P>(backend, &seed[..P::N], &seed[2 * P::N..]);
    let portable = root(Backend::all()[0]);
    for backend in back_ends() {
        assert_eq!(root(backend), portable, "{}, {}", P::NAME, backend.name());
    }
}

#[test]
fn keys() {
    keys_are_alike::<Shake128f>();
    keys_are_alike::<Shake192f>();
    keys_are_alike::<Shake256f>();
}

/// A deterministic vector of NIST's, and what it signs verified in a batch.
#[test]
fn signatures() {
    type Set = Shake128f;
    let file = GzDecoder::new(&include_bytes!("../../../testdata/slh-dsa/acvp.json.gz")[..]);
    let file: Value = serde_json::from_reader(file).expect("JSON");
    let mut tests = file["signing"].as_array().expect("tests").iter();
    let test = tests.find(|test| {
        test["parameterSet"] == Set::NAME
            && test["interface"] == "internal"
            && test["additionalRandomness"].is_null()
    });
    let test = test.expect("a test");
    let bytes = |name: &str| hex::decode(test[name].as_str().expect("hex")).expect("hex");
    let (private_key, message) = (bytes("sk"), bytes("message"));
    let (pk_seed, public_key) = (&private_key[2 * Set::N..3 * Set::N], &private_key[2 * Set::N..]);
    for backend in back_ends() {
        let name = backend.name();
        println!("{name}");
        let signature = slh_sign_internal::<Set>(backend, &private_key, &message, pk_seed, NonZeroUsize::MIN);
        assert_eq!(hex::encode_upper(Sha256::digest(&signature)), test["signatureSha256"], "{name}");
        let mut altered = signature.clone();
        altered[9000] ^= 1;
        // So many that there is a round with all lanes, and one with a single lane.
        let mut claims = vec![(public_key, &message[..], &signature[..]); 9];
        claims[7].2 = &altered;
        let expected: Vec<bool> = (0..9).map(|i| i != 7).collect();
        assert_eq!(slh_verify_internal::<Set>(backend, &claims), expected, "{name}");
    }
}
