//! What the fuzz targets share: edits of valid inputs, and the proof that the edits reach the code.
//!
//! Each file under `tests/` is the target of one parser. It starts from valid inputs, since random bytes
//! fail at the first byte, and holds the parser to properties: what is accepted is written back the same,
//! agrees with a plain reading of the input, and never opens or signs what it should not.
//!
//! ```text
//! cargo test -p strongroom-fuzz                                            about a second a target
//! BOLERO_RANDOM_TEST_TIME_MS=60000 cargo test -p strongroom-fuzz           a minute a target
//! BOLERO_RANDOM_SEED=<n> BOLERO_RANDOM_ITERATIONS=0 cargo test …           one input again, as a failure names it
//! cargo bolero test -p strongroom-fuzz --test w3pk <test>                  coverage-guided, with cargo-bolero
//! ```

pub mod attestation;

use base64ct::{Base64UrlUnpadded, Encoding};
use bolero::TypeGenerator;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

/// One change of some bytes. Places are fractions of the length, in 65,536ths.
#[derive(Debug, Clone, TypeGenerator)]
pub enum Edit {
    /// Flips a bit.
    Flip {
        /// Where.
        at: u16,
        /// Which, modulo 8.
        bit: u8,
    },
    /// Another byte instead of one.
    Replace {
        /// Where.
        at: u16,
        /// By what.
        byte: u8,
    },
    /// One byte more.
    Insert {
        /// Where.
        at: u16,
        /// What.
        byte: u8,
    },
    /// Up to 256 bytes less.
    Delete {
        /// From where.
        at: u16,
        /// How many, less one.
        more: u8,
    },
    /// A copy of up to 256 bytes elsewhere.
    Copy {
        /// From where.
        from: u16,
        /// How many, less one.
        more: u8,
        /// To where.
        to: u16,
    },
    /// Nothing after a place.
    Truncate {
        /// Where.
        at: u16,
    },
    /// A word of the format.
    Word {
        /// Where.
        at: u16,
        /// Which, modulo their number.
        which: u8,
    },
    /// One line less.
    DropLine {
        /// Which, modulo their number.
        line: u8,
    },
    /// A line a second time.
    RepeatLine {
        /// Which, modulo their number.
        line: u8,
        /// Before which.
        before: u8,
    },
}

impl Edit {
    /// Applies the edit; `words` are those of the format.
    pub fn apply(&self, bytes: &mut Vec<u8>, words: &[&str]) {
        let place = |at: u16, places: usize| (usize::from(at) * places) >> 16;
        let end = bytes.len();
        match *self {
            Self::Flip { .. } | Self::Replace { .. } if bytes.is_empty() => {}
            Self::Flip { at, bit } => bytes[place(at, end)] ^= 1 << (bit % 8),
            Self::Replace { at, byte } => bytes[place(at, end)] = byte,
            Self::Insert { at, byte } => bytes.insert(place(at, end + 1), byte),
            Self::Delete { at, more } => {
                let from = place(at, end + 1);
                bytes.drain(from..end.min(from + 1 + usize::from(more)));
            }
            Self::Copy { from, more, to } => {
                let from = place(from, end + 1);
                let copied = bytes[from..end.min(from + 1 + usize::from(more))].to_vec();
                let to = place(to, end + 1);
                bytes.splice(to..to, copied);
            }
            Self::Truncate { at } => bytes.truncate(place(at, end + 1)),
            Self::Word { which, at } => {
                if let Some(word) = words.get(usize::from(which) % words.len().max(1)) {
                    let at = place(at, end + 1);
                    bytes.splice(at..at, word.bytes());
                }
            }
            Self::DropLine { line } => change_lines(bytes, |lines| {
                lines.remove(usize::from(line) % lines.len());
            }),
            Self::RepeatLine { line, before } => change_lines(bytes, |lines| {
                let repeated = lines[usize::from(line) % lines.len()];
                lines.insert(usize::from(before) % lines.len(), repeated);
            }),
        }
    }
}

fn change_lines(bytes: &mut Vec<u8>, change: impl FnOnce(&mut Vec<&[u8]>)) {
    let mut lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    change(&mut lines);
    *bytes = lines.join(&b'\n');
}

/// A valid input, and up to three edits of it.
#[derive(Debug, Clone, TypeGenerator)]
pub struct Mutant {
    /// Which of the valid inputs, modulo their number.
    pub which: u8,
    /// None leaves it valid.
    #[generator(bolero::produce_with::<Vec<Edit>>().len(0_usize..=3))]
    pub edits: Vec<Edit>,
}

impl Mutant {
    /// The edited input.
    pub fn of<V: AsRef<[u8]>>(&self, valid: &[V], words: &[&str]) -> Vec<u8> {
        let mut bytes = valid[usize::from(self.which) % valid.len()].as_ref().to_vec();
        self.edits.iter().for_each(|edit| edit.apply(&mut bytes, words));
        bytes
    }

    /// As [`of`](Self::of), with what is no UTF-8 replaced.
    pub fn text_of<V: AsRef<[u8]>>(&self, valid: &[V], words: &[&str]) -> String {
        String::from_utf8_lossy(&self.of(valid, words)).into_owned()
    }
}

/// What became of the inputs, so that a target cannot rot into testing nothing.
#[derive(Default)]
pub struct Reach(Mutex<BTreeMap<String, u64>>);

/// Inputs after which every outcome must have been met. The generators give each at least one in fifty, so one
/// is missed by chance in a thousand million runs.
const ENOUGH: u64 = 1_000;

impl Reach {
    /// Counts one input by its outcome: an error by the names of its variants, anything else as it is.
    pub fn count(&self, outcome: &(impl Debug + ?Sized)) {
        let mut name = format!("{outcome:?}").trim_matches('"').to_owned();
        // `Key { line: 3, source: Text }` is `Key`, `Check(Hash)` stays what it is.
        name.truncate(name.find(" {").unwrap_or(name.len()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
    }

    /// Asserts that each of these outcomes was met, where there were inputs enough to ask.
    ///
    /// # Panics
    /// Where one was not.
    pub fn assert_met(&self, outcomes: &[&str]) {
        println!("{:?}", self.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.assert_met_after(ENOUGH, outcomes);
    }

    /// As [`assert_met`](Self::assert_met) after fewer inputs: of outcomes that are one in ten, where an input takes milliseconds.
    ///
    /// # Panics
    /// Where one was not.
    pub fn assert_met_after(&self, enough: u64, outcomes: &[&str]) {
        let met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if met.values().sum::<u64>() >= enough {
            for outcome in outcomes {
                assert!(met.contains_key(*outcome), "no input was {outcome:?}: {met:?}");
            }
        }
    }
}

/// The key text of a body, whatever it holds, with a checksum that fits (spec/keys.md#key-texts).
#[must_use]
pub fn key_text(prefix: &str, body: &[u8]) -> String {
    let checked = [body, &Sha256::digest(body)[..4]].concat();
    format!("{prefix}{}", Base64UrlUnpadded::encode_string(&checked))
}

/// The body of a valid key text.
///
/// # Panics
/// Where the text is none.
#[must_use]
pub fn key_body(prefix: &str, text: &str) -> Vec<u8> {
    let encoded = text.strip_prefix(prefix).expect("the prefix");
    let mut body = Base64UrlUnpadded::decode_vec(encoded).expect("base64url");
    body.truncate(body.len() - 4);
    body
}

/// The bytes of a standard base64 text with one reading (RFC 4648 §4, §3.5), digit by digit: slow, plain and
/// nobody else's code.
#[must_use]
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    (bits == 0).then_some(bytes)
}
