//! NIST's ACVP vectors of FIPS 205. Those of the internal functions and of verification go through
//! each back end of this processor.

use serde_json::Value;
use sha2::{Digest, Sha256};
use slh_shake::internals::{Backend, pk_root, slh_sign_internal, slh_verify_internal};
use slh_shake::{
    BadSignature, Context, HashFunction, Message, ParameterSet, PreHashed, PrivateKey, PublicKey, Shake128f,
    Shake128s, Shake192f, Shake192s, Shake256f, Shake256s, Signature, WeakHash,
};
use std::convert::Infallible;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;

/// The groups of one of the files in slh-dsa 0.1.0, which testdata/packages names, that are of this
/// set.
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

fn unzipped(path: &Path) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(path).expect("the vectors");
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip");
    text
}

/// fips205 ships those of all sets.
#[test]
fn key_generation() {
    let folder = strongroom_testkit::package_dir("fips205");
    let text = unzipped(&folder.join("tests/nist_vectors/SLH-DSA-keyGen-FIPS205/internalProjection.json.gz"));
    fn of<P: ParameterSet>(text: &str) -> usize {
        let mut count = 0;
        for test in groups_in::<P>(text).iter().flat_map(tests) {
            let seed = ["skSeed", "skPrf", "pkSeed"].map(|name| bytes(test, name));
            let public_key = bytes(test, "pk");
            for backend in Backend::all() {
                let root = pk_root::<P>(backend, &seed[0], &seed[2]);
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
    let mut count: usize = 0;
    for group in groups {
        for test in tests(group) {
            let (private_key, message) = (bytes(test, "sk"), bytes(test, "message"));
            let opt_rand = match group["deterministic"].as_bool() {
                Some(true) => private_key[2 * P::N..3 * P::N].to_vec(),
                _ => bytes(test, "additionalRandomness"),
            };
            let expected = bytes(test, "signature");
            // Each back end on another number of threads; of the sets that sign slowly the slowest
            // seldom.
            let slow = P::H_PRIME > 4 && !count.is_multiple_of(7) && Backend::all().len() > 1;
            for (threads, backend) in (1..).zip(Backend::all()).skip(usize::from(slow)) {
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

/// The tests of a set in testdata/slh-dsa, to sign or to verify.
fn selection<P: ParameterSet>(what: &str) -> Vec<Value> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/slh-dsa/acvp.json.gz"));
    let mut file: Value = serde_json::from_str(&unzipped(path)).expect("JSON");
    let Value::Array(tests) = file[what].take() else { panic!("tests") };
    tests.into_iter().filter(|test| test["parameterSet"] == P::NAME).collect()
}

/// `None` for functions that are too weak for every set.
fn hash_function(name: &str) -> Option<HashFunction> {
    Some(match name {
        "SHA2-256" => HashFunction::Sha256,
        "SHA2-384" => HashFunction::Sha384,
        "SHA2-512" => HashFunction::Sha512,
        "SHA2-512/256" => HashFunction::Sha512_256,
        "SHA3-256" => HashFunction::Sha3_256,
        "SHA3-384" => HashFunction::Sha3_384,
        "SHA3-512" => HashFunction::Sha3_512,
        "SHAKE-128" => HashFunction::Shake128,
        "SHAKE-256" => HashFunction::Shake256,
        "SHA2-224" | "SHA2-512/224" | "SHA3-224" => return None,
        other => panic!("{other} is no hash function of FIPS 205"),
    })
}

/// What the standard's external functions sign in a test; none where the hash is too weak.
struct Signed {
    context: Vec<u8>,
    message: Vec<u8>,
    hash: Option<PreHashed>,
}

impl Signed {
    fn of(test: &Value) -> Option<Self> {
        let message = bytes(test, "message");
        let hash = match test["hashAlg"].as_str() {
            Some(name) => Some(PreHashed::new(hash_function(name)?, &message)),
            None => None,
        };
        Some(Self { context: bytes(test, "context"), message, hash })
    }

    fn message<P: ParameterSet>(&self) -> Result<Message<'_, P>, WeakHash> {
        let context = Context::new(&self.context).expect("short");
        match &self.hash {
            Some(hash) => Message::pre_hashed(context, hash),
            None => Ok(Message::pure(context, &self.message)),
        }
    }
}

/// Object identifier and hash, by the libraries that have the functions, for those among the tests
/// to verify.
fn pre_hashed(name: &str, message: &[u8]) -> Vec<u8> {
    let (number, hash) = match name {
        "SHA2-512" => (3, sha2::Sha512::digest(message).to_vec()),
        "SHA3-512" => (10, sha3::Sha3_512::digest(message).to_vec()),
        "SHAKE-256" => {
            use shake::digest::{ExtendableOutput, Update, XofReader};
            let (mut hash, mut out) = (shake::Shake256::default(), vec![0; 64]);
            hash.update(message);
            hash.finalize_xof().read(&mut out);
            (12, out)
        }
        other => panic!("{other} is not among the tests to verify"),
    };
    [&[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, number][..], &hash].concat()
}

/// An RNG of the bytes that a test has.
struct Given(Vec<u8>);

impl rand_core::TryRng for Given {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("bytes are asked for")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("bytes are asked for")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.copy_from_slice(&self.0);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Given {}

/// How many were signed and verified, and how many hash functions refused.
fn signing_selection<P: ParameterSet>() -> (usize, usize) {
    let (mut signed, mut refused) = (0, 0);
    for test in selection::<P>("signing") {
        let private_key = bytes(&test, "sk");
        let opt_rand = test["additionalRandomness"].as_str().map(|text| hex::decode(text).expect("hex"));
        let check = |signature: &[u8]| {
            let digest = hex::encode_upper(Sha256::digest(signature));
            assert_eq!(test["signatureSha256"], digest, "{} {}", P::NAME, test["tcId"]);
        };
        if test["interface"] == "internal" {
            let opt_rand = opt_rand.unwrap_or_else(|| private_key[2 * P::N..3 * P::N].to_vec());
            let message = bytes(&test, "message");
            for backend in Backend::all() {
                check(&slh_sign_internal::<P>(backend, &private_key, &message, &opt_rand, NonZeroUsize::MIN));
            }
            signed += 1;
            continue;
        }
        let of = Signed::of(&test);
        let Some(Ok(message)) = of.as_ref().map(Signed::message::<P>) else {
            refused += 1;
            continue;
        };
        let key = PrivateKey::<P>::from_bytes(&private_key).expect("a key");
        let signature = match opt_rand {
            Some(opt_rand) => key.sign_hedged(&message, &mut Given(opt_rand)),
            None => key.sign(&message),
        };
        check(signature.as_bytes());
        assert_eq!(key.public_key().verify(&message, &signature), Ok(()));
        signed += 1;
    }
    (signed, refused)
}

#[test]
fn signing_of_all_sets() {
    // Two pure, two internal, and as many as there are hash functions that are strong enough.
    assert_eq!(signing_selection::<Shake128s>(), (4 + 9, 3));
    assert_eq!(signing_selection::<Shake128f>(), (4 + 9, 3));
    assert_eq!(signing_selection::<Shake192s>(), (4 + 5, 7));
    assert_eq!(signing_selection::<Shake192f>(), (4 + 5, 7));
    assert_eq!(signing_selection::<Shake256s>(), (4 + 3, 9));
    assert_eq!(signing_selection::<Shake256f>(), (4 + 3, 9));
}

#[test]
fn verifying_of_the_other_sets() {
    fn of<P: ParameterSet>() -> usize {
        let tests = selection::<P>("verifying");
        for test in &tests {
            let signed = Signed::of(test).expect("a strong hash");
            let key = PublicKey::<P>::from_bytes(&bytes(test, "pk")).expect("a key");
            let signature = Signature::from_bytes(bytes(test, "signature")).expect("as long");
            let verified = key.verify(&signed.message().expect("a strong hash"), &signature);
            let expected = if test["testPassed"] == true { Ok(()) } else { Err(BadSignature) };
            assert_eq!(verified, expected, "{} {}", P::NAME, test["tcId"]);
            // M', put together independently here, on each back end.
            let prefix =
                [u8::from(signed.hash.is_some()), u8::try_from(signed.context.len()).expect("short")];
            let body = match test["hashAlg"].as_str() {
                None => signed.message.clone(),
                Some(name) => pre_hashed(name, &signed.message),
            };
            let signed = [&prefix[..], &signed.context, &body].concat();
            for backend in Backend::all() {
                let claim = (key.as_bytes(), &signed[..], signature.as_bytes());
                assert_eq!(
                    slh_verify_internal::<P>(backend, &[claim]),
                    [expected.is_ok()],
                    "{}",
                    backend.name()
                );
            }
        }
        tests.len()
    }
    assert_eq!([of::<Shake128s>(), of::<Shake192f>(), of::<Shake256s>()], [3; 3]);
}
