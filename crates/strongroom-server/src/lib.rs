//! The vault over HTTP: `app(vault)` is its router, [`serve()`] its listener.
//!
//! ```text
//! plaintext -seal-> payload -store-> Slot -grant-> AccessGrant -open-> Plaintext
//! ```
//!
//! It refuses what spec/access.md lists, each with its [`Code`]. An [`AccessGrant`](grant::AccessGrant) has one
//! constructor, the check that the wallet may read; the handlers that open or give out a payload take nothing else.

mod attestation;
pub mod config;
mod data_dir;
mod edge;
pub mod error;
pub mod grant;
pub mod limits;
mod measured;
mod metrics;
mod nonce;
mod openapi;
mod record;
mod request;
mod routes;
mod serve;
mod sign_in;
mod tag;
pub mod tls;
pub mod vault;

pub use config::Config;
pub use data_dir::{DataDir, DataDirError};
pub use error::Code;
pub use openapi::openapi;
pub use record::RecordCheck;
pub use routes::app;
pub use serve::{Listeners, serve};
pub use tls::Tls;
pub use vault::Vault;

/// The operating system's randomness.
fn rng() -> getrandom::rand_core::UnwrapErr<getrandom::SysRng> {
    getrandom::rand_core::UnwrapErr(getrandom::SysRng)
}
