//! Post-quantum envelopes, keys and sign-in statements: bytes in, bytes out.
//!
//! The crate is pure. The clock and the randomness are arguments; it reads no file and opens no
//! connection. It refuses every encoding but one, and names what it refused.
//!
//! ```
//! use strongroom::envelope::{self, Envelope};
//! use strongroom::key::{DecapsulationKey, Identity};
//! use strongroom::policy::Policy;
//! # let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
//!
//! let mine = Identity::from(DecapsulationKey::generate(&mut rng));
//! let vault = Identity::from(DecapsulationKey::generate(&mut rng));
//! let recipients = [mine.recipient(), vault.recipient()];
//!
//! let sealed = envelope::seal("苟全性命於亂世".as_bytes(), &recipients, Policy::default(), &mut rng)?;
//! let stored = Envelope::parse(sealed.as_bytes().to_vec())?;
//! assert_eq!(stored.open([&vault])?.expose(), "苟全性命於亂世".as_bytes());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The arrows, and where each is made:
//!
//! ```text
//! plaintext -seal-> Envelope -open-> Plaintext                      envelope (the native format), policy
//! plaintext -seal-> Payload -open-> Plaintext                       w3pk
//! text or bytes -parse-> Sealed -open-> Plaintext                   sealed (either of them)
//! Draft -write-> Statement -sign-> WalletSignature                  signin, wallet
//! Statement + WalletSignature + Act -verify-> SignedIn              signin
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
mod plaintext;
pub mod policy;
pub mod principal;
pub mod rfc3339;
mod sealed;
pub mod signin;
pub mod slh_dsa;
mod slot;
pub mod stretch;
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
pub use plaintext::Plaintext;
pub use sealed::{Sealed, SealedError};
pub use slot::{SlotId, SlotIdError};
