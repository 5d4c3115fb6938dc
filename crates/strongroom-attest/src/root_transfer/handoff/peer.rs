//! How a replica verifies the other one, whether that is the joiner or the donor.

use super::error::{HandoffError, MAX_STATEMENTS};
use crate::configuration::Configuration;
use crate::evidence::{Evidence, Purpose};
use crate::policy::AppraisalPolicy;
use crate::refusal::Refusal;
use crate::root_transfer::release_statement::ReleaseStatement;
use crate::trust_anchors::TrustAnchors;
use crate::verify::{Challenge, VerifiedServer, verify};
use strongroom::slh_dsa::PublicKey;
use time::OffsetDateTime;

/// Whom a replica takes for another of the vault: code that the release key signed. Its own evidence says nothing of that. A host that
/// answers for the platform can put another guest's report in its place, which only its verifier would notice.
pub struct ReleasePolicies(Vec<AppraisalPolicy>);

impl ReleasePolicies {
    /// By these statements.
    ///
    /// # Errors
    /// [`HandoffError::ManyStatements`]; [`HandoffError::Statement`]: one that does not count is none to leave out.
    pub fn from_statements(
        statements: &[ReleaseStatement],
        key: &PublicKey,
        vault_id: &[u8; 32],
        trust_anchors: &TrustAnchors,
        now: OffsetDateTime,
    ) -> Result<Self, HandoffError> {
        if statements.len() > MAX_STATEMENTS {
            return Err(HandoffError::ManyStatements);
        }
        let policies = statements.iter().map(|statement| statement.verify(key, vault_id, trust_anchors, now));
        Ok(Self(policies.collect::<Result<_, _>>()?))
    }

    /// The first policy that takes it; else what the last one says.
    pub(super) fn verify(
        &self,
        evidence: &Evidence,
        transcript: [u8; 32],
        vault_id: [u8; 32],
        now: OffsetDateTime,
    ) -> Result<VerifiedServer, HandoffError> {
        let challenge =
            Challenge { purpose: Purpose::Handoff, nonce: Some(transcript), tls_spki_sha256: None };
        let mut refusal = Refusal::PlatformNotInPolicy;
        for policy in &self.0 {
            // Whose settings and which vault is compared here; the exchange is its own channel, whoever ends the TLS.
            let policy = AppraisalPolicy {
                vault_id: Some(vault_id),
                config_digests: Vec::new(),
                tls_in_tee: false,
                allow_imported_key: false,
                allow_no_tee: false,
                ..policy.clone()
            };
            match verify(evidence, &challenge, &policy, now) {
                Ok(server) => return Ok(server),
                Err(refused) => refusal = refused,
            }
        }
        Err(refusal.into())
    }
}

/// What both say of their settings is what their evidence binds, and both guard the same alike.
pub(super) fn compare(
    donors: &Configuration,
    joiners: &Configuration,
    verified: (&Configuration, &VerifiedServer),
) -> Result<(), HandoffError> {
    let (shown, server) = verified;
    if &shown.digest() != server.config_digest() {
        return Err(HandoffError::Configuration);
    }
    if donors.may_hand_its_root_to(joiners) { Ok(()) } else { Err(HandoffError::NotAlike) }
}
