//! Post-quantum envelopes, keys and sign-in statements: bytes in, bytes out.
//!
//! The crate is pure: clock and randomness are arguments, and it uses no files and no network. It
//! accepts exactly one encoding of each thing, and names what it refuses.
//!
//! ```
//! use strongroom::envelope::{self, Envelope};
//! use strongroom::key::{DecapsulationKey, Identity};
//! use strongroom::policy::EnvelopePolicy;
//! # let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
//!
//! let mine = Identity::from(DecapsulationKey::generate(&mut rng));
//! let vault = Identity::from(DecapsulationKey::generate(&mut rng));
//! let recipients = [mine.recipient(), vault.recipient()];
//!
//! let sealed = envelope::seal("苟全性命於亂世".as_bytes(), &recipients, EnvelopePolicy::default(), &mut rng)?;
//! let stored = Envelope::parse(sealed.as_bytes().to_vec())?;
//! assert_eq!(stored.open([&vault])?.expose(), "苟全性命於亂世".as_bytes());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The flows, and the module of each:
//!
//! ```text
//! plaintext -seal-> Envelope -open-> Plaintext                      envelope (the native format), policy
//! plaintext -seal-> Payload -open-> Plaintext                       w3pk
//! text or bytes -parse-> SealedSecret -open-> Plaintext             sealed_secret (either of them)
//! Draft -write-> WalletStatement -sign-> WalletSignature            sign_in, wallet
//! WalletStatement + WalletSignature + Act -verify-> SignedIn        sign_in
//! Archive -sign-> SignedBackup -verify-> VerifiedBackup -restore-> Archive   backup, mnemonic, slh_dsa
//! ```

pub mod aead;
pub mod backup;
pub mod derive;
pub mod encoding;
pub mod envelope;
pub mod json;
mod kem;
pub mod key;
pub mod keyfile;
pub mod mnemonic;
mod open_error;
#[cfg(feature = "os-rng")]
mod os_rng;
pub mod passphrase_kdf;
mod plaintext;
pub mod policy;
pub mod principal;
mod sealed_secret;
pub mod sign_in;
pub mod slh_dsa;
mod slot;
#[cfg(test)]
mod vectors;
pub mod w3pk;
pub mod wallet;

pub use kem::{
    CIPHERTEXT_BYTES, Ciphertext, DECAPSULATION_KEY_BYTES, ENCAPSULATION_KEY_BYTES, HYBRID_CIPHERTEXT_BYTES,
    HYBRID_ENCAPSULATION_KEY_BYTES, HYBRID_KEM_ID, HYBRID_SEED_BYTES, KEM_ID, KeyCheck,
    ML_KEM_768_CIPHERTEXT_BYTES, ML_KEM_768_ENCAPSULATION_KEY_BYTES, SEED_BYTES, SHARED_SECRET_BYTES,
};
pub use open_error::OpenError;
#[cfg(feature = "os-rng")]
pub use os_rng::os_rng;
pub use plaintext::Plaintext;
pub use sealed_secret::{SealedSecret, SealedSecretError};
pub use slot::{SlotId, SlotIdError};
