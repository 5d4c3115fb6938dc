//! The vault over HTTP: its promises, its refusals, and the attacks on both.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "shared with the other test binary")]
mod support;

mod attestation;
mod backups;
mod body;
mod connections;
mod disk;
mod envelope;
mod held;
mod limits;
mod listener;
mod manners;
mod metrics;
mod owner;
mod sessions;
mod sign_in;
mod tls;
