//! Evidence of which code holds which key. It is fresh where the client sends a nonce, and cached
//! otherwise.

pub(crate) mod routes;
pub(crate) mod schema;
mod service;

pub(crate) use service::{Attestation, unavailable};
