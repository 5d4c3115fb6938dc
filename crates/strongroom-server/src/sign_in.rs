//! Signing in: nonces, the statements of wallets, and the sessions of SLH-DSA keys.

mod headers;
mod nonces;
pub(crate) mod routes;
mod service;
mod sessions;

pub(crate) use headers::{SignIn, missing};
pub(crate) use nonces::Nonces;
pub(crate) use service::SignIns;
pub(crate) use sessions::Sessions;
