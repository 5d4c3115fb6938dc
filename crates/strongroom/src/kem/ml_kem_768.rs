//! ML-KEM-768 (FIPS 203), only for compatible backups. A key is used once, so it is not kept
//! unpacked.

use super::{SEED_BYTES, SHARED_SECRET_BYTES, SharedSecret, wipe};
use libcrux_ml_kem::mlkem768::{self, MlKem768Ciphertext, MlKem768PrivateKey, MlKem768PublicKey};

/// Bytes of an encapsulation key (FIPS 203 table 3).
pub const ML_KEM_768_ENCAPSULATION_KEY_BYTES: usize = 1184;
/// Bytes of a KEM ciphertext (FIPS 203 table 3).
pub const ML_KEM_768_CIPHERTEXT_BYTES: usize = 1088;

/// A key pair, whose secret half is wiped on drop.
pub(crate) struct MlKem768 {
    decapsulation_key: Box<MlKem768PrivateKey>,
    encapsulation_key: Box<MlKem768PublicKey>,
}

impl MlKem768 {
    /// FIPS 203 algorithm 16 from the seed d ‖ z.
    pub(crate) fn from_seed(seed: &[u8; SEED_BYTES]) -> Self {
        let (decapsulation_key, encapsulation_key) = mlkem768::generate_key_pair(*seed).into_parts();
        Self {
            decapsulation_key: Box::new(decapsulation_key),
            encapsulation_key: Box::new(encapsulation_key),
        }
    }

    pub(crate) fn encapsulation_key(&self) -> &[u8; ML_KEM_768_ENCAPSULATION_KEY_BYTES] {
        self.encapsulation_key.as_slice()
    }

    /// FIPS 203 algorithm 17 to the pair's own encapsulation key, with the message `m`, 32 bytes of
    /// fresh randomness.
    pub(crate) fn encapsulate(
        &self,
        m: &[u8; SHARED_SECRET_BYTES],
    ) -> ([u8; ML_KEM_768_CIPHERTEXT_BYTES], SharedSecret) {
        let (ciphertext, secret) = mlkem768::encapsulate(&self.encapsulation_key, *m);
        (*ciphertext.as_slice(), SharedSecret(secret))
    }

    /// FIPS 203 algorithm 18, with its implicit rejection.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8; ML_KEM_768_CIPHERTEXT_BYTES]) -> SharedSecret {
        let ciphertext = MlKem768Ciphertext::from(ciphertext);
        SharedSecret(mlkem768::decapsulate(&self.decapsulation_key, &ciphertext))
    }
}

impl Drop for MlKem768 {
    fn drop(&mut self) {
        wipe(&mut *self.decapsulation_key, MlKem768PrivateKey::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ml_kem::kem::{Decapsulate, KeyExport};
    use ml_kem::{DecapsulationKey768, MlKem768 as Oracle};

    /// Keys, ciphertexts and secrets agree with another implementation.
    #[test]
    fn it_agrees_with_the_oracle() {
        for n in 0..16 {
            let seed = [n; SEED_BYTES];
            let ours = MlKem768::from_seed(&seed);
            let theirs = DecapsulationKey768::from_seed(seed.into());
            assert_eq!(ours.encapsulation_key()[..], theirs.encapsulation_key().to_bytes()[..]);
            let (ciphertext, sent) = ours.encapsulate(&[n + 1; 32]);
            let received = theirs.decapsulate(&ml_kem::Ciphertext::<Oracle>::from(ciphertext));
            assert_eq!(sent.expose()[..], received[..]);
            assert!(ours.decapsulate(&ciphertext).expose() == sent.expose());
            assert!(
                MlKem768::from_seed(&[99; SEED_BYTES]).decapsulate(&ciphertext).expose() != sent.expose()
            );
        }
    }
}
