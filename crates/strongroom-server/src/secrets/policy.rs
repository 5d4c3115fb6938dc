//! What an envelope's own policy asks of the vault. It is held against the vault when the envelope is
//! stored, and again each time before it is opened.

use crate::error::{ApiError, Code};
use strongroom::policy::EnvelopePolicy;
use strongroom_store::UnixSeconds;

/// Checks that somebody may read the secret: an envelope without readers could be opened for nobody.
pub(super) fn check_readers(policy: &EnvelopePolicy) -> Result<(), ApiError> {
    if policy.readers.is_empty() {
        return Err(Code::PolicyWithoutReaders
            .because("the envelope's policy names no readers, so nobody could have it: seal it with some"));
    }
    Ok(())
}

/// Checks that this vault is the one that the policy lets open, and that it does all the policy asks.
pub(super) fn check_vault(policy: &EnvelopePolicy, vault_id: &[u8; 32]) -> Result<(), ApiError> {
    check_readers(policy)?;
    if policy.audience != Some(*vault_id) {
        return Err(Code::WrongAudience
            .because("the envelope's audience is not this vault's vaultId: seal it for this vault"));
    }
    if policy.approvals.is_some() || policy.one_time {
        return Err(Code::UnsupportedPolicy.because(
            "the envelope's policy asks for approvals or to be opened once, which this vault does not do",
        ));
    }
    Ok(())
}

/// Checks that the moment is between the policy's not-before and its not-after.
pub(super) fn check_validity(policy: &EnvelopePolicy, now: UnixSeconds) -> Result<(), ApiError> {
    let is = |limit: Option<u64>| limit.map(|at| i64::try_from(at).unwrap_or(i64::MAX) <= now);
    if is(policy.not_before) == Some(false) {
        return Err(Code::OutsideValidity.because("the envelope's policy lets it be opened later"));
    }
    if is(policy.not_after) == Some(true) {
        return Err(Code::OutsideValidity.because("the envelope's policy let it be opened earlier"));
    }
    Ok(())
}
