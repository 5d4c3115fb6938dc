//! How a replica verifies the other one, whether that is the joiner or the donor.

use super::error::{HandoffError, MAX_STATEMENTS};
use crate::configuration::Configuration;
use crate::evidence::Evidence;
use crate::policy::AppraisalPolicy;
use crate::refusal::Refusal;
use crate::report_data::Purpose;
use crate::root_transfer::release_statement::ReleaseStatement;
use crate::trust_anchors::TrustAnchors;
use crate::verify::{Challenge, VerifiedServer, verify};
use strongroom::slh_dsa::PublicKey;
use time::OffsetDateTime;

/// The policies by which a replica accepts other code as a replica of its vault: those that the
/// release key signed.
///
/// A replica's own evidence never admits another replica. A host that answers for the platform can
/// replace that evidence by another guest's, and only its verifier would notice.
pub struct ReleasePolicies(Vec<AppraisalPolicy>);

impl ReleasePolicies {
    /// Verifies the statements, and takes the policies out of them.
    ///
    /// # Errors
    /// [`HandoffError::ManyStatements`]; [`HandoffError::Statement`] where one of them does not
    /// verify, because it is not skipped.
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

    /// Verifies the other replica's evidence by the first policy that it passes.
    ///
    /// # Errors
    /// [`HandoffError::Untrusted`] with the refusal of the last policy, where it passes none.
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
            // The vault is pinned here, and the settings are compared after this. The root is
            // sealed to the joiner's key, so it does not matter where TLS ends.
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

/// Checks that the other replica's evidence binds the settings that it shows, and that the root may
/// go from the donor's settings to the joiner's. `verified` is the other replica.
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
