//! Keys that are derived from another secret (spec/keys.md, spec/backup.md and
//! spec/backup-compatible.md).

use crate::kem;
use crate::key::DecapsulationKey;
use crate::mnemonic::Mnemonic;
use crate::slh_dsa;
use crate::wallet::WalletKey;
use hkdf::Hkdf;
use sha2::Sha256;
use shake::Shake256;
use shake::digest::{ExtendableOutput, Update, XofReader};
use zeroize::Zeroizing;

/// The context that w3pk uses unless the application gives one.
pub const W3PK_DEFAULT_CONTEXT: &str = "mlkem-v1";
const W3PK_SALT: &[u8] = b"mlkem-keypair-v1";

/// The ML-KEM-1024 key that w3pk derives from an Ethereum key. Its seed d ‖ z is HKDF-SHA256 (RFC
/// 5869) of the key, with the salt `mlkem-keypair-v1` and the context as info, 64 bytes.
#[must_use]
pub fn w3pk(wallet: &WalletKey, context: &str) -> DecapsulationKey {
    let mut seed = Zeroizing::new([0; kem::SEED_BYTES]);
    let ikm = wallet.to_bytes();
    Hkdf::<Sha256>::new(Some(W3PK_SALT), &ikm[..])
        .expand(context.as_bytes(), seed.as_mut_slice())
        .expect("64 bytes are within HKDF's bound of 255 blocks");
    DecapsulationKey::from_seed(&seed)
}

/// The seed of a compatible SLH-DSA key: SHAKE256(entropy ‖ index, 96 bytes). An index of 0 is left
/// out (spec/backup-compatible.md#derivation).
pub(crate) fn compatible_slh_dsa_seed(
    mnemonic: &Mnemonic,
    index: u32,
) -> Zeroizing<[u8; slh_dsa::SEED_BYTES]> {
    let index = index.to_be_bytes();
    shake256(&[mnemonic.entropy(), if index == [0; 4] { &[] } else { &index }])
}

/// The seed d ‖ z of the compatible ML-KEM keys: SHAKE256(BIP-39 seed, 64 bytes)
/// (spec/backup-compatible.md#derivation).
pub(crate) fn compatible_ml_kem_seed(mnemonic: &Mnemonic) -> Zeroizing<[u8; kem::SEED_BYTES]> {
    shake256(&[mnemonic.seed()])
}

/// The ML-KEM-1024 key of an account of a mnemonic (spec/backup.md#derivation). Its seed d ‖
/// z is HKDF-SHA256 (RFC 5869) of the BIP-39 seed, with the salt `strongroom/mlkem1024/1` and the
/// account's number (u32, big-endian) as info, 64 bytes.
#[must_use]
pub fn strongroom(mnemonic: &Mnemonic, account: u32) -> DecapsulationKey {
    DecapsulationKey::from_seed(&strongroom_ml_kem_seed(mnemonic, account))
}

pub(crate) fn strongroom_ml_kem_seed(mnemonic: &Mnemonic, account: u32) -> Zeroizing<[u8; kem::SEED_BYTES]> {
    of_account(mnemonic, b"strongroom/mlkem1024/1", account)
}

/// The seed of an account's SLH-DSA key: as in [`strongroom`], with the salt
/// `strongroom/slh-dsa-shake-256f/1` and 96 bytes.
pub(crate) fn strongroom_slh_dsa_seed(
    mnemonic: &Mnemonic,
    account: u32,
) -> Zeroizing<[u8; slh_dsa::SEED_BYTES]> {
    of_account(mnemonic, b"strongroom/slh-dsa-shake-256f/1", account)
}

fn of_account<const BYTES: usize>(mnemonic: &Mnemonic, salt: &[u8], account: u32) -> Zeroizing<[u8; BYTES]> {
    let mut seed = Zeroizing::new([0; BYTES]);
    Hkdf::<Sha256>::new(Some(salt), mnemonic.seed())
        .expand(&account.to_be_bytes(), seed.as_mut_slice())
        .expect("96 bytes are within HKDF's bound of 255 blocks");
    seed
}

fn shake256<const BYTES: usize>(parts: &[&[u8]]) -> Zeroizing<[u8; BYTES]> {
    let mut shake = Shake256::default();
    parts.iter().for_each(|part| shake.update(part));
    let mut out = Zeroizing::new([0; BYTES]);
    shake.finalize_xof().read(out.as_mut_slice());
    out
}
