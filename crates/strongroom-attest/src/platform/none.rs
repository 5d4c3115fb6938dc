//! The platform that proves nothing: for development. Its report is report_data itself, signed by nobody.

use crate::evidence::{Claims, Evidence};
use crate::verify::{Policy, Refusal};
use subtle::ConstantTimeEq;

/// Its name on the wire.
pub const NAME: &str = "none";

/// Evidence without a TEE.
#[must_use]
pub fn evidence(claims: &Claims<'_>) -> Evidence {
    claims.with_report(NAME, &claims.report_data(NAME))
}

pub(crate) fn verify(report: &[u8], claims: &Claims<'_>, policy: &Policy) -> Result<(), Refusal> {
    if !bool::from(report.ct_eq(&claims.report_data(NAME))) {
        return Err(Refusal::ReportData);
    }
    if policy.allow_no_tee { Ok(()) } else { Err(Refusal::NoTee) }
}
