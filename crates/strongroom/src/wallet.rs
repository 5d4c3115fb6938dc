//! Ethereum keys, addresses, and `personal_sign` signatures (EIP-191). The secp256k1 backend is
//! bitcoin-core's, or k256 in wasm.

mod address;

use sha3::{Digest, Keccak256};
use std::str::FromStr;
use zeroize::Zeroizing;

pub use address::{ADDRESS_BYTES, WalletAddress, WalletAddressError};

/// Bytes of a signature r ‖ s ‖ v.
pub const SIGNATURE_BYTES: usize = 65;

/// n/2 of secp256k1 (SEC 2 §2.4.1), the largest s that is accepted. A larger one belongs to the
/// twin of a valid signature (EIP-2).
const HALF_ORDER: [u8; 32] = [
    0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x5D,
    0x57, 0x6E, 0x73, 0x57, 0xA4, 0x50, 0x1D, 0xDF, 0xE9, 0x2F, 0x46, 0x68, 0x1B, 0x20, 0xA0,
];

/// Why a key or a signature is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WalletError {
    /// The key is not `0x` and 64 hex digits, or it is zero or at least the group order.
    #[error("not an Ethereum key: 0x and 64 hex digits below the order of secp256k1 are expected")]
    Key,
    /// The signature is not `0x` and 130 hex digits.
    #[error("not a signature: 0x and 130 hex digits are expected")]
    SignatureShape,
    /// v is not 0, 1, 27 or 28.
    #[error("the signature's v must be 0, 1, 27 or 28")]
    RecoveryId,
    /// s is above n/2, so the signature has a twin (EIP-2).
    #[error("the signature's s is above half of the group order: wallets sign with the smaller one (EIP-2)")]
    HighS,
    /// No public key can be recovered from the signature.
    #[error("no public key can be recovered from the signature")]
    Unrecoverable,
}

/// A `personal_sign` signature, 65 bytes r ‖ s ‖ v, with v in {0, 1, 27, 28} and s ≤ n/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalletSignature {
    compact: [u8; 64],
    recovery_id: u8,
}

impl WalletSignature {
    /// Reads r ‖ s ‖ v, 65 bytes.
    ///
    /// # Errors
    /// [`WalletError::RecoveryId`], [`WalletError::HighS`].
    pub fn from_bytes(bytes: &[u8; SIGNATURE_BYTES]) -> Result<Self, WalletError> {
        let (compact, v) = (bytes[..64].try_into().expect("64 of 65 bytes"), bytes[64]);
        let recovery_id = match v {
            0 | 1 => v,
            27 | 28 => v - 27,
            _ => return Err(WalletError::RecoveryId),
        };
        if bytes[32..64] > HALF_ORDER[..] {
            return Err(WalletError::HighS);
        }
        Ok(Self { compact, recovery_id })
    }

    /// Recovers the address that signed `message` with `personal_sign` (EIP-191 version 0x45, SEC
    /// 1 §4.1.6).
    ///
    /// # Errors
    /// [`WalletError::Unrecoverable`].
    pub fn recover(&self, message: &str) -> Result<WalletAddress, WalletError> {
        let point = backend::recover(&personal_hash(message), &self.compact, self.recovery_id)
            .ok_or(WalletError::Unrecoverable)?;
        Ok(WalletAddress::of_public_key(&point))
    }
}

/// Writes `0x` and 130 hex digits, with v as 27 or 28.
impl std::fmt::Display for WalletSignature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "0x{}{:02x}", hex::encode(self.compact), self.recovery_id + 27)
    }
}

impl FromStr for WalletSignature {
    type Err = WalletError;

    fn from_str(text: &str) -> Result<Self, WalletError> {
        let mut bytes = [0; SIGNATURE_BYTES];
        let digits = text.strip_prefix("0x").ok_or(WalletError::SignatureShape)?;
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| WalletError::SignatureShape)?;
        Self::from_bytes(&bytes)
    }
}

/// Keccak-256 of `"\x19Ethereum Signed Message:\n" ‖ length ‖ message` (EIP-191).
fn personal_hash(message: &str) -> [u8; 32] {
    Keccak256::new()
        .chain_update(b"\x19Ethereum Signed Message:\n")
        .chain_update(message.len().to_string())
        .chain_update(message)
        .finalize()
        .into()
}

/// An Ethereum private key, wiped on drop.
pub struct WalletKey(backend::Key);

impl WalletKey {
    /// The key of this scalar, 32 bytes, big-endian.
    ///
    /// # Errors
    /// [`WalletError::Key`] for zero, and from the group order on.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, WalletError> {
        backend::Key::from_bytes(bytes).map(Self).ok_or(WalletError::Key)
    }

    /// A new key from at least 32 bytes of randomness.
    pub fn generate(rng: &mut impl rand_core::CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            rng.fill_bytes(&mut bytes[..]);
            if let Ok(key) = Self::from_bytes(&bytes) {
                return key;
            }
        }
    }

    /// The secret scalar, 32 bytes, big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.to_bytes()
    }

    /// The address of the key.
    #[must_use]
    pub fn address(&self) -> WalletAddress {
        WalletAddress::of_public_key(&self.0.public_point())
    }

    /// Signs a text with `personal_sign` (EIP-191), deterministically (RFC 6979).
    #[must_use]
    pub fn sign(&self, message: &str) -> WalletSignature {
        let (compact, recovery_id) = self.0.sign(&personal_hash(message));
        WalletSignature { compact, recovery_id }
    }
}

/// Reads `0x` and 64 hex digits. The prefix may be missing, since some wallets export keys without
/// it.
impl FromStr for WalletKey {
    type Err = WalletError;

    fn from_str(text: &str) -> Result<Self, WalletError> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let mut bytes = Zeroizing::new([0; 32]);
        base16_secret(digits, &mut bytes).ok_or(WalletError::Key)?;
        Self::from_bytes(&bytes)
    }
}

/// Decodes the hex digits of a key, without a table look-up or a branch that depends on them.
fn base16_secret(digits: &str, bytes: &mut [u8; 32]) -> Option<()> {
    if digits.len() != 64 {
        return None;
    }
    let mut bad = 0_u16;
    for (pair, byte) in digits.as_bytes().chunks_exact(2).zip(bytes.iter_mut()) {
        let [high, low] = [nibble(pair[0]), nibble(pair[1])];
        bad |= high | low;
        *byte = (high << 4 | low) as u8;
    }
    (bad >> 8 == 0).then_some(())
}

/// The value of a hex digit; for anything else a number of more than eight bits.
fn nibble(digit: u8) -> u16 {
    let digit = i16::from(digit);
    // Each mask is all ones if the digit lies strictly between the bounds, else zero.
    let within = |low: i16, high: i16| ((low - digit) & (digit - high)) >> 8;
    let value = (within(0x2F, 0x3A) & (digit - 0x30))
        | (within(0x40, 0x47) & (digit - 0x41 + 10))
        | (within(0x60, 0x67) & (digit - 0x61 + 10));
    let known = within(0x2F, 0x3A) | within(0x40, 0x47) | within(0x60, 0x67);
    (value as u16 & 0x0F) | (!known as u16 & 0x0100)
}

#[cfg(not(target_arch = "wasm32"))]
mod backend {
    use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
    use secp256k1::{Message, SecretKey};
    use zeroize::Zeroizing;

    pub(super) struct Key(SecretKey);

    impl Key {
        pub(super) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
            SecretKey::from_secret_bytes(*bytes).ok().map(Self)
        }

        pub(super) fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
            Zeroizing::new(self.0.to_secret_bytes())
        }

        pub(super) fn public_point(&self) -> [u8; 64] {
            point(&secp256k1::PublicKey::from_secret_key(&self.0))
        }

        pub(super) fn sign(&self, hash: &[u8; 32]) -> ([u8; 64], u8) {
            let signature =
                RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(*hash), &self.0);
            let (id, compact) = signature.serialize_compact();
            (compact, id.to_u8())
        }
    }

    impl Drop for Key {
        fn drop(&mut self) {
            self.0.non_secure_erase();
        }
    }

    pub(super) fn recover(hash: &[u8; 32], compact: &[u8; 64], recovery_id: u8) -> Option<[u8; 64]> {
        let id = RecoveryId::try_from(i32::from(recovery_id)).ok()?;
        let signature = RecoverableSignature::from_compact(compact, id).ok()?;
        Some(point(&signature.recover(Message::from_digest(*hash)).ok()?))
    }

    fn point(key: &secp256k1::PublicKey) -> [u8; 64] {
        key.serialize_uncompressed()[1..].try_into().expect("an uncompressed key has 65 bytes")
    }
}

#[cfg(target_arch = "wasm32")]
mod backend {
    use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
    use zeroize::Zeroizing;

    pub(super) struct Key(SigningKey);

    impl Key {
        pub(super) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
            SigningKey::from_slice(bytes).ok().map(Self)
        }

        pub(super) fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
            Zeroizing::new(self.0.to_bytes().into())
        }

        pub(super) fn public_point(&self) -> [u8; 64] {
            point(self.0.verifying_key())
        }

        pub(super) fn sign(&self, hash: &[u8; 32]) -> ([u8; 64], u8) {
            let (signature, id) = self.0.sign_prehash_recoverable(hash);
            (signature.to_bytes().into(), id.to_byte())
        }
    }

    pub(super) fn recover(hash: &[u8; 32], compact: &[u8; 64], recovery_id: u8) -> Option<[u8; 64]> {
        let signature = Signature::from_slice(compact).ok()?;
        let id = RecoveryId::from_byte(recovery_id)?;
        VerifyingKey::recover_from_prehash(hash, &signature, id).ok().map(|key| point(&key))
    }

    fn point(key: &VerifyingKey) -> [u8; 64] {
        let encoded = key.to_sec1_point(false);
        encoded.as_bytes()[1..].try_into().expect("an uncompressed key has 65 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(WalletKey: std::fmt::Debug, std::fmt::Display, Clone, PartialEq, serde::Serialize);

    /// The first account of the mnemonic that development tools use.
    const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

    #[test]
    fn a_known_key_has_its_address_and_signs_for_it() {
        let key: WalletKey = KEY.parse().expect("a valid key");
        assert_eq!(key.address().to_string(), ADDRESS);
        let signature = key.sign("hello");
        assert_eq!(signature.recover("hello"), Ok(key.address()));
        assert_ne!(signature.recover("hellO"), Ok(key.address()));
        assert_eq!(signature.to_string().parse(), Ok(signature));
    }

    #[test]
    fn the_twin_with_high_s_is_refused() {
        let key: WalletKey = KEY.parse().expect("a valid key");
        let mut text = key.sign("hello").to_string();
        text.replace_range(66..130, &"f".repeat(64));
        assert_eq!(text.parse::<WalletSignature>(), Err(WalletError::HighS));
        // n/2 itself is allowed, one more is not.
        text.replace_range(66..130, &hex::encode(HALF_ORDER));
        assert!(text.parse::<WalletSignature>().is_ok());
        let mut above = HALF_ORDER;
        above[31] += 1;
        text.replace_range(66..130, &hex::encode(above));
        assert_eq!(text.parse::<WalletSignature>(), Err(WalletError::HighS));
    }

    #[test]
    fn only_four_values_of_v_pass() {
        let key: WalletKey = KEY.parse().expect("a valid key");
        let text = key.sign("hello").to_string();
        for v in 0..=255_u8 {
            let with_v = format!("{}{v:02x}", &text[..130]);
            assert_eq!(with_v.parse::<WalletSignature>().is_ok(), [0, 1, 27, 28].contains(&v), "v = {v}");
        }
    }

    #[test]
    fn keys_outside_the_group_and_other_texts_are_refused() {
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        for bad in
            [&"0".repeat(64), order, "", "0x", &KEY[..65], &format!("{KEY}0"), &KEY.replace("ac", "ag")]
        {
            assert_eq!(bad.parse::<WalletKey>().err(), Some(WalletError::Key), "{bad}");
        }
        assert!(KEY.to_uppercase().replace("0X", "0x").parse::<WalletKey>().is_ok());
    }

    #[test]
    fn a_hex_digit_is_one_of_twenty_two() {
        for digit in 0..=255_u8 {
            let expected = (digit as char).to_digit(16);
            let found = (nibble(digit) < 16).then(|| u32::from(nibble(digit)));
            assert_eq!(found, expected, "{digit}");
        }
    }
}
