//! What a server that waits for its root, and who brings it, tell each other (spec/root.md §9).

use crate::configuration::Configuration;
use crate::evidence::{Evidence, Purpose};
use crate::policy::AppraisalPolicy;
use crate::refusal::Refusal;
use crate::verify::{Challenge, VerifiedServer, verify};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The answer of `GET /recovery`: what waits, and what the recipient opens.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitingServer {
    /// For the recipient's nonce.
    pub evidence: Evidence,
    /// What will run.
    pub configuration: Configuration,
    /// Base64 of the envelope of the root, of [`root_envelope`](super::root_envelope).
    pub envelope: String,
}

/// Why a recipient does not bring the root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// The evidence fails his policy, or he asked for something else.
    #[error("the server is not trusted")]
    Untrusted(#[from] Refusal),
    /// It shows other settings than its evidence binds.
    #[error("the server shows other settings than its evidence binds")]
    Configuration,
    /// His policy pins no settings: whoever starts this code could name himself as a recipient, or his own release key.
    #[error("the policy pins no configuration, and it decides who else gets the root")]
    Unpinned,
    /// His policy pins others.
    #[error("the server waits with other settings than those that the policy pins")]
    OtherConfiguration,
}

impl WaitingServer {
    /// Verifies who waits, and that its settings are those that the policy pins, but for what a new platform changes. Where the policy
    /// takes a server without a TEE, whose operator reads everything, it need not pin any.
    ///
    /// # Errors
    /// [`RecoveryError`].
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

/// The body of `POST /recovery`: the root, sealed to the key of the evidence.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveredRoot {
    /// Base64 of an envelope of [`root_envelope`](super::root_envelope).
    pub envelope: String,
}
