//! Refusals of signatures, keys and messages.

use slh_shake::internals::{Backend, slh_sign_internal, slh_verify_internal};
use slh_shake::{
    BadSignature, Claim, Context, ContextTooLong, HashFunction, LengthError, Message, ParameterSet,
    PreHashed, PrivateKey, PrivateKeyError, PublicKey, Shake128f, Shake128s, Shake192f, Shake192s, Shake256f,
    Shake256s, Signature, WeakHash, verify_batch,
};
use static_assertions::assert_not_impl_any;
use std::fmt;
use std::num::NonZeroUsize;

assert_not_impl_any!(PrivateKey<Shake256f>: fmt::Debug, fmt::Display, Clone, PartialEq);

const MESSAGE: &[u8] = b"a message";

/// A key of some seed; f sets sign fast.
fn key<P: ParameterSet>(byte: u8) -> PrivateKey<P> {
    PrivateKey::from_seed(&vec![byte; 3 * P::N]).expect("3n bytes")
}

fn context(text: &[u8]) -> Context<'_> {
    Context::new(text).expect("short")
}

#[test]
fn tampering_anywhere_is_refused_by_every_back_end() {
    tampering_is_refused::<Shake128f>(1);
    tampering_is_refused::<Shake192f>(11);
    tampering_is_refused::<Shake256f>(13);
}

/// Changes one byte at a time: of every node (or of one node in so many), of R, of the key, and
/// every byte of message and context.
fn tampering_is_refused<Set: ParameterSet>(step: usize) {
    let private_key = key::<Set>(1);
    let message = [&[0, 7], &b"context"[..], MESSAGE].concat();
    let (secret, public_key) = (private_key.to_bytes(), private_key.public_key());
    let opt_rand = &secret[2 * Set::N..3 * Set::N];
    for backend in Backend::all() {
        let signature = slh_sign_internal::<Set>(backend, &secret, &message, opt_rand, NonZeroUsize::MIN);
        let altered = |bytes: &[u8], at: usize| {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 1 << (at % 8);
            bytes
        };
        let verify = |key: &[u8], message: &[u8], signature: &[u8]| {
            slh_verify_internal::<Set>(backend, &[(key, message, signature)]) == [true]
        };
        assert!(verify(public_key.as_bytes(), &message, &signature), "{}", backend.name());
        for node in (0..signature.len() / Set::N).step_by(step) {
            let at = node * Set::N + node % Set::N;
            let altered = altered(&signature, at);
            assert!(!verify(public_key.as_bytes(), &message, &altered), "{}, byte {at}", backend.name());
        }
        for at in 0..message.len() {
            assert!(!verify(public_key.as_bytes(), &altered(&message, at), &signature), "message {at}");
        }
        for at in 0..Set::PUBLIC_KEY_BYTES {
            assert!(!verify(&altered(public_key.as_bytes(), at), &message, &signature), "key {at}");
        }
    }
}

#[test]
fn a_signature_is_of_one_key_one_message_one_context_and_one_kind() {
    let (key, other) = (key::<Shake128f>(1), key::<Shake128f>(2));
    let signature = key.sign(&Message::pure(context(b"ab"), b"cd"));
    let verify =
        |key: &PrivateKey<Shake128f>, message: Message<'_, _>| key.public_key().verify(&message, &signature);
    assert_eq!(verify(&key, Message::pure(context(b"ab"), b"cd")), Ok(()));
    assert_eq!(verify(&other, Message::pure(context(b"ab"), b"cd")), Err(BadSignature));
    for (text, message) in
        [(&b"ab"[..], &b"ce"[..]), (b"a", b"bcd"), (b"abc", b"d"), (b"", b"abcd"), (b"ac", b"cd")]
    {
        assert_eq!(verify(&key, Message::pure(context(text), message)), Err(BadSignature));
    }
    // A signature of a hash is not one of a message with the same bytes: the domain separator
    // differs.
    let hash = PreHashed::new(HashFunction::Sha256, MESSAGE);
    let pre_hashed = Message::pre_hashed(Context::EMPTY, &hash).expect("strong");
    let signature = key.sign(&pre_hashed);
    assert_eq!(key.public_key().verify(&pre_hashed, &signature), Ok(()));
    let oid = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
    let same_bytes = [&oid[..], &<sha2::Sha256 as sha2::Digest>::digest(MESSAGE)].concat();
    let pure = Message::pure(Context::EMPTY, &same_bytes);
    assert_eq!(key.public_key().verify(&pure, &signature), Err(BadSignature));
    let sha3 = PreHashed::from_bytes(HashFunction::Sha3_256, &same_bytes[11..]).expect("32 bytes");
    let sha3 = Message::pre_hashed(Context::EMPTY, &sha3).expect("strong");
    assert_eq!(key.public_key().verify(&sha3, &signature), Err(BadSignature));
}

#[test]
fn lengths_have_their_errors() {
    fn of<P: ParameterSet>() {
        let wrong = length_error;
        for by in [-1_isize, 1] {
            let other = |bytes: usize| bytes.checked_add_signed(by).expect("more than none");
            let (n, public, private, signature) =
                (3 * P::N, P::PUBLIC_KEY_BYTES, P::PRIVATE_KEY_BYTES, P::SIGNATURE_BYTES);
            assert_eq!(
                PublicKey::<P>::from_bytes(&vec![0; other(public)]),
                Err(wrong(public, other(public)))
            );
            let found = Signature::<P>::from_bytes(vec![0; other(signature)]);
            assert_eq!(found, Err(wrong(signature, other(signature))));
            assert_eq!(PrivateKey::<P>::from_seed(&vec![0; other(n)]).err(), Some(wrong(n, other(n))));
            let found = PrivateKey::<P>::from_bytes(&vec![0; other(private)]).err();
            assert_eq!(found, Some(PrivateKeyError::Length(wrong(private, other(private)))));
        }
    }
    of::<Shake128s>();
    of::<Shake128f>();
    of::<Shake192s>();
    of::<Shake192f>();
    of::<Shake256s>();
    of::<Shake256f>();
    for function in [HashFunction::Sha256, HashFunction::Sha3_384, HashFunction::Shake256] {
        let bytes = function.output_bytes();
        assert!(PreHashed::from_bytes(function, &vec![0; bytes]).is_ok());
        assert_eq!(PreHashed::from_bytes(function, &vec![0; bytes + 1]), Err(length_error(bytes, bytes + 1)));
    }
    assert!(Context::new(&[0; 255]).is_ok());
    assert_eq!(Context::new(&[0; 256]), Err(ContextTooLong));
    assert_eq!(length_error(64, 63).to_string(), "64 bytes were expected, these are 63");
}

/// Only the crate can make this error, here for a key of another length.
fn length_error(expected: usize, found: usize) -> LengthError {
    let mut error = PublicKey::<Shake256f>::from_bytes(&[]).expect_err("too short");
    (error.expected, error.found) = (expected, found);
    error
}

#[test]
fn a_private_key_with_a_wrong_root_is_refused() {
    let bytes = key::<Shake128f>(3).to_bytes();
    assert!(PrivateKey::<Shake128f>::from_bytes(&bytes).is_ok());
    // SK.prf has no part in the root. With a wrong one, the key makes other signatures, which are
    // valid.
    for at in [0, 15, 32, 47, 48, 63] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        assert_eq!(
            PrivateKey::<Shake128f>::from_bytes(&bytes).err(),
            Some(PrivateKeyError::Root),
            "byte {at}"
        );
    }
}

#[test]
fn weak_hashes_are_refused() {
    fn of<P: ParameterSet>(function: HashFunction) -> bool {
        let hash = PreHashed::new(function, MESSAGE);
        Message::<P>::pre_hashed(Context::EMPTY, &hash).err() != Some(WeakHash)
    }
    use HashFunction::{
        Sha3_256, Sha3_384, Sha3_512, Sha256, Sha384, Sha512, Sha512_256, Shake128, Shake256,
    };
    for (functions, strong) in [
        (&[Sha256, Sha512_256, Sha3_256, Shake128][..], [true, false, false]),
        (&[Sha384, Sha3_384], [true, true, false]),
        (&[Sha512, Sha3_512, Shake256], [true, true, true]),
    ] {
        for &function in functions {
            let found = [of::<Shake128f>(function), of::<Shake192f>(function), of::<Shake256f>(function)];
            assert_eq!(found, strong, "{function:?}");
        }
    }
}

/// Batches of various keys, messages and contexts, of every size up to two and a half rounds of the
/// widest back end: exactly the altered ones fail.
#[test]
fn a_batch_says_what_each_signature_says_alone() {
    let keys: Vec<PrivateKey<Shake128f>> = (0..4).map(key).collect();
    let texts: Vec<[u8; 3]> = (0..20).map(|n| [n, 1, 2]).collect();
    let messages: Vec<Message<'_, Shake128f>> =
        texts.iter().map(|text| Message::pure(context(&text[..usize::from(text[0]) % 3]), text)).collect();
    let signed: Vec<(PublicKey<_>, Signature<_>, bool)> = messages
        .iter()
        .enumerate()
        .map(|(i, message)| {
            let key = &keys[i % 4];
            let mut bytes = key.sign(message).as_bytes().to_vec();
            let altered = i % 5 == 3;
            bytes[800 * i] ^= u8::from(altered);
            (key.public_key(), Signature::from_bytes(bytes).expect("as long"), !altered)
        })
        .collect();
    for size in 0..=signed.len() {
        let claims: Vec<Claim<'_, _>> = messages[..size]
            .iter()
            .zip(&signed)
            .map(|(message, (public_key, signature, _))| Claim { public_key, message, signature })
            .collect();
        let found: Vec<bool> = verify_batch(&claims).into_iter().map(|outcome| outcome.is_ok()).collect();
        let expected: Vec<bool> = signed[..size].iter().map(|(_, _, valid)| *valid).collect();
        assert_eq!(found, expected, "{size} at once");
        for backend in Backend::all() {
            let parts: Vec<Vec<u8>> = texts[..size]
                .iter()
                .map(|text| {
                    let context = &text[..usize::from(text[0]) % 3];
                    [&[0, u8::try_from(context.len()).expect("short")], context, text].concat()
                })
                .collect();
            let claims: Vec<(&[u8], &[u8], &[u8])> = signed
                .iter()
                .zip(&parts)
                .map(|((key, signature, _), message)| (key.as_bytes(), &message[..], signature.as_bytes()))
                .collect();
            assert_eq!(slh_verify_internal::<Shake128f>(backend, &claims), expected, "{}", backend.name());
        }
    }
}

#[test]
fn hedged_signatures_differ_and_verify() {
    use getrandom::{SysRng, rand_core::UnwrapErr};
    let key = PrivateKey::<Shake128f>::generate(&mut UnwrapErr(SysRng));
    assert_ne!(key.public_key(), PrivateKey::generate(&mut UnwrapErr(SysRng)).public_key());
    let message = Message::pure(Context::EMPTY, MESSAGE);
    let [one, other] = [(); 2].map(|()| key.sign_hedged(&message, &mut UnwrapErr(SysRng)));
    assert!(one != other);
    assert_eq!(key.public_key().verify(&message, &one), Ok(()));
    assert_eq!(key.public_key().verify(&message, &other), Ok(()));
    assert!(key.sign(&message) == key.sign(&message));
}

#[test]
fn threads_make_no_difference() {
    let message = Message::pure(Context::EMPTY, MESSAGE);
    let signature = key::<Shake128f>(5).sign(&message);
    for threads in
        [2, 3, 64].map(|n| NonZeroUsize::new(n).expect("some")).into_iter().chain([NonZeroUsize::MAX])
    {
        let key = key::<Shake128f>(5).on_threads(threads);
        assert!(key.sign(&message) == signature, "{threads}");
    }
}

#[test]
fn what_is_printed_says_little() {
    let key = key::<Shake256f>(0);
    let public_key = format!("{:?}", key.public_key());
    assert!(public_key.starts_with("PublicKey(SLH-DSA-SHAKE-256f 0000"), "{public_key}");
    let signature = Signature::<Shake128s>::from_bytes(vec![0; 7856]).expect("as long");
    assert_eq!(signature.clone().into_bytes()[..], *signature.as_bytes());
    assert_eq!(format!("{signature:?}"), "Signature(SLH-DSA-SHAKE-128s, 7856 bytes)");
    assert_eq!(format!("{:?}", PreHashed::new(HashFunction::Sha256, MESSAGE)), "PreHashed(Sha256)");
    assert_eq!(BadSignature.to_string(), "the SLH-DSA signature does not verify");
}
