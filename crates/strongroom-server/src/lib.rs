//! The vault over HTTP: `app(vault)` is its router, [`serve()`] its listener.
//!
//! ```text
//! plaintext -seal-> payload -store-> Slot -grant-> AccessGrant -open-> Plaintext
//! SignedBackup -verify-> VerifiedBackup -keep-> version -grant-> SignedBackup
//! ```
//!
//! It refuses what spec/access.md lists, each with its [`Code`]. An [`AccessGrant`](grant::AccessGrant) has one
//! constructor, the check that the wallet may read; the handlers that open or give out a payload take nothing else.

pub mod attestation;
mod backup_grant;
mod backups;
pub mod config;
mod data_dir;
mod edge;
pub mod error;
pub mod grant;
mod handoff;
pub mod limits;
mod measured;
mod metrics;
mod nonce;
mod openapi;
mod record;
pub mod recovery;
mod request;
mod routes;
mod sealing;
mod series;
mod serve;
mod session;
mod sign_in;
mod tag;
pub mod tls;
pub mod vault;
mod verification;

pub use attestation::{Attestor, timestamp};
pub use config::Config;
pub use data_dir::{DataDir, DataDirError};
pub use error::Code;
pub use openapi::openapi;
pub use routes::app;
pub use sealing::RecordCheck;
pub use serve::{Listeners, serve};
pub use tls::Tls;
pub use vault::Vault;

/// The operating system's randomness.
fn rng() -> getrandom::rand_core::UnwrapErr<getrandom::SysRng> {
    getrandom::rand_core::UnwrapErr(getrandom::SysRng)
}
