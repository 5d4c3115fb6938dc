//! What the fuzz targets share: edits of valid inputs, and the proof that the edits reach the code.
//!
//! Each file under `tests/` is the target of one parser. It starts from valid inputs, because
//! random bytes fail at the first byte, and holds the parser to properties. What is accepted is
//! written back the same, agrees with a plain reading of the input, and never opens or signs what
//! it should not.
//!
//! ```text
//! # About a second for each target.
//! cargo test -p strongroom-fuzz
//! # A minute for each target.
//! BOLERO_RANDOM_TEST_TIME_MS=60000 cargo test -p strongroom-fuzz
//! # One input again, by the seed that a failure names.
//! BOLERO_RANDOM_SEED=<n> BOLERO_RANDOM_ITERATIONS=0 cargo test -p strongroom-fuzz
//! # Guided by coverage, with cargo-bolero.
//! cargo bolero test -p strongroom-fuzz --test w3pk_payload <test>
//! ```

pub mod attestation;

use base64ct::{Base64UrlUnpadded, Encoding};
use bolero::TypeGenerator;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

/// One change of some bytes. Places are fractions of the input's length, in 65,536ths.
#[derive(Debug, Clone, TypeGenerator)]
pub enum Edit {
    /// Flips one bit of a byte.
    Flip {
        /// The place of the byte.
        at: u16,
        /// The number of the bit, modulo 8.
        bit: u8,
    },
    /// Puts another byte into the place of one.
    Replace {
        /// The place of the byte.
        at: u16,
        /// The new byte.
        byte: u8,
    },
    /// Inserts one byte.
    Insert {
        /// The place before which it is inserted.
        at: u16,
        /// The new byte.
        byte: u8,
    },
    /// Takes away up to 256 bytes.
    Delete {
        /// The place of the first byte.
        at: u16,
        /// The number of bytes, less one.
        more: u8,
    },
    /// Inserts a copy of up to 256 bytes elsewhere.
    Copy {
        /// The place of the first byte to copy.
        from: u16,
        /// The number of bytes, less one.
        more: u8,
        /// The place before which the copy is inserted.
        to: u16,
    },
    /// Takes away everything after a place.
    Truncate {
        /// The place at which the input then ends.
        at: u16,
    },
    /// Inserts a word of the format.
    Word {
        /// The place before which it is inserted.
        at: u16,
        /// The number of the word, modulo their number.
        which: u8,
    },
    /// Takes away one line.
    DropLine {
        /// The number of the line, modulo their number.
        line: u8,
    },
    /// Repeats a line.
    RepeatLine {
        /// The number of the line, modulo their number.
        line: u8,
        /// The number of the line before which it is repeated.
        before: u8,
    },
}

impl Edit {
    /// Applies the edit. `words` are those of the format.
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
    /// The number of the valid input, modulo their number.
    pub which: u8,
    /// Up to three edits. None at all leave the input valid.
    #[generator(bolero::produce_with::<Vec<Edit>>().len(0_usize..=3))]
    pub edits: Vec<Edit>,
}

impl Mutant {
    /// The input with the edits applied to it.
    pub fn of<V: AsRef<[u8]>>(&self, valid: &[V], words: &[&str]) -> Vec<u8> {
        let mut bytes = valid[usize::from(self.which) % valid.len()].as_ref().to_vec();
        self.edits.iter().for_each(|edit| edit.apply(&mut bytes, words));
        bytes
    }

    /// Does the same as [`of`](Self::of), and replaces what is not UTF-8.
    pub fn text_of<V: AsRef<[u8]>>(&self, valid: &[V], words: &[&str]) -> String {
        String::from_utf8_lossy(&self.of(valid, words)).into_owned()
    }
}

/// Counts the outcomes of inputs. With this, a target cannot rot into testing nothing.
#[derive(Default)]
pub struct Reach(Mutex<BTreeMap<String, u64>>);

/// The number of inputs after which every outcome must have been met. The generators give each
/// outcome to at least one input in fifty, so one is missed by chance in a thousand million runs.
const ENOUGH: u64 = 1_000;

impl Reach {
    /// Counts one input by its outcome: an error by the names of its variants, and anything else by
    /// its text.
    pub fn count(&self, outcome: &(impl Debug + ?Sized)) {
        let mut name = format!("{outcome:?}").trim_matches('"').to_owned();
        // `Key { line: 3, source: Text }` becomes `Key`, and `Check(Hash)` stays as it is.
        name.truncate(name.find(" {").unwrap_or(name.len()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
    }

    /// Asserts that each of these outcomes was met, if there were inputs enough to ask.
    ///
    /// # Panics
    /// If one of them was not met.
    pub fn assert_met(&self, outcomes: &[&str]) {
        println!("{:?}", self.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.assert_met_after(ENOUGH, outcomes);
    }

    /// Does the same as [`assert_met`](Self::assert_met) after fewer inputs. It is for outcomes
    /// that one input in ten has, where an input takes milliseconds.
    ///
    /// # Panics
    /// If one of them was not met.
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
/// If the text is not a key text.
#[must_use]
pub fn key_body(prefix: &str, text: &str) -> Vec<u8> {
    let encoded = text.strip_prefix(prefix).expect("the prefix");
    let mut body = Base64UrlUnpadded::decode_vec(encoded).expect("base64url");
    body.truncate(body.len() - 4);
    body
}

/// The bytes of a standard base64 text with one reading (RFC 4648 §4, §3.5). It goes digit by
/// digit, slowly and plainly, and uses no other code.
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
