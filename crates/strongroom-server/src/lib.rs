//! The vault over HTTP: `app(vault)` is its router, [`serve()`] its listener.
//!
//! ```text
//! plaintext -seal-> payload -store-> Slot -grant-> AccessGrant -open-> Plaintext
//! SignedBackup -verify-> VerifiedBackup -keep-> version -grant-> SignedBackup
//! ```
//!
//! It refuses what spec/access.md lists, each with its [`Code`]. An [`AccessGrant`](grant::AccessGrant) has one
//! constructor, the check that the wallet may read; the handlers that open or give out a payload take nothing else.

#[path = "attestation/service.rs"]
pub mod attestation;
#[path = "backups/grant.rs"]
mod backup_grant;
#[path = "backups/service.rs"]
mod backups;
pub mod config;
#[path = "storage/data_dir.rs"]
mod data_dir;
#[path = "http/edge.rs"]
mod edge;
pub mod error;
#[path = "secrets/grant.rs"]
pub mod grant;
#[path = "root/donor.rs"]
mod handoff;
pub mod limits;
#[path = "storage/timed_store.rs"]
mod measured;
mod metrics;
#[path = "sign_in/nonces.rs"]
mod nonce;
mod openapi;
#[path = "secrets/record.rs"]
mod record;
#[path = "root/waiting_server.rs"]
pub mod recovery;
#[path = "secrets/request.rs"]
mod request;
#[path = "http/router.rs"]
mod routes;
#[path = "storage/records.rs"]
mod sealing;
#[path = "backups/head.rs"]
mod series;
#[path = "http/listener.rs"]
mod serve;
#[path = "sign_in/sessions.rs"]
mod session;
#[path = "sign_in/request.rs"]
mod sign_in;
#[path = "storage/tags.rs"]
mod tag;
#[path = "http/tls.rs"]
pub mod tls;
#[path = "secrets/service.rs"]
pub mod vault;
#[path = "verifier.rs"]
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
