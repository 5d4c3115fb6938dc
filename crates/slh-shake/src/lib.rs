//! Fast SLH-DSA (FIPS 205) with the six SHAKE parameter sets: hash-based signatures whose security
//! rests only on SHAKE256.
//!
//! A signature takes hundreds of thousands of Keccak permutations, with the s sets millions. Nearly
//! all of them are independent, so this crate does several at once: eight with AVX-512, four with
//! AVX2, two in WebAssembly with simd128, and one elsewhere. On x86-64 it asks the processor at run
//! time. Every back end makes exactly the signatures of the standard.
//!
//! ```
//! use slh_shake::{Context, Message, PrivateKey, Shake128f};
//! # struct SystemRng;
//! # impl rand_core::TryRng for SystemRng {
//! #     type Error = core::convert::Infallible;
//! #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok(4) }
//! #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> { Ok(4) }
//! #     fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> { out.fill(4); Ok(()) }
//! # }
//! # impl rand_core::TryCryptoRng for SystemRng {}
//!
//! let key = PrivateKey::<Shake128f>::generate(&mut SystemRng);
//! let context = Context::new(b"example/1")?;
//! let message = Message::pure(context, b"what is signed");
//! let signature = key.sign_hedged(&message, &mut SystemRng);
//!
//! assert_eq!(signature.as_bytes().len(), 17_088);
//! assert_eq!(key.public_key().verify(&message, &signature), Ok(()));
//! assert!(key.public_key().verify(&Message::pure(Context::EMPTY, b"what is signed"), &signature).is_err());
//! # Ok::<(), slh_shake::ContextTooLong>(())
//! ```
//!
//! # What it refuses
//! It refuses keys, signatures, contexts and hashes of a wrong length, private keys whose root does
//! not follow from their seeds, and hash functions that are weaker than the parameter set. Each has
//! an error type of its own. A signature that does not verify is a [`BadSignature`], whatever is
//! wrong with it.
//!
//! # Secrets
//! No branch and no index depends on a secret. Which leaves are opened and which values of chains
//! are shown follows from the message digest, which is public once the signature is. Private keys,
//! their seeds and the states that they go through are wiped. Copies that the compiler makes in
//! registers and on the stack are not wiped, nor are those of the permutation, which the next
//! permutation overwrites.
//!
//! # Memory
//! Verifying takes some kilobytes for each signature. Signing holds the values of D WOTS+ keys at
//! once, from 125 KB for 128s to 585 KB for 192f and 256f, and wipes them at its end.
//!
//! # Features
//! - `std` (default): the processor is asked at run time what it has. Without it, a build uses what
//!   it is compiled for.
//! - `threads`: adds `PrivateKey::on_threads`.
//! - `internals`: only for tests and benches. It may change at any time.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod address;
mod block;
mod digest;
mod error;
mod fors;
mod hash;
#[cfg(feature = "internals")]
pub mod internals;
mod key;
mod lanes;
mod message;
mod node;
mod params;
mod sets;
mod sign;
mod tree;
mod verify;
mod wots;

pub use error::{BadSignature, LengthError, PrivateKeyError};
pub use key::{Claim, PrivateKey, PublicKey, Signature, verify_batch};
pub use message::{Context, ContextTooLong, HashFunction, Message, PreHashed, WeakHash};
pub use params::ParameterSet;
pub use sets::{Shake128f, Shake128s, Shake192f, Shake192s, Shake256f, Shake256s};
