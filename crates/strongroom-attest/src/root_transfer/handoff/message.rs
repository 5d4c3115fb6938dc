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
    /// Base64 of an ML-KEM-1024 encapsulation key that was made for this handoff.
    pub(super) ephemeral_key: String,
}

/// The donor's answer, which shows what the donor runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offer {
    pub(super) handoff: Hex<32>,
    pub(super) evidence: Evidence,
    pub(super) configuration: Configuration,
}

/// The joiner's second message, which shows what the joiner runs, and the statements that let that
/// code have the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandoffRequest {
    pub(super) handoff: Hex<32>,
    pub(super) evidence: Evidence,
    pub(super) configuration: Configuration,
    pub(super) release_statements: Vec<ReleaseStatement>,
}

impl HandoffRequest {
    /// The id of the handoff, from the offer that this message answers.
    #[must_use]
    pub fn handoff(&self) -> &[u8; 32] {
        &self.handoff.0
    }
}

/// The donor's last message, which carries the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Handover {
    /// Base64 of a root envelope.
    pub(super) envelope: String,
}

impl Handover {
    /// Makes the message of an envelope that [`seal`](crate::root_transfer::root_envelope::seal)
    /// gave.
    #[must_use]
    pub fn new(envelope: &[u8]) -> Self {
        Self { envelope: base64(envelope) }
    }
}
