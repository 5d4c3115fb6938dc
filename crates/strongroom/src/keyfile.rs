//! The secret-key file: comments, then one secret key text (spec/envelope.md §1).

use crate::key::{DecapsulationKey, KeyError};
use zeroize::Zeroizing;

/// Bytes that a key file may have.
pub const MAX_KEY_FILE_BYTES: usize = 64 * 1024;
const MAX_LINE_BYTES: usize = 8 * 1024;

/// Why a file is no key file. No variant repeats what the file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// More than [`MAX_KEY_FILE_BYTES`], or a line of more than 8 KiB.
    #[error("the file is too large to be a key file")]
    TooLarge,
    /// Not UTF-8.
    #[error("the file is not text")]
    NotText,
    /// Only comments.
    #[error("the file holds no key")]
    NoKey,
    /// More than one line that is no comment.
    #[error("the file holds more than one key")]
    ManyKeys,
    /// The line is no key.
    #[error("line {line} holds no usable key")]
    Key {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: KeyError,
    },
}

/// Reads a key file.
///
/// # Errors
/// [`KeyFileError`]; see its variants.
pub fn parse(bytes: &[u8]) -> Result<DecapsulationKey, KeyFileError> {
    if bytes.len() > MAX_KEY_FILE_BYTES {
        return Err(KeyFileError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| KeyFileError::NotText)?;
    let mut key = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end_matches('\r');
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
    DecapsulationKey::from_secret_text(text).map_err(|source| KeyFileError::Key { line, source })
}

/// Writes a key file; `created` is a date for the reader, RFC 3339 by custom. Control characters in it become spaces, so
/// that it stays on its comment line.
#[must_use]
pub fn write(key: &DecapsulationKey, created: &str) -> Zeroizing<String> {
    let secret = key.to_secret_text();
    let created: String = created.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let head = format!("# created: {created}\n# fingerprint: {}\n", key.encapsulation_key().id());
    let mut text = Zeroizing::new(String::with_capacity(head.len() + secret.len() + 1));
    text.push_str(&head);
    text.push_str(&secret);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_reads_back_and_names_the_fingerprint() {
        let key = DecapsulationKey::from_seed(&[5; 64]);
        let text = write(&key, "2026-11-22T00:00:00Z");
        assert!(text.contains(&key.encapsulation_key().id().to_string()));
        let back = parse(text.as_bytes()).expect("our own file");
        assert_eq!(back.encapsulation_key(), key.encapsulation_key());
        let with_crlf = text.replace('\n', "\r\n");
        assert!(parse(with_crlf.as_bytes()).is_ok());
    }

    #[test]
    fn a_date_with_a_line_feed_stays_a_comment() {
        let key = DecapsulationKey::from_seed(&[5; 64]);
        assert!(parse(write(&key, "today\nSTRONGROOM-SECRET-KEY-1AAAA\r\n").as_bytes()).is_ok());
    }

    #[test]
    fn each_refusal_has_its_name() {
        let key = DecapsulationKey::from_seed(&[5; 64]).to_secret_text();
        let refusal = |bytes: &[u8]| parse(bytes).err().expect("no key file");
        assert_eq!(refusal(b"# nothing\n\n"), KeyFileError::NoKey);
        assert_eq!(refusal(format!("{}\n{}\n", *key, *key).as_bytes()), KeyFileError::ManyKeys);
        assert_eq!(refusal(b"\xFF\xFE"), KeyFileError::NotText);
        assert_eq!(refusal(&vec![b'#'; MAX_KEY_FILE_BYTES + 1]), KeyFileError::TooLarge);
        assert_eq!(refusal(&vec![b'#'; MAX_LINE_BYTES + 1]), KeyFileError::TooLarge);
        assert_eq!(refusal(b"#\nhello\n"), KeyFileError::Key { line: 2, source: KeyError::Text });
    }
}
