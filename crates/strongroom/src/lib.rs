//! Post-quantum envelopes, keys and sign-in statements: bytes in, bytes out.
//!
//! The crate is pure. The clock and the randomness are arguments; it reads no file and opens no
//! connection. It refuses every encoding but one, and names what it refused.
//!
//! ```
//! use strongroom::key::DecapsulationKey;
//! use strongroom::w3pk::{self, Generation, Sealed};
//! # let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
//!
//! let mine = DecapsulationKey::generate(&mut rng);
//! let vault = DecapsulationKey::generate(&mut rng);
//! let recipients = [mine.encapsulation_key(), vault.encapsulation_key()];
//!
//! let payload = w3pk::seal("苟全性命於亂世".as_bytes(), &recipients, Generation::Second, &mut rng)?;
//! let stored = Sealed::from_json(payload.to_json().as_bytes())?;
//! assert_eq!(stored.open(&vault)?.expose(), "苟全性命於亂世".as_bytes());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The arrows, and where each is made:
//!
//! ```text
//! plaintext -seal-> Payload -open-> Plaintext                       w3pk
//! Draft -write-> Statement -sign-> WalletSignature                  signin, wallet
//! Statement + WalletSignature + Act -verify-> SignedIn              signin
//! ```

pub mod aead;
pub mod derive;
pub mod encoding;
pub mod json;
mod kem;
pub mod key;
pub mod keyfile;
mod plaintext;
pub mod principal;
pub mod signin;
mod slot;
#[cfg(test)]
mod vectors;
pub mod w3pk;
pub mod wallet;

pub use kem::{
    CIPHERTEXT_BYTES, Ciphertext, DECAPSULATION_KEY_BYTES, ENCAPSULATION_KEY_BYTES, KEM_ID, KeyCheck,
    SEED_BYTES, SHARED_SECRET_BYTES,
};
pub use plaintext::Plaintext;
pub use slot::{SlotId, SlotIdError};
