//! What a server that waits for its root, and who brings it, tell each other (spec/attestation.md §8).

use crate::configuration::Configuration;
use crate::evidence::Evidence;
use serde::{Deserialize, Serialize};

/// The answer of `GET /recovery`: what waits, and what the recipient opens.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitingServer {
    /// For the recipient's nonce.
    pub evidence: Evidence,
    /// What will run.
    pub configuration: Configuration,
    /// Base64 of the envelope of the root, of [`transfer`](crate::transfer).
    pub envelope: String,
}

/// The body of `POST /recovery`: the root, sealed to the key of the evidence.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BroughtRoot {
    /// Base64 of an envelope of [`transfer`](crate::transfer).
    pub envelope: String,
}
