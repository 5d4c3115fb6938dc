//! The four messages of a handoff, as JSON.

use crate::configuration::Configuration;
use crate::evidence::Evidence;
use crate::policy::Hex;
use crate::root_transfer::release_statement::ReleaseStatement;
use serde::{Deserialize, Serialize};
use strongroom::encoding::base64;

/// The joiner's first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hello {
    pub(super) nonce: Hex<32>,
    /// Base64 of an ML-KEM-1024 key that is made for this handoff.
    pub(super) ephemeral_key: String,
}

/// The donor's answer: what it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offer {
    pub(super) handoff: Hex<32>,
    pub(super) evidence: Evidence,
    pub(super) configuration: Configuration,
}

/// The joiner's second message: what it runs, and who says that this may have the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandoffRequest {
    pub(super) handoff: Hex<32>,
    pub(super) evidence: Evidence,
    pub(super) configuration: Configuration,
    pub(super) release_statements: Vec<ReleaseStatement>,
}

impl HandoffRequest {
    /// Which offer it answers.
    #[must_use]
    pub fn handoff(&self) -> &[u8; 32] {
        &self.handoff.0
    }
}

/// The donor's last message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Handover {
    /// Base64 of the envelope of [`root_envelope`].
    pub(super) envelope: String,
}

impl Handover {
    /// What carries the root to the joiner.
    #[must_use]
    pub fn new(envelope: &[u8]) -> Self {
        Self { envelope: base64(envelope) }
    }
}
