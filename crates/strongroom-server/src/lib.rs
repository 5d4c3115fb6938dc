//! The vault over HTTP: `app(vault)` is its router, [`serve()`] its listeners.
//!
//! ```text
//! plaintext -seal-> payload -store-> Slot -grant-> AccessGrant -open-> Plaintext
//! SignedBackup -verify-> VerifiedBackup -keep-> version -grant-> SignedBackup
//! ```
//!
//! Each feature has a folder: `sign_in/`, `secrets/`, `backups/`, `attestation/`, `root/`. Every
//! request passes through `http/`. `storage/` seals what the vault keeps, since the store must not
//! be able to read it. The files in a feature's folder are named alike:
//!
//! | file | what it holds |
//! | --- | --- |
//! | `routes.rs` | the handlers, one for each call |
//! | `parameters.rs`, `answers.rs`, `schema.rs` | the shapes of requests and answers |
//! | `grant.rs` | proofs that somebody may do something, each with the check that makes it |
//!
//! The other files are what the vault does, whatever the protocol: `secrets/storing.rs` and
//! `secrets/opening.rs`, `backups/versions.rs`, `sign_in/checks.rs`, `attestation/evidence.rs`,
//! `root/donor.rs`. [`Vault`] is composed of what they define.
//!
//! The server refuses what spec/http.md §9 lists, and each refusal has a [`Code`]. An `AccessGrant`
//! can only be made by checking that the signer may read. Functions that open or give out a payload
//! require such a grant.

mod attestation;
mod backups;
mod clock;
pub mod config;
pub mod error;
mod http;
pub mod limits;
mod metrics;
mod openapi;
mod root;
mod secrets;
mod sign_in;
mod storage;
mod vault;
mod verifier;

pub use clock::Clock;
pub use config::Config;
pub use error::Code;
pub use http::{Listeners, Tls, TlsError, app, serve};
pub use openapi::openapi;
pub use root::wait_for_root;
pub use storage::{DataDir, DataDirError, RecordCheck};
pub use vault::Vault;
