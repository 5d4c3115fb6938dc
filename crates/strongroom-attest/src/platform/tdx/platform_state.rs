//! What Intel says about a platform, apart from what any policy thinks of that.

use dcap_qvl::QuoteClaims;
use dcap_qvl::policy::PckCertFlag;
use std::collections::BTreeSet;

/// The state of a platform at one time, as Intel's collateral and the PCK certificate describe it.
pub(crate) struct PlatformState {
    /// Every TCB status that applies: the platform's when it started, the platform's now, and its
    /// quoting enclave's.
    pub(crate) statuses: Vec<String>,
    pub(crate) advisories: Vec<String>,
    pub(crate) evaluation_number: u32,
    /// The flags of the PCK certificate, each `None` where the certificate does not have it.
    pub(crate) dynamic_platform: Option<bool>,
    pub(crate) cached_keys: Option<bool>,
    pub(crate) smt: Option<bool>,
}

impl PlatformState {
    pub(crate) fn of(claims: &QuoteClaims) -> Self {
        let current = claims.platform.current_tcb_level.as_ref();
        let levels =
            [claims.tcb.status, claims.platform.tcb_level.tcb_status, claims.qe.tcb_level.tcb_status];
        let statuses = levels.into_iter().chain(current.map(|level| level.tcb_status)).map(|s| s.to_string());
        let advisories =
            claims.tcb.advisory_ids.iter().chain(current.iter().flat_map(|level| &level.advisory_ids));
        let flag = |flag| match flag {
            PckCertFlag::True => Some(true),
            PckCertFlag::False => Some(false),
            PckCertFlag::Undefined => None,
        };
        let pck = &claims.platform.pck;
        Self {
            statuses: BTreeSet::from_iter(statuses).into_iter().collect(),
            advisories: BTreeSet::from_iter(advisories.cloned()).into_iter().collect(),
            evaluation_number: claims.tcb.eval_data_number,
            dynamic_platform: flag(pck.dynamic_platform),
            cached_keys: flag(pck.cached_keys),
            smt: flag(pck.smt_enabled),
        }
    }
}
