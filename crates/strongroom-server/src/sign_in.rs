//! Signing in: nonces, the statements of wallets, and the sessions of SLH-DSA keys.

mod checks;
mod headers;
mod nonces;
pub(crate) mod routes;
mod sessions;

pub(crate) use checks::SignIns;
pub(crate) use headers::{SignIn, missing};
pub(crate) use nonces::Nonces;
pub(crate) use sessions::Sessions;
