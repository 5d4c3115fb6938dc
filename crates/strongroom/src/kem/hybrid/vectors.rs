//! `testdata/formats/hybrid.json`: the values between a seed, an encapsulation and the shared
//! secret.

use super::*;
use crate::key::HybridDecapsulationKey;
use rand_core::{TryCryptoRng, TryRng};
use serde_json::{Value, json};
use sha2::Sha256;
use std::convert::Infallible;
use strongroom_testkit::seeded_random::SeededRandom;
use strongroom_testkit::vectors::{Cases, Outcome, array, bytes, walk};

#[test]
fn hybrid() {
    walk("hybrid.json", 10, make, |input| match input.get("enc") {
        Some(_) => decapsulated(input),
        None => encapsulated(input),
    });
}

/// Gives out these bytes, once.
struct Given(Vec<u8>);

impl TryRng for Given {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("bytes are asked for")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("bytes are asked for")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0[..bytes.len()]);
        self.0.drain(..bytes.len());
        Ok(())
    }
}

impl TryCryptoRng for Given {}

fn key(input: &Value) -> HybridDecapsulator {
    HybridDecapsulator::from_seed(&array(input, "seed")).expect("a seed")
}

/// The parts of the secret that stand in the combiner's input, computed from the halves apart.
fn parts(key: &HybridDecapsulator, enc: &[u8; HYBRID_CIPHERTEXT_BYTES]) -> Option<Value> {
    let (ml_kem, sent) = enc.split_first_chunk().expect("it is longer");
    let ephemeral = public_key(sent.try_into().expect("97 bytes"))?;
    let secret = key.ml_kem.decapsulate(ml_kem);
    let x = ecdh::diffie_hellman(key.ecdh.to_nonzero_scalar(), ephemeral.as_affine());
    Some(json!({
        "mlKemSharedSecret": hex::encode(secret.expose()),
        "ecdhX": hex::encode(x.raw_secret_bytes()),
        "ephemeralPoint": hex::encode(sent),
        "recipientPoint": hex::encode(key.point),
    }))
}

fn decapsulated(input: &Value) -> Outcome {
    let key = key(input);
    let enc = bytes(input, "enc").try_into().map_err(|_| "refused: length".to_owned())?;
    let secret = key.decapsulate(&enc).ok_or("refused: point")?;
    let mut value = parts(&key, &enc).expect("the point was taken");
    let seed: [u8; HYBRID_SEED_BYTES] = array(input, "seed");
    let mut expanded = [0; super::super::SEED_BYTES + SCALAR_BYTES];
    let mut shake = Shake256::default();
    shake.update(&seed);
    shake.finalize_xof().read(&mut expanded);
    assert_eq!(key.ecdh.to_bytes()[..], expanded[64..]);
    value["mlKemSeed"] = hex::encode(&expanded[..64]).into();
    value["p384Scalar"] = hex::encode(&expanded[64..]).into();
    value["sharedSecret"] = hex::encode(secret.expose()).into();
    let public = HybridDecapsulationKey::from_seed(&seed).expect("a seed").encapsulation_key();
    value["encapsulationKeySha256"] = hex::encode(<Sha256 as Digest>::digest(public.as_bytes())).into();
    value["keyId"] = hex::encode(public.id().as_bytes()).into();
    Ok(value)
}

/// With the randomness of an encapsulation given: ML-KEM's message and the ephemeral scalar.
fn encapsulated(input: &Value) -> Outcome {
    let key = key(input);
    let encapsulator = HybridEncapsulator::new(&key.encapsulation_key()).expect("a derived key");
    let randomness = [bytes(input, "message"), bytes(input, "ephemeralScalar")].concat();
    let (enc, secret) = encapsulator.encapsulate(&mut Given(randomness));
    let enc: [u8; HYBRID_CIPHERTEXT_BYTES] = enc.try_into().expect("a ciphertext's length");
    let mut value = parts(&key, &enc).expect("our own point");
    value["encSha256"] = hex::encode(<Sha256 as Digest>::digest(enc)).into();
    value["sharedSecret"] = hex::encode(secret.expose()).into();
    Ok(value)
}

fn make(cases: &mut Cases) {
    let seed: [u8; 32] = std::array::from_fn(|at| at as u8);
    let key = HybridDecapsulator::from_seed(&seed).expect("a seed");
    let encapsulator = HybridEncapsulator::new(&key.encapsulation_key()).expect("a derived key");
    let (enc, _) = encapsulator.encapsulate(&mut SeededRandom::new(1));
    let of = |seed: &[u8], enc: &[u8]| json!({ "seed": hex::encode(seed), "enc": hex::encode(enc) });
    cases.accepted("decapsulation", "an encapsulation to this key", of(&seed, &enc));
    let other = HybridDecapsulator::from_seed(&[9; 32]).expect("a seed");
    let to_other = HybridEncapsulator::new(&other.encapsulation_key()).expect("a derived key");
    let (foreign, _) = to_other.encapsulate(&mut SeededRandom::new(2));
    cases.accepted("other-seed", "another key", of(&[9; 32], &foreign));
    cases.accepted(
        "implicit-rejection",
        "an encapsulation to another key gives a secret too",
        of(&seed, &foreign),
    );
    let mut flipped = enc.clone();
    flipped[0] ^= 1;
    cases.accepted("flipped", "a bit of the ML-KEM ciphertext is flipped: a secret too", of(&seed, &flipped));

    let mut randomness = SeededRandom::new(1);
    let (message, scalar): ([u8; 32], [u8; 48]) = (randomness.bytes(), randomness.bytes());
    let given = json!({ "seed": hex::encode(seed), "message": hex::encode(message), "ephemeralScalar": hex::encode(scalar) });
    cases.accepted("encapsulation", "the randomness of the first vector", given);

    let y_is_odd = enc[HYBRID_CIPHERTEXT_BYTES - 1] & 1;
    let with = |at: usize, byte: u8| {
        let mut enc = enc.clone();
        enc[at] = byte;
        of(&seed, &enc)
    };
    let last = HYBRID_CIPHERTEXT_BYTES - 1;
    for (name, comment, input) in [
        ("not-on-the-curve", "a point that is not on the curve", with(last, enc[last] ^ 1)),
        ("compressed", "the first byte of a compressed point", with(CIPHERTEXT_BYTES, 2 + y_is_odd)),
        ("hybrid-form", "the point in SEC 1's hybrid form", with(CIPHERTEXT_BYTES, 6 + y_is_odd)),
    ] {
        cases.refused("point", name, comment, input);
    }
    for (name, comment, enc) in
        [("short", "1,664 bytes", &enc[..last]), ("ml-kem", "ML-KEM's part alone", &enc[..1568])]
    {
        cases.refused("length", name, comment, of(&seed, enc));
    }
}
