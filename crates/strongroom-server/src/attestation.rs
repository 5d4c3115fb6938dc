//! Evidence of which code holds which key. It is fresh where the client sends a nonce, and cached
//! otherwise.

mod evidence;
pub(crate) mod routes;
pub(crate) mod schema;

pub(crate) use evidence::{Attestation, unavailable};
