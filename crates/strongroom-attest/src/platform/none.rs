//! The platform that proves nothing, for development. Its report is the report data itself, and
//! nobody signs it.

use super::{Bound, NONE};
use crate::checks::Checks;
use crate::evidence::{AuxiliaryData, Collateral, Evidence, Report};
use crate::policy::AppraisalPolicy;
use crate::refusal::Refusal;
use crate::report_data::Claims;

/// The evidence of a server outside a TEE for these claims.
#[must_use]
pub fn evidence(claims: &Claims<'_>) -> Evidence {
    let report = Report {
        bytes: claims.report_data(NONE).to_vec(),
        measurement: String::new(),
        auxiliary_data: AuxiliaryData::Nothing {},
        collateral: Collateral::default(),
    };
    claims.with_report(NONE, report)
}

pub(crate) fn appraise(checks: &mut Checks, report: &[u8], policy: &AppraisalPolicy) -> Bound {
    checks.hold("TEE", "none: its operator can read what it opens", policy.allow_no_tee, Refusal::NoTee);
    Bound { report_data: report.to_vec(), measurement: String::new() }
}
