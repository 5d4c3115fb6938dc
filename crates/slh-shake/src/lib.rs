//! SLH-DSA (FIPS 205) of the six SHAKE parameter sets, fast: hash-based signatures, whose security rests on SHAKE256 alone.
//!
//! A signature is hundreds of thousands of Keccak permutations, of the s sets millions, nearly all of them independent. This crate does as
//! many at once as there are lanes: eight with AVX-512, four with AVX2, as it finds at run time; two in WebAssembly that is compiled with simd128;
//! elsewhere one. Signatures are those of the standard, bit by bit, whatever computes them.
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
//! Keys, signatures, contexts and hashes of a wrong length, private keys whose root is not that of their seeds, hash functions that are weaker
//! than the parameter set: each with a type of its own. A signature that does not verify is [`BadSignature`], whatever is wrong with it.
//!
//! # Secrets
//! No branch and no index depends on a secret: which leaves are opened and which values of chains are shown follows from the message digest,
//! which everybody can compute who has the signature. Private keys, their seeds and the states they go through are wiped; copies that the
//! compiler makes in registers and on the stack are not, nor are the permutation's own, which the next permutation overwrites.
//!
//! # Memory
//! Verifying takes some kilobytes a signature, signing holds the values of D WOTS+ keys at once, 125 KB of 128s up to 585 KB of 192f and 256f,
//! and wipes them at its end.
//!
//! # Features
//! `std` (default): the processor is asked at run time what it has; without it a build uses what it is compiled for. `threads`:
//! `PrivateKey::on_threads`. `internals`: for tests and benches alone, without a promise.
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
