//! The messages between a server that waits for its root and the recipient who brings it
//! (spec/root.md §9).

use crate::configuration::Configuration;
use crate::evidence::Evidence;
use crate::policy::AppraisalPolicy;
use crate::refusal::Refusal;
use crate::report_data::Purpose;
use crate::verify::{Challenge, VerifiedServer, verify};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The answer of `GET /recovery`: which server waits, and the envelope that the recipient opens.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitingServer {
    /// Evidence that carries the recipient's nonce.
    pub evidence: Evidence,
    /// The settings that the server will run with.
    pub configuration: Configuration,
    /// Base64 of the [`root_envelope`](super::root_envelope) that the vault left for its
    /// recipients.
    pub envelope: String,
}

/// Why a recipient does not bring the root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// The evidence fails the recipient's policy, or answers another challenge.
    #[error("the server is not trusted")]
    Untrusted(#[from] Refusal),
    /// The server shows settings whose digest is not the one in its evidence.
    #[error("the server shows other settings than its evidence binds")]
    Configuration,
    /// The recipient's policy pins no settings. The person who starts this code could then name
    /// themselves as a recipient, or set a release key of their own.
    #[error("the policy pins no configuration, which decides who else gets the root: add config_digests")]
    Unpinned,
    /// The recipient's policy pins other settings.
    #[error("the server waits with other settings than those that the policy pins")]
    OtherConfiguration,
}

impl WaitingServer {
    /// Verifies the server that waits. Its settings must be those that the policy pins, except for
    /// what a recovery or a new platform changes. A policy that allows a server without a TEE need
    /// not pin any settings, because the operator of such a server reads everything.
    ///
    /// # Errors
    /// [`RecoveryError`]: the first check that the server does not pass.
    pub fn verify(
        &self,
        challenge: &Challenge,
        policy: &AppraisalPolicy,
        now: OffsetDateTime,
    ) -> Result<VerifiedServer, RecoveryError> {
        let challenge = Challenge { purpose: Purpose::Recovery, ..*challenge };
        let server = verify(
            &self.evidence,
            &challenge,
            &AppraisalPolicy { config_digests: Vec::new(), ..policy.clone() },
            now,
        )?;
        if &self.configuration.digest() != server.config_digest() {
            return Err(RecoveryError::Configuration);
        }
        if policy.config_digests.is_empty() {
            return if policy.allow_no_tee { Ok(server) } else { Err(RecoveryError::Unpinned) };
        }
        let is_pinned = policy.config_digests.iter().any(|pinned| self.configuration.continues(pinned));
        if is_pinned { Ok(server) } else { Err(RecoveryError::OtherConfiguration) }
    }
}

/// The body of `POST /recovery`: the root, sealed to the key in the server's evidence.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveredRoot {
    /// Base64 of the [`root_envelope`](super::root_envelope) for the waiting server.
    pub envelope: String,
}
