//! Text encodings of bytes: base64 (RFC 4648 §4, padded) for public bytes, base64url (§5, unpadded,
//! in constant time) for keys and tokens, and hex with its prefix.

use base64::Engine as _;
use base64ct::Encoding as _;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

#[cfg(not(target_arch = "wasm32"))]
static STANDARD: std::sync::LazyLock<base64::engine::Simd> =
    std::sync::LazyLock::new(|| base64::engine::Simd::standard(base64::engine::general_purpose::PAD));
#[cfg(target_arch = "wasm32")]
static STANDARD: base64::engine::GeneralPurpose = base64::engine::general_purpose::STANDARD;

/// Standard base64 with padding, for public bytes: its time depends on them.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Appends standard base64 with padding to `out`.
pub(crate) fn base64_into(bytes: &[u8], out: &mut String) {
    STANDARD.encode_string(bytes, out);
}

/// The bytes of a standard base64 text; `None` unless it is the one encoding of them.
#[must_use]
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// base64url without padding (RFC 4648 §5) in constant time, for tokens.
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    base64ct::Base64UrlUnpadded::encode_string(bytes)
}

/// The bytes of a [`base64url`] text; `None` unless it is the one encoding of them.
#[must_use]
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    base64ct::Base64UrlUnpadded::decode_vec(text).ok()
}

/// As [`from_base64`], for exactly `N` bytes.
pub(crate) fn from_base64_exact<const N: usize>(text: &str) -> Option<Box<[u8; N]>> {
    // The length is checked first: a text that is too long is not even decoded.
    if text.len() != N.div_ceil(3) * 4 {
        return None;
    }
    from_base64(text)?.into_boxed_slice().try_into().ok()
}

/// As [`from_base64_exact`], for secret keys: in constant time, and into memory that is wiped.
pub(crate) fn from_base64_secret<const N: usize>(text: &str) -> Option<Box<Zeroizing<[u8; N]>>> {
    let mut bytes = Box::new(Zeroizing::new([0; N]));
    let decoded = base64ct::Base64::decode(text, bytes.as_mut_slice()).ok()?.len();
    (decoded == N).then_some(bytes)
}

/// `0x` and lower-case hex digits, for public bytes: its time depends on them.
#[must_use]
pub fn prefixed_hex(bytes: &[u8]) -> String {
    let mut text = vec![0; 2 + 2 * bytes.len()];
    text[..2].copy_from_slice(b"0x");
    hex::encode_to_slice(bytes, &mut text[2..]).expect("two digits a byte");
    String::from_utf8(text).expect("hex digits are ASCII")
}

/// The bytes of `0x` and an even number of hex digits, of either case.
pub(crate) fn from_prefixed_hex(text: &str) -> Option<Vec<u8>> {
    hex::decode(text.strip_prefix("0x")?).ok()
}

/// `prefix` and the base64url text of `body` ‖ the first four bytes of its SHA-256
/// (spec/keys.md#key-texts).
pub(crate) fn key_text(prefix: &str, body: &[u8]) -> Zeroizing<String> {
    let mut checked = Zeroizing::new(Vec::with_capacity(body.len() + CHECKSUM_BYTES));
    checked.extend_from_slice(body);
    checked.extend_from_slice(&checksum(body));
    let encoded = Zeroizing::new(base64ct::Base64UrlUnpadded::encode_string(&checked));
    let mut text = Zeroizing::new(String::with_capacity(prefix.len() + encoded.len()));
    text.push_str(prefix);
    text.push_str(&encoded);
    text
}

/// The body of a [`key_text`] with `prefix`; `None` where the encoding or the checksum is wrong.
pub(crate) fn from_key_text(prefix: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let encoded = text.strip_prefix(prefix)?;
    let mut bytes = Zeroizing::new(base64ct::Base64UrlUnpadded::decode_vec(encoded).ok()?);
    let body = bytes.len().checked_sub(CHECKSUM_BYTES)?;
    if checksum(&bytes[..body]) != bytes[body..] {
        return None;
    }
    bytes.truncate(body);
    Some(bytes)
}

const CHECKSUM_BYTES: usize = 4;

fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = Sha256::digest(body);
    [digest[0], digest[1], digest[2], digest[3]]
}
