//! BIP-39 mnemonics of the English word list, read strictly (spec/backup.md#mnemonic).

use bip39::{Error, Language};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of the seed that PBKDF2 makes from words and passphrase.
pub const BIP39_SEED_BYTES: usize = 64;
/// The most bytes that a text may have: room for 24 words and plenty of white space.
const MAX_TEXT_BYTES: usize = 4096;

/// Why a text cannot be read as a mnemonic. No variant repeats a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MnemonicError {
    /// The number of words is not 12, 15, 18, 21 or 24.
    #[error("the mnemonic has {found} words, and 12, 15, 18, 21 or 24 are expected")]
    WordCount {
        /// The number of words that were given.
        found: usize,
    },
    /// A word is not in the list.
    #[error("word {number} is not in BIP-39's English list")]
    UnknownWord {
        /// The word's place, counted from 1.
        number: usize,
    },
    /// The checksum in the last word does not match the words.
    #[error("the checksum in word {number}, the last, does not match: a word is wrong, or two are swapped")]
    Checksum {
        /// The last word's place, counted from 1.
        number: usize,
    },
    /// The text is longer than any mnemonic.
    #[error("the text is too long for a mnemonic: at most 24 words are expected")]
    TooLong,
}

/// A wallet's mnemonic, wiped on drop: the entropy of its words, and the seed that follows with a
/// passphrase.
pub struct Mnemonic {
    entropy: Zeroizing<Vec<u8>>,
    seed: Box<Zeroizing<[u8; BIP39_SEED_BYTES]>>,
}

impl Mnemonic {
    /// Reads words in lower case with white space between them. The passphrase is normalised as
    /// BIP-39 says (NFKD).
    ///
    /// # Errors
    /// [`MnemonicError`].
    pub fn parse(words: &str, passphrase: &str) -> Result<Self, MnemonicError> {
        if words.len() > MAX_TEXT_BYTES {
            return Err(MnemonicError::TooLong);
        }
        let count = words.split_whitespace().count();
        let parsed =
            bip39::Mnemonic::parse_in_normalized(Language::English, words).map_err(|error| match error {
                Error::UnknownWord(at) => MnemonicError::UnknownWord { number: at + 1 },
                Error::InvalidChecksum => MnemonicError::Checksum { number: count },
                _ => MnemonicError::WordCount { found: count },
            })?;
        let (mut entropy, bytes) = parsed.to_entropy_array();
        let kept = Zeroizing::new(entropy[..bytes].to_vec());
        entropy.zeroize();
        Ok(Self { entropy: kept, seed: Box::new(Zeroizing::new(parsed.to_seed(passphrase))) })
    }

    /// The mnemonic of this entropy: 16, 20, 24, 28 or 32 bytes.
    ///
    /// # Errors
    /// [`MnemonicError::WordCount`] for another number of bytes.
    pub fn words_of(entropy: &[u8]) -> Result<Zeroizing<String>, MnemonicError> {
        let found = MnemonicError::WordCount { found: entropy.len() / 4 * 3 };
        let mnemonic = bip39::Mnemonic::from_entropy_in(Language::English, entropy).map_err(|_| found)?;
        // The longest word has eight letters, so the buffer never grows, which would leave a copy
        // behind.
        let mut words = Zeroizing::new(String::with_capacity(24 * 9));
        for word in mnemonic.words() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
        }
        Ok(words)
    }

    /// The entropy of the words: 16, 20, 24, 28 or 32 bytes.
    pub(crate) fn entropy(&self) -> &[u8] {
        &self.entropy
    }

    /// The seed that PBKDF2 made from words and passphrase.
    pub(crate) fn seed(&self) -> &[u8; BIP39_SEED_BYTES] {
        &self.seed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;
    use std::fmt;

    assert_not_impl_any!(Mnemonic: fmt::Debug, fmt::Display, Clone, PartialEq, serde::Serialize);

    const WORDS: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";

    /// One of the BIP's own vectors, whose passphrase is TREZOR.
    #[test]
    fn the_bips_vectors() {
        for (words, entropy, seed) in [
            (
                WORDS,
                "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
                "2e8905819b8723fe2c1d161860e5ee1830318dbf49a83bd451cfb8440c28bd6fa457fe1296106559a3c80937a1c1069be3a3a5bd381ee6260e8d9739fce1f607",
            ),
            (
                "void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush involve unfold",
                "f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f",
                "01f5bced59dec48e362f2c45b5de68b9fd6c92c6634f44d6d40aab69056506f0e35524a518034ddc1192e1dacd32c1ed3eaa3c3b131c88ed8e7e54c49a5d0998",
            ),
        ] {
            let mnemonic = Mnemonic::parse(words, "TREZOR").unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(hex::encode(mnemonic.entropy()), entropy);
            assert_eq!(hex::encode(mnemonic.seed()), seed);
        }
    }

    #[test]
    fn white_space_does_not_count_and_a_passphrase_does() {
        let seed = |words: &str, passphrase: &str| {
            Mnemonic::parse(words, passphrase)
                .map(|m| hex::encode(m.seed()))
                .unwrap_or_else(|e| panic!("{e}"))
        };
        let plain = seed(WORDS, "");
        assert_eq!(seed(&format!("  {}\r\n", WORDS.replace(' ', "\n\t")), ""), plain);
        assert_ne!(seed(WORDS, "x"), plain);
        assert_eq!(seed(WORDS, "\u{e9}"), seed(WORDS, "e\u{301}"), "NFKD");
    }

    #[test]
    fn words_are_made_of_entropy() {
        assert_eq!(Mnemonic::words_of(&[0x7F; 16]).as_deref().map(String::as_str), Ok(WORDS));
        for bytes in [16, 20, 24, 28, 32] {
            let words = Mnemonic::words_of(&vec![0xA5; bytes]).expect("a length of BIP-39's");
            let back = Mnemonic::parse(&words, "").unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(back.entropy(), vec![0xA5; bytes]);
        }
        for bytes in [0, 15, 17, 36] {
            assert!(Mnemonic::words_of(&vec![0; bytes]).is_err(), "{bytes}");
        }
    }

    #[test]
    fn each_refusal_says_where() {
        let refusal = |words: &str| Mnemonic::parse(words, "").err().expect("no mnemonic");
        assert_eq!(refusal(""), MnemonicError::WordCount { found: 0 });
        assert_eq!(refusal(&WORDS.replace(" yellow", "")), MnemonicError::WordCount { found: 11 });
        assert_eq!(refusal(&WORDS.replace("sausage", "sausages")), MnemonicError::UnknownWord { number: 6 });
        assert_eq!(refusal(&WORDS.replace("legal", "Legal")), MnemonicError::UnknownWord { number: 1 });
        assert_eq!(refusal(&WORDS.replace("yellow", "year")), MnemonicError::Checksum { number: 12 });
        assert_eq!(refusal(&"a ".repeat(3000)), MnemonicError::TooLong);
    }
}
