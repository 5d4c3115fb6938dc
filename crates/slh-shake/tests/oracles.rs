//! Each back end makes the same keys and signatures as two other implementations, for random keys,
//! messages and contexts.

use getrandom::rand_core::UnwrapErr;
use getrandom::{SysRng, rand_core::Rng};
use slh_dsa::signature::Keypair;
use slh_shake::internals::{Backend, pk_root, slh_sign_internal, slh_verify_internal};
use slh_shake::{
    Context, Message, ParameterSet, PrivateKey, Shake128f, Shake128s, Shake192f, Shake192s, Shake256f,
    Shake256s, Signature,
};
use std::num::NonZeroUsize;

fn random(bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    UnwrapErr(SysRng).fill_bytes(&mut out);
    out
}

/// What another implementation makes of a seed, a message, a context and, for a hedged signature,
/// its randomness.
struct Made {
    public_key: Vec<u8>,
    signature: Vec<u8>,
}

/// Compares one random case with what `other` makes of it.
fn compare<P: ParameterSet>(
    case: usize,
    opt_rand: Option<Vec<u8>>,
    other: impl Fn(&[u8], &[u8], &[u8], Option<&[u8]>) -> Made,
) {
    let (seed, message) = (random(3 * P::N), random([1000, 0, 1, 135, 136][case % 5]));
    let text = random([19, 0, 1, 255][case % 4]);
    let randomness = opt_rand.as_ref().map(hex::encode);
    let [shown_seed, shown_message, shown_text] = [&seed, &message, &text].map(hex::encode);
    let case =
        format!("seed {shown_seed} message {shown_message} context {shown_text} opt_rand {randomness:?}");
    let made = other(&seed, &message, &text, opt_rand.as_deref());
    let key = PrivateKey::<P>::from_seed(&seed).expect("3n bytes");
    assert_eq!(key.public_key().as_bytes(), made.public_key, "{} {case}", P::NAME);
    // M', put together independently here.
    let signed = [&[0, u8::try_from(text.len()).expect("short")], &text[..], &message].concat();
    let private_key = key.to_bytes();
    for (threads, backend) in (1..).zip(Backend::all()) {
        let root = pk_root::<P>(backend, &seed[..P::N], &seed[2 * P::N..]);
        assert_eq!(root, made.public_key[P::N..], "{} {case}, {}", P::NAME, backend.name());
        let opt_rand = opt_rand.as_deref().unwrap_or(&seed[2 * P::N..]);
        let threads = NonZeroUsize::new(threads).expect("one or more");
        let signature = slh_sign_internal::<P>(backend, &private_key, &signed, opt_rand, threads);
        assert!(signature == made.signature, "{} {case}, {}", P::NAME, backend.name());
        let claim = (&made.public_key[..], &signed[..], &signature[..]);
        assert_eq!(slh_verify_internal::<P>(backend, &[claim]), [true]);
    }
    let context = Context::new(&text).expect("short");
    let message = Message::pure(context, &message);
    let signature = Signature::from_bytes(made.signature).expect("as long");
    assert_eq!(key.public_key().verify(&message, &signature), Ok(()));
    if opt_rand.is_none() {
        assert!(key.sign(&message) == signature);
    }
}

macro_rules! sets {
    ($($test:ident: $set:ident, $fips205:ident, $cases:literal;)+) => {
        $(#[test]
        fn $test() {
            for case in 0..$cases {
                // Both implementations, hedged and deterministic.
                let opt_rand = |hedged: bool| hedged.then(|| random($set::N));
                compare::<$set>(case, opt_rand(case % 2 == 1), slh_dsa::<slh_dsa::$set>);
                compare::<$set>(case, opt_rand(case % 2 == 0), |seed, message, context, opt_rand| {
                    use fips205::$fips205::{KG, SK_LEN};
                    use fips205::traits::{KeyGen, SerDes, Signer};
                    let part = |n: usize| -> [u8; $set::N] {
                        seed[n * $set::N..(n + 1) * $set::N].try_into().expect("a third")
                    };
                    let (public_key, private_key) = KG::keygen_from_seed(&part(0), &part(1), &part(2));
                    assert_eq!(SK_LEN, $set::PRIVATE_KEY_BYTES);
                    let mut rng = Given(opt_rand.unwrap_or_default().to_vec());
                    let signature = private_key.try_sign_with_rng(&mut rng, message, context, opt_rand.is_some());
                    Made {
                        public_key: public_key.into_bytes().to_vec(),
                        signature: signature.expect("signed").to_vec(),
                    }
                });
            }
        })+
    };
}

sets! {
    shake_128s: Shake128s, slh_dsa_shake_128s, 1;
    shake_128f: Shake128f, slh_dsa_shake_128f, 10;
    shake_192s: Shake192s, slh_dsa_shake_192s, 1;
    shake_192f: Shake192f, slh_dsa_shake_192f, 5;
    shake_256s: Shake256s, slh_dsa_shake_256s, 1;
    shake_256f: Shake256f, slh_dsa_shake_256f, 5;
}

fn slh_dsa<P: slh_dsa::ParameterSet>(
    seed: &[u8],
    message: &[u8],
    context: &[u8],
    opt_rand: Option<&[u8]>,
) -> Made {
    let n = seed.len() / 3;
    let key = slh_dsa::SigningKey::<P>::slh_keygen_internal(&seed[..n], &seed[n..2 * n], &seed[2 * n..]);
    let signature = key.try_sign_with_context(message, context, opt_rand).expect("signed");
    Made { public_key: key.verifying_key().to_bytes().to_vec(), signature: signature.to_bytes().to_vec() }
}

/// fips205 takes its randomness from an RNG.
struct Given(Vec<u8>);

impl fips205::RngCore for Given {
    fn next_u32(&mut self) -> u32 {
        unreachable!("bytes are asked for")
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("bytes are asked for")
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&self.0);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), fips205::RngError> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl fips205::CryptoRng for Given {}
