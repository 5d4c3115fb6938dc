//! Keys, signatures and messages of FIPS 205. Verification says what another implementation says,
//! singly and in a batch, and accepts only what was signed.

use fips205::slh_dsa_shake_128f as other;
use fips205::traits::{SerDes, Verifier};
use slh_shake::{
    Claim, Context, Message, ParameterSet, PrivateKey, PublicKey, Shake128f, Signature, verify_batch,
};
use strongroom_fuzz::{Mutant, Reach};

const KEY: usize = Shake128f::PUBLIC_KEY_BYTES;
const SIGNATURE: usize = Shake128f::SIGNATURE_BYTES;

/// Public key ‖ signature ‖ length of the context ‖ context ‖ message.
fn valid() -> Vec<Vec<u8>> {
    [(&b""[..], &b"message"[..]), (b"context", b"")]
        .into_iter()
        .map(|(context, message)| {
            let key = PrivateKey::<Shake128f>::from_seed(&[context.len() as u8; 48]).expect("3n bytes");
            let signature = key.sign(&Message::pure(Context::new(context).expect("short"), message));
            let public_key = key.public_key();
            let parts =
                [public_key.as_bytes(), signature.as_bytes(), &[context.len() as u8], context, message];
            parts.concat()
        })
        .collect()
}

type Parsed<'a> = (PublicKey<Shake128f>, Signature<Shake128f>, &'a [u8], &'a [u8]);

/// `None` if there are too few bytes for a key or a signature, whose lengths are fixed.
fn parse(bytes: &[u8]) -> Option<Parsed<'_>> {
    let (key, rest) = bytes.split_at(KEY.min(bytes.len()));
    let (signature, rest) = rest.split_at(SIGNATURE.min(rest.len()));
    let (key, signature) = (PublicKey::from_bytes(key).ok()?, Signature::from_bytes(signature).ok()?);
    let (&context_bytes, rest) = rest.split_first()?;
    let (context, message) = rest.split_at_checked(usize::from(context_bytes))?;
    Some((key, signature, context, message))
}

#[test]
fn verification_is_that_of_another_implementation() {
    let valid = valid();
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let bytes = mutant.of(&valid, &["\u{0}", "\u{1}", "\u{7}"]);
        let Some((key, signature, context, message)) = parse(&bytes) else {
            assert!(bytes.len() < KEY + SIGNATURE + 1 + 255);
            return reach.count("another length");
        };
        let theirs = other::PublicKey::try_from_bytes(key.as_bytes().try_into().expect("32 bytes"))
            .expect("every value is a key")
            .verify(message, signature.as_bytes().try_into().expect("as long"), context);
        let message = Message::pure(Context::new(context).expect("a byte has its length"), message);
        let ours = key.verify(&message, &signature);
        assert_eq!(ours.is_ok(), theirs);
        let claim = Claim { public_key: &key, message: &message, signature: &signature };
        assert_eq!(verify_batch(&[claim, claim]), [ours, ours]);
        assert!(ours.is_err() || valid.contains(&bytes));
        reach.count(if ours.is_ok() { "accepted" } else { "refused" });
    });
    reach.assert_met(&["accepted", "refused", "another length"]);
}
