//! Keys that follow from another secret (spec/envelope.md §1).

use crate::key::DecapsulationKey;
use crate::wallet::WalletKey;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The context that w3pk uses where an application names none.
pub const W3PK_DEFAULT_CONTEXT: &str = "mlkem-v1";
const W3PK_SALT: &[u8] = b"mlkem-keypair-v1";

/// The ML-KEM-1024 key that w3pk derives from an Ethereum key: HKDF-SHA256 (RFC 5869) with the salt
/// `mlkem-keypair-v1` and the context as info, 64 bytes d ‖ z.
#[must_use]
pub fn w3pk(wallet: &WalletKey, context: &str) -> DecapsulationKey {
    let mut seed = Zeroizing::new([0; crate::kem::SEED_BYTES]);
    let ikm = wallet.to_bytes();
    Hkdf::<Sha256>::new(Some(W3PK_SALT), &ikm[..])
        .expand(context.as_bytes(), seed.as_mut_slice())
        .expect("64 bytes are within HKDF's bound of 255 blocks");
    DecapsulationKey::from_seed(&seed)
}
