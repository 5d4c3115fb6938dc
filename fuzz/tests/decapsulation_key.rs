//! `key::DecapsulationKey::from_secret_text`: a seed, an expanded key, or the bare base64 of one.

use base64ct::{Base64, Encoding};
use bolero::TypeGenerator;
use sha3::{Digest, Sha3_256};
use strongroom::KEM_ID;
use strongroom::key::{DecapsulationKey, KeyError};
use strongroom_fuzz::{Edit, Mutant, Reach, key_text};

const PREFIX: &str = "STRONGROOM-SECRET-KEY-1";

/// The thing that is edited: the text, the body under a checksum that fits, or the numbers of an
/// expanded key.
#[derive(Debug, TypeGenerator)]
enum Input {
    Text(Mutant),
    Body(Mutant),
    /// Flips a bit of the algorithm or the form.
    Head {
        bit: u8,
    },
    /// Flips a bit of an expanded key.
    Flip {
        at: u16,
        bit: u8,
        hash_again: bool,
        bare: bool,
    },
    /// Adds q to a coefficient of dk_PKE or of the embedded key, which is another encoding of the
    /// same key.
    AddQ {
        from: u16,
        hash_again: bool,
        bare: bool,
    },
}

struct Valid {
    expanded: Vec<u8>,
    texts: [String; 3],
    bodies: [Vec<u8>; 2],
}

impl Valid {
    fn new() -> Self {
        let seed = [3; 64];
        let key = DecapsulationKey::from_seed(&seed);
        let expanded = key.to_expanded().to_vec();
        let body = |form: u8, key: &[u8]| [&KEM_ID.to_be_bytes()[..], &[form], key].concat();
        let bodies = [body(0, &seed), body(1, &expanded)];
        let texts = [
            key_text(PREFIX, &bodies[0]),
            key_text(PREFIX, &bodies[1]),
            key.to_expanded_base64().to_string(),
        ];
        Self { expanded, texts, bodies }
    }

    fn text(&self, input: &Input) -> String {
        match input {
            Input::Text(mutant) => mutant.text_of(&self.texts, &[PREFIX, "=", "+", "-", " ", "\n", "é"]),
            Input::Body(mutant) => key_text(PREFIX, &mutant.of(&self.bodies, &["\u{0}", "\u{1}", "\u{2}"])),
            Input::Head { bit } => {
                let mut body = self.bodies[usize::from(bit % 2)].clone();
                body[usize::from(bit / 2 % 3)] ^= 1 << (bit / 6 % 8);
                key_text(PREFIX, &body)
            }
            Input::Flip { at, bit, hash_again, bare } => self.edited(*hash_again, *bare, |bytes| {
                Edit::Flip { at: *at, bit: *bit }.apply(bytes, &[]);
            }),
            Input::AddQ { from, hash_again, bare } => self.edited(*hash_again, *bare, |bytes| {
                // There are 1,024 coefficients of dk_PKE, then as many of the embedded key.
                let raised = (0..2048).find(|more| add_q(bytes, (usize::from(*from) + more) % 2048));
                raised.expect("a coefficient that leaves room");
            }),
        }
    }

    /// The text of the expanded key after a change. With `hash_again` H(ek) is made to fit, so only
    /// the later checks are left.
    fn edited(&self, hash_again: bool, bare: bool, change: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut bytes = self.expanded.clone();
        change(&mut bytes);
        if hash_again {
            let hash = Sha3_256::digest(&bytes[1536..3104]);
            bytes[3104..3136].copy_from_slice(&hash);
        }
        if bare {
            Base64::encode_string(&bytes)
        } else {
            key_text(PREFIX, &[&self.bodies[1][..3], &bytes].concat())
        }
    }
}

/// Adds q where 12 bits have room for it. Two coefficients take three bytes, low bits first (FIPS
/// 203 algorithm 5).
fn add_q(bytes: &mut [u8], coefficient: usize) -> bool {
    let at = coefficient / 2 * 3 + coefficient % 2;
    let shift = 4 * (coefficient % 2);
    let two = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let value = (two >> shift & 0x0FFF) + 3329;
    if value < 4096 {
        let [low, high] = (two & !(0x0FFF << shift) | value << shift).to_le_bytes();
        (bytes[at], bytes[at + 1]) = (low, high);
    }
    value < 4096
}

#[test]
fn a_secret_key_has_one_text_a_form() {
    let valid = Valid::new();
    let reach = Reach::default();
    bolero::check!().with_type::<Input>().for_each(|input| {
        let text = valid.text(input);
        match DecapsulationKey::from_secret_text(&text) {
            Ok(key) => {
                let bare = !text.starts_with(PREFIX);
                let written = if bare { key.to_expanded_base64() } else { key.to_secret_text() };
                assert!(*written == text, "the text does not come back");
                // An expanded key embeds its encapsulation key and the key's hash (§7.3).
                let expanded = key.to_expanded();
                assert!(expanded[1536..3104] == key.encapsulation_key().as_bytes()[..]);
                assert!(expanded[3104..3136] == Sha3_256::digest(&expanded[1536..3104])[..]);
                reach.count(match (bare, text.len() < 1000) {
                    (true, _) => "bare base64",
                    (false, true) => "seed",
                    (false, false) => "expanded",
                });
            }
            Err(error) => {
                assert!(format!("{error} {error:?}").len() < 200, "a message holds no secret");
                match error {
                    KeyError::Check(check) => reach.count(&check),
                    error => reach.count(&error),
                }
            }
        }
    });
    reach.assert_met(&[
        "bare base64",
        "seed",
        "expanded",
        "Text",
        "UnknownForm",
        "Length",
        "Hash",
        "Modulus",
        "Encoding",
        "SelfTest",
    ]);
}
