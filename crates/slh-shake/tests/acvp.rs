//! NIST's ACVP vectors of FIPS 205, through each back end.

use serde_json::Value;
use slh_shake::internals::{Backend, slh_keygen_internal, slh_sign_internal, slh_verify_internal};
use slh_shake::{ParameterSet, PrivateKey, Shake128f, Shake128s, Shake192f, Shake192s, Shake256f, Shake256s};
use std::io::Read;
use std::num::NonZeroUsize;

/// The groups of one of the files in slh-dsa 0.1.0, which testdata/packages names, that are of this set.
fn groups<P: ParameterSet>(what: &str) -> Vec<Value> {
    let folder = strongroom_testkit::fetched_package_dir("slh-dsa");
    let path = folder.join(format!("tests/acvp/SLH-DSA-{what}-FIPS205/internalProjection.json"));
    groups_in::<P>(&std::fs::read_to_string(path).expect("the vectors"))
}

fn groups_in<P: ParameterSet>(text: &str) -> Vec<Value> {
    let mut file: Value = serde_json::from_str(text).expect("JSON");
    let Value::Array(groups) = file["testGroups"].take() else { panic!("groups") };
    groups.into_iter().filter(|group| group["parameterSet"] == P::NAME).collect()
}

fn tests(group: &Value) -> &Vec<Value> {
    group["tests"].as_array().expect("tests")
}

fn bytes(test: &Value, name: &str) -> Vec<u8> {
    hex::decode(test[name].as_str().expect("hex")).expect("hex")
}

/// fips205 ships those of all sets.
#[test]
fn key_generation() {
    let path = strongroom_testkit::package_dir("fips205")
        .join("tests/nist_vectors/SLH-DSA-keyGen-FIPS205/internalProjection.json.gz");
    let mut text = String::new();
    let file = std::fs::File::open(path).expect("the vectors");
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip");
    fn of<P: ParameterSet>(text: &str) -> usize {
        let mut count = 0;
        for test in groups_in::<P>(text).iter().flat_map(tests) {
            let seed = ["skSeed", "skPrf", "pkSeed"].map(|name| bytes(test, name));
            let public_key = bytes(test, "pk");
            for backend in Backend::all() {
                let root = slh_keygen_internal::<P>(backend, &seed[0], &seed[2]);
                assert_eq!(root, public_key[P::N..], "{} {}, {}", P::NAME, test["tcId"], backend.name());
            }
            let key = PrivateKey::<P>::from_seed(&seed.concat()).expect("3n bytes");
            assert_eq!(key.to_bytes()[..], bytes(test, "sk"));
            assert_eq!(key.public_key().as_bytes(), public_key);
            count += 1;
        }
        count
    }
    let counts = [
        of::<Shake128s>(&text),
        of::<Shake128f>(&text),
        of::<Shake192s>(&text),
        of::<Shake192f>(&text),
        of::<Shake256s>(&text),
        of::<Shake256f>(&text),
    ];
    assert_eq!(counts, [10; 6]);
}

fn signing<P: ParameterSet>(groups: &[Value]) -> usize {
    let mut count = 0;
    for group in groups {
        for test in tests(group) {
            let (private_key, message) = (bytes(test, "sk"), bytes(test, "message"));
            let opt_rand = match group["deterministic"].as_bool() {
                Some(true) => private_key[2 * P::N..3 * P::N].to_vec(),
                _ => bytes(test, "additionalRandomness"),
            };
            let expected = bytes(test, "signature");
            // Each back end on another number of threads.
            for (threads, backend) in (1..).zip(Backend::all()) {
                let threads = NonZeroUsize::new(threads).expect("one or more");
                let signature = slh_sign_internal::<P>(backend, &private_key, &message, &opt_rand, threads);
                assert!(signature == expected, "{} {}, {}", P::NAME, test["tcId"], backend.name());
            }
            count += 1;
        }
    }
    count
}

fn verification<P: ParameterSet>(groups: &[Value]) -> [usize; 2] {
    let tests: Vec<&Value> = groups.iter().flat_map(tests).collect();
    let claims: Vec<[Vec<u8>; 3]> =
        tests.iter().map(|test| ["pk", "message", "signature"].map(|name| bytes(test, name))).collect();
    let claims: Vec<(&[u8], &[u8], &[u8])> =
        claims.iter().map(|[key, message, signature]| (&key[..], &message[..], &signature[..])).collect();
    let expected: Vec<bool> =
        tests.iter().map(|test| test["testPassed"].as_bool().expect("an outcome")).collect();
    for backend in Backend::all() {
        // All together, and each by itself.
        assert_eq!(slh_verify_internal::<P>(backend, &claims), expected, "{}", backend.name());
        for ((claim, expected), test) in claims.iter().zip(&expected).zip(&tests) {
            let found = slh_verify_internal::<P>(backend, &[*claim]);
            assert_eq!(found, [*expected], "{} {}, {}", P::NAME, test["reason"], backend.name());
        }
    }
    [expected.len(), expected.iter().filter(|valid| **valid).count()]
}

#[test]
fn signing_128f() {
    assert_eq!(signing::<Shake128f>(&groups::<Shake128f>("sigGen")), 20);
}

#[test]
fn signing_192s() {
    assert_eq!(signing::<Shake192s>(&groups::<Shake192s>("sigGen")), 14);
}

#[test]
fn signing_256f() {
    assert_eq!(signing::<Shake256f>(&groups::<Shake256f>("sigGen")), 20);
}

#[test]
fn verifying() {
    assert_eq!(verification::<Shake128f>(&groups::<Shake128f>("sigVer")), [9, 3]);
    assert_eq!(verification::<Shake192s>(&groups::<Shake192s>("sigVer")), [9, 3]);
    assert_eq!(verification::<Shake256f>(&groups::<Shake256f>("sigVer")), [9, 3]);
}
