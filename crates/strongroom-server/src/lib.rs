//! The vault over HTTP: `app(vault)` is its router, [`serve()`] its listeners.
//!
//! ```text
//! plaintext -seal-> payload -store-> Slot -grant-> AccessGrant -open-> Plaintext
//! SignedBackup -verify-> VerifiedBackup -keep-> version -grant-> SignedBackup
//! ```
//!
//! A folder holds a feature: `sign_in/`, `secrets/`, `backups/`, `attestation/`, `root/`. [`Vault`] is
//! composed of their services. `http/` is what every request passes, and `storage/` is how the vault
//! keeps what the store cannot read.
//!
//! The server refuses what spec/http.md §9 lists, each refusal with its [`Code`]. An `AccessGrant` has
//! one constructor, the check that the wallet may read; the handlers that open or give out a payload
//! take nothing else.

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
