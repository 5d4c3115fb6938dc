//! Evidence of which code holds which key: fresh for a nonce, cached for everybody else.

pub(crate) mod routes;
pub(crate) mod schema;
mod service;

pub(crate) use service::{Attestation, unavailable};
