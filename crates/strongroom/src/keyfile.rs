//! Key files: comments, and one secret key text, which a passphrase may lock
//! (spec/keys.md#key-files).

use crate::aead::{self, NONCE_BYTES, TAG_BYTES};
use crate::encoding;
use crate::key::{Identity, KeyError};
use crate::passphrase_kdf::PassphraseKdf;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// The most bytes that a key file may have.
pub const MAX_KEY_FILE_BYTES: usize = 64 * 1024;
const MAX_LINE_BYTES: usize = 8 * 1024;
const LOCKED_PREFIX: &str = "STRONGROOM-ENCRYPTED-KEY-1";

/// Why a file cannot be read as a key file. No variant repeats what the file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file has more than [`MAX_KEY_FILE_BYTES`], or a line of more than 8 KiB.
    #[error("the file is too large for a key file: at most 64 KiB, and 8 KiB a line, are allowed")]
    TooLarge,
    /// The file is not UTF-8.
    #[error("the file is not text in UTF-8")]
    NotText,
    /// Every line is empty or a comment.
    #[error("the file holds no key")]
    NoKey,
    /// More than one line is neither empty nor a comment.
    #[error("the file holds more than one key: put each into a file of its own")]
    ManyKeys,
    /// The line cannot be read as a key.
    #[error("line {line} cannot be read as a key")]
    Key {
        /// The line's number, counted from 1.
        line: usize,
        /// Why the line is refused.
        source: KeyError,
    },
    /// The key is locked with parameters out of range: 8 MiB to 1 GiB of memory, and 1 to 16
    /// passes.
    #[error(
        "line {line} holds a locked key whose Argon2id parameters are out of range: 8 MiB to 1 GiB of memory and 1 to 16 passes are accepted"
    )]
    Lock {
        /// The line's number, counted from 1.
        line: usize,
    },
}

/// The passphrase is wrong, or the text was altered. Nobody can tell which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the passphrase does not open this key")]
pub struct UnlockError;

/// The key of a key file, which may be locked.
#[non_exhaustive]
pub enum KeyFile {
    /// A key that is not locked.
    Open(Identity),
    /// A key that needs its passphrase.
    Locked(LockedKey),
}

/// A key that is locked with a passphrase, by Argon2id (RFC 9106) and AES-256-GCM.
#[derive(Debug)]
pub struct LockedKey {
    kdf: PassphraseKdf,
    /// The ciphertext of the key, and its tag.
    sealed: Vec<u8>,
}

impl LockedKey {
    /// Locks a key. Takes 64 MiB of memory and about a tenth of a second.
    #[must_use]
    pub fn lock(identity: &Identity, passphrase: &[u8], rng: &mut impl CryptoRng) -> Self {
        let mut locked = Self { kdf: PassphraseKdf::new(rng), sealed: Vec::new() };
        let mut body = identity.to_secret_body();
        // Each salt gives a single-use key, so a zero nonce is safe.
        let key = locked.kdf.derive_key(passphrase);
        let tag = aead::seal_in_place(&key, &[0; NONCE_BYTES], &locked.aad(), &mut body);
        locked.sealed = [&body[..], &tag[..]].concat();
        locked
    }

    /// Unlocks the key, at the cost that its parameters ask for.
    ///
    /// # Errors
    /// [`UnlockError`]: the passphrase is wrong, or the text was altered.
    pub fn unlock(&self, passphrase: &[u8]) -> Result<Identity, UnlockError> {
        let (body, tag) = self.sealed.split_last_chunk().ok_or(UnlockError)?;
        let body = aead::open(&self.kdf.derive_key(passphrase), &[0; NONCE_BYTES], &self.aad(), body, tag)
            .map_err(|_| UnlockError)?;
        Identity::from_secret_body(&body).map_err(|_| UnlockError)
    }

    fn aad(&self) -> Vec<u8> {
        [LOCKED_PREFIX.as_bytes(), &self.kdf.to_bytes()].concat()
    }

    fn to_text(&self) -> Zeroizing<String> {
        encoding::key_text(LOCKED_PREFIX, &[&self.kdf.to_bytes()[..], &self.sealed].concat())
    }

    fn from_text(text: &str, line: usize) -> Result<Self, KeyFileError> {
        let refused = KeyFileError::Key { line, source: KeyError::Text };
        let body = encoding::from_key_text(LOCKED_PREFIX, text).ok_or(refused)?;
        let (kdf, sealed) = body.split_first_chunk().ok_or(refused)?;
        if sealed.len() <= TAG_BYTES {
            return Err(refused);
        }
        let kdf = PassphraseKdf::from_bytes(kdf).map_err(|_| KeyFileError::Lock { line })?;
        Ok(Self { kdf, sealed: sealed.to_vec() })
    }
}

/// Reads a key file.
///
/// # Errors
/// [`KeyFileError`].
pub fn parse(bytes: &[u8]) -> Result<KeyFile, KeyFileError> {
    if bytes.len() > MAX_KEY_FILE_BYTES {
        return Err(KeyFileError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| KeyFileError::NotText)?;
    let mut key = None;
    for (number, line) in (1..).zip(text.lines()) {
        if line.len() > MAX_LINE_BYTES {
            return Err(KeyFileError::TooLarge);
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if key.replace((number, line)).is_some() {
            return Err(KeyFileError::ManyKeys);
        }
    }
    let (line, text) = key.ok_or(KeyFileError::NoKey)?;
    if text.starts_with(LOCKED_PREFIX) {
        return LockedKey::from_text(text, line).map(KeyFile::Locked);
    }
    let identity = Identity::from_secret_text(text).map_err(|source| KeyFileError::Key { line, source })?;
    Ok(KeyFile::Open(identity))
}

/// Writes a key file. `created` is a date for people, by custom RFC 3339. Control characters in it
/// become spaces, so it cannot leave its comment line.
#[must_use]
pub fn write(identity: &Identity, created: &str) -> Zeroizing<String> {
    with_comments(identity, created, &identity.to_secret_text())
}

/// As [`write`](fn@write), locked with a passphrase.
#[must_use]
pub fn write_locked(
    identity: &Identity,
    passphrase: &[u8],
    created: &str,
    rng: &mut impl CryptoRng,
) -> Zeroizing<String> {
    with_comments(identity, created, &LockedKey::lock(identity, passphrase, rng).to_text())
}

fn with_comments(identity: &Identity, created: &str, line: &str) -> Zeroizing<String> {
    let created: String = created.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let head = format!("# created: {created}\n# fingerprint: {}\n", identity.recipient().id());
    let mut text = Zeroizing::new(String::with_capacity(head.len() + line.len() + 1));
    text.push_str(&head);
    text.push_str(line);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::DecapsulationKey;
    use strongroom_testkit::rng;

    fn key() -> Identity {
        DecapsulationKey::from_seed(&[5; 64]).into()
    }

    fn refusal(bytes: &[u8]) -> KeyFileError {
        parse(bytes).err().expect("no key file")
    }

    #[test]
    fn a_written_file_reads_back_and_names_the_fingerprint() {
        let text = write(&key(), "2026-11-22T00:00:00Z");
        assert!(text.contains(&key().recipient().id().to_string()));
        for text in [text.to_string(), text.replace('\n', "\r\n")] {
            let Ok(KeyFile::Open(back)) = parse(text.as_bytes()) else { panic!("our own file") };
            assert_eq!(back.recipient(), key().recipient());
        }
    }

    #[test]
    fn a_date_with_a_line_feed_stays_a_comment() {
        assert!(parse(write(&key(), "today\nSTRONGROOM-SECRET-KEY-1AAAA\r\n").as_bytes()).is_ok());
    }

    #[test]
    fn each_refusal_has_its_name() {
        let key = key().to_secret_text();
        assert_eq!(refusal(b"# nothing\n\n"), KeyFileError::NoKey);
        assert_eq!(refusal(format!("{}\n{}\n", *key, *key).as_bytes()), KeyFileError::ManyKeys);
        assert_eq!(refusal(b"\xFF\xFE"), KeyFileError::NotText);
        assert_eq!(refusal(&vec![b'#'; MAX_KEY_FILE_BYTES + 1]), KeyFileError::TooLarge);
        assert_eq!(refusal(&vec![b'#'; MAX_LINE_BYTES + 1]), KeyFileError::TooLarge);
        assert_eq!(refusal(b"#\nhello\n"), KeyFileError::Key { line: 2, source: KeyError::Text });
    }

    #[test]
    fn a_locked_file_opens_with_its_passphrase_alone() {
        let text = write_locked(&key(), b"correct horse", "today", &mut rng());
        assert!(!text.contains("SECRET-KEY"));
        let Ok(KeyFile::Locked(mut locked)) = parse(text.as_bytes()) else { panic!("a locked file") };
        let back = locked.unlock(b"correct horse").unwrap_or_else(|error| panic!("its passphrase: {error}"));
        assert!(*back.to_secret_text() == *key().to_secret_text());
        assert_eq!(locked.unlock(b"correct horse ").err(), Some(UnlockError));
        locked.sealed[0] ^= 1;
        assert_eq!(locked.unlock(b"correct horse").err(), Some(UnlockError));
    }

    #[test]
    fn what_a_lock_may_ask_for_is_bounded() {
        let text = |body: &[u8]| encoding::key_text(LOCKED_PREFIX, body);
        let kdf = PassphraseKdf::new(&mut rng()).to_bytes();
        let dear = [&[0xFF; 4][..], &kdf[4..], &[0; 99]].concat();
        assert_eq!(refusal(text(&dear).as_bytes()), KeyFileError::Lock { line: 1 });
        assert!(parse(text(&[&kdf[..], &[0; 99]].concat()).as_bytes()).is_ok());
        let empty = [&kdf[..], &[0; 16]].concat();
        assert_eq!(refusal(text(&empty).as_bytes()), KeyFileError::Key { line: 1, source: KeyError::Text });
    }
}
