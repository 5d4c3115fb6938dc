//! The checks that an envelope's own policy asks of the vault. They run when the envelope is
//! stored, and again each time before it is opened.

use crate::error::{ApiError, Code};
use strongroom::policy::EnvelopePolicy;
use strongroom_store::UnixSeconds;

/// Checks that somebody may read the secret. An envelope without readers could be opened for
/// nobody.
pub(super) fn check_readers(policy: &EnvelopePolicy) -> Result<(), ApiError> {
    if policy.readers.is_empty() {
        return Err(Code::PolicyWithoutReaders.because(
            "the envelope's policy names no readers, so nobody could open it: seal it with readers",
        ));
    }
    Ok(())
}

/// Checks that the policy is for this vault, and asks for nothing that the vault does not do.
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

/// Checks that `now` is between the policy's not-before and its not-after.
pub(super) fn check_validity(policy: &EnvelopePolicy, now: UnixSeconds) -> Result<(), ApiError> {
    let has_come = |time: Option<u64>| time.map(|at| i64::try_from(at).unwrap_or(i64::MAX) <= now);
    if has_come(policy.not_before) == Some(false) {
        return Err(Code::OutsideValidity.because("the not-before of the envelope's policy has not come yet"));
    }
    if has_come(policy.not_after) == Some(true) {
        return Err(Code::OutsideValidity.because("the not-after of the envelope's policy has passed"));
    }
    Ok(())
}
