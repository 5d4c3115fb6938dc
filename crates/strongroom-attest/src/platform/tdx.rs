//! Intel TDX (spec/attestation.md#tdx). `dcap-qvl` verifies quote and collateral, and leaves the
//! rest to this module.

mod collateral;
mod platform_state;
mod quote;

pub use collateral::CollateralKey;
pub(crate) use platform_state::PlatformState;
pub(crate) use quote::Parsed;

use super::{Bound, dstack};
use crate::checks::Checks;
use crate::evidence::{AuxiliaryData, TdxCollateral};
use crate::policy::{AppraisalPolicy, TdxMeasurement, TdxPolicy};
use crate::refusal::Refusal;
use time::OffsetDateTime;

/// The bits that let a host look into a guest, or profile it (Intel TDX Module ABI, TD_ATTRIBUTES).
const TDATTRIBUTES_DEBUG: u64 = 0xFF;

/// MRTD of a quote in hex, as a hint for people. `None` where the bytes are not a quote.
#[must_use]
pub fn measurement(quote: &[u8]) -> Option<String> {
    Parsed::parse(quote).ok().map(|quote| quote.measurement().mrtd.to_string())
}

pub(crate) fn appraise(
    checks: &mut Checks,
    report: &[u8],
    auxiliary_data: &AuxiliaryData,
    collateral: Option<&TdxCollateral>,
    policy: &AppraisalPolicy,
    now: OffsetDateTime,
) -> Option<Bound> {
    let AppraisalPolicy { intel_tdx: Some(policy), trust_anchors, .. } = policy else {
        return checks.need("policy", Err(Refusal::PlatformNotInPolicy));
    };
    let parsed = checks.need("quote", Parsed::parse(report))?;
    let td = parsed.report();
    let debug = u64::from_le_bytes(td.td_attributes) & TDATTRIBUTES_DEBUG;
    checks.hold("debug", if debug == 0 { "off" } else { "on" }, debug == 0, Refusal::Debug);
    let collateral = checks.need("collateral", collateral.ok_or(Refusal::MissingCollateral))?;
    let claims = parsed.claims(collateral, &trust_anchors.intel, now);
    let version = format!("version {}", parsed.version());
    let claims = checks.prove("quote, signed by Intel", claims, |_| version)?;
    appraise_platform(checks, &PlatformState::of(&claims), policy);

    checks.hold("TDX module's signer", "Intel", td.mr_signer_seam == [0; 48], Refusal::Attributes);

    let measurement = parsed.measurement();
    checks.hold(
        "measurements in the policy",
        policy.measurements.len().to_string(),
        !policy.measurements.is_empty(),
        Refusal::NoMeasurements,
    );
    let TdxMeasurement { mrtd, rtmr0, rtmr1, rtmr2 } = measurement;
    let shown = format!("{mrtd}, {rtmr0}, {rtmr1}, {rtmr2}");
    let is_listed = policy.measurements.contains(&measurement);
    checks.hold("MRTD, RTMR0, RTMR1, RTMR2", shown, is_listed, Refusal::Measurement);

    match (&policy.dstack, auxiliary_data) {
        (Some(policy), AuxiliaryData::Dstack { event_log, app_compose, .. }) => {
            dstack::appraise(checks, &td.rt_mr3, event_log, app_compose, policy)?;
        }
        // A guest without dstack measures nothing later, and a dstack guest must show its log.
        _ => {
            let is_bare = policy.dstack.is_none() && td.rt_mr3 == [0; 48];
            checks.hold("RTMR3", hex::encode(td.rt_mr3), is_bare, Refusal::EventReplay);
        }
    }
    Some(Bound { report_data: td.report_data.to_vec(), measurement: measurement.mrtd.to_string() })
}

fn appraise_platform(checks: &mut Checks, state: &PlatformState, policy: &TdxPolicy) {
    let taken = state.statuses.iter().all(|status| policy.tcb_statuses.contains(status));
    checks.hold("TCB status", state.statuses.join(", "), taken, Refusal::Tcb);
    let number = state.evaluation_number;
    checks.hold(
        "TCB evaluation",
        number.to_string(),
        number >= policy.minimum_evaluation_number,
        Refusal::Tcb,
    );
    let accepted = state.advisories.iter().all(|id| policy.advisories.contains(id));
    let shown = if state.advisories.is_empty() { "none".to_owned() } else { state.advisories.join(", ") };
    checks.hold("advisories", shown, accepted, Refusal::Advisories);
    for (name, flag, allowed) in [
        ("dynamic platform", state.dynamic_platform, policy.allow_dynamic_platform),
        ("cached keys", state.cached_keys, policy.allow_cached_keys),
        ("SMT", state.smt, policy.allow_smt),
    ] {
        let shown = flag.map_or("not said", |flag| if flag { "yes" } else { "no" });
        checks.hold(name, shown, allowed || flag != Some(true), Refusal::PlatformFeature);
    }
}

#[cfg(test)]
mod tests {
    use super::quote::MAX_QUOTE_BYTES;
    use super::*;
    use crate::policy::Hex;
    use dcap_qvl::quote::Quote;
    use time::macros::datetime;

    /// A real quote that the package `dcap-qvl` ships, and Intel's collateral of that time.
    fn sample(name: &str) -> (Vec<u8>, TdxCollateral) {
        let folder = strongroom_testkit::package_dir("dcap-qvl").join("sample");
        #[expect(clippy::disallowed_methods, reason = "a test reads its samples")]
        let read = |name: String| std::fs::read(folder.join(name)).expect("a sample");
        let collateral =
            serde_json::from_slice(&read(format!("{name}_collateral.json"))).expect("collateral");
        (read(name.to_owned()), collateral)
    }

    const V4: OffsetDateTime = datetime!(2025-06-20 00:00 UTC);
    const V5: OffsetDateTime = datetime!(2026-10-10 00:00 UTC);

    fn outcome(name: &str, now: OffsetDateTime, change: impl FnOnce(&mut TdxPolicy)) -> Result<(), Refusal> {
        let (report, collateral) = sample(name);
        let parsed = Parsed::parse(&report).expect("a quote");
        let rtmr3_is_zero = parsed.report().rt_mr3 == [0; 48];
        let mut tdx = TdxPolicy {
            measurements: vec![parsed.measurement()],
            tcb_statuses: vec!["UpToDate".to_owned()],
            advisories: vec![],
            minimum_evaluation_number: 17,
            allow_dynamic_platform: true,
            allow_cached_keys: true,
            allow_smt: true,
            dstack: None,
        };
        change(&mut tdx);
        let policy = AppraisalPolicy { intel_tdx: Some(tdx), ..AppraisalPolicy::default() };
        let mut checks = Checks::default();
        let bound = appraise(&mut checks, &report, &AuxiliaryData::Tdx {}, Some(&collateral), &policy, now);
        let refusals: Vec<_> = checks.refusals().collect();
        if let Some(bound) = bound {
            assert_eq!(bound.report_data, parsed.report().report_data);
        }
        // The package does not ship the logs of its dstack guests; everything else is verified.
        let expected = if rtmr3_is_zero { None } else { Some(Refusal::EventReplay) };
        match refusals[..] {
            [] => Ok(()),
            [only] if Some(only) == expected => Ok(()),
            [first, ..] => Err(first),
        }
    }

    #[test]
    fn real_quotes_verify_in_their_days_and_on_no_other() {
        for (name, day) in [("tdx_quote", V4), ("tdx_quote_td15ex", V5)] {
            assert_eq!(outcome(name, day, |_| ()), Ok(()), "{name}");
            for other in [datetime!(2025-01-01 00:00 UTC), datetime!(2027-01-01 00:00 UTC)] {
                assert_eq!(outcome(name, other, |_| ()), Err(Refusal::Expired), "{name} {other}");
            }
        }
        assert_eq!(outcome("tdx_quote_td15ex", V4, |_| ()), Err(Refusal::Expired));
    }

    #[test]
    fn properties_of_a_real_platform_must_be_allowed_by_name() {
        let feature = Err(Refusal::PlatformFeature);
        assert_eq!(outcome("tdx_quote", V4, |tdx| tdx.allow_dynamic_platform = false), feature);
        assert_eq!(outcome("tdx_quote", V4, |tdx| tdx.allow_cached_keys = false), feature);
        assert_eq!(outcome("tdx_quote", V4, |tdx| tdx.allow_smt = false), feature);
        assert_eq!(outcome("tdx_quote", V4, |tdx| tdx.tcb_statuses.clear()), Err(Refusal::Tcb));
        assert_eq!(outcome("tdx_quote", V4, |tdx| tdx.minimum_evaluation_number = 18), Err(Refusal::Tcb));
        assert_eq!(outcome("tdx_quote", V4, |tdx| tdx.measurements.clear()), Err(Refusal::NoMeasurements));
        assert_eq!(outcome("tdx_quote_outdated", datetime!(2026-03-01 00:00 UTC), |_| ()), Err(Refusal::Tcb));
    }

    /// MRTD is 136 bytes into the body. The body begins after 48 bytes of header in version 4, and
    /// after 54 in version 5, so MRTD is at 184 or 190. At 112 of version 4 is MRSIGNERSEAM.
    #[test]
    fn mrtd_is_where_it_is() {
        for (name, at) in [("tdx_quote", 184), ("tdx_quote_td15ex", 190)] {
            let (report, _) = sample(name);
            let parsed = Parsed::parse(&report).expect("a quote");
            let library = Quote::parse(&report).expect("a quote");
            let library = library.report.as_td10().expect("of a TDX guest");
            assert_eq!(report[at..at + 48], library.mr_td);
            assert_eq!(parsed.measurement().mrtd, Hex(library.mr_td));
            assert_ne!(library.mr_td, [0; 48]);
        }
        let (report, _) = sample("tdx_quote");
        assert_eq!(report[112..160], [0; 48]);
    }

    #[test]
    fn a_quote_has_a_bound() {
        assert_eq!(Parsed::parse(&[0; MAX_QUOTE_BYTES + 1]).err(), Some(Refusal::Oversized));
    }

    /// A quote is refused if one bit flips, wherever it is signed or signs.
    #[test]
    fn a_real_quote_with_any_bit_flipped_is_refused() {
        let (report, collateral) = sample("tdx_quote");
        let root = crate::TrustAnchors::default().intel;
        // The text of the certificates is left out: PEM has more than one form of the same bytes.
        let chain = 636 + 134 + 488;
        for at in (0..chain).step_by(7) {
            let mut flipped = report.clone();
            flipped[at] ^= 1 << (at % 8);
            let outcome = Parsed::parse(&flipped).and_then(|quote| quote.claims(&collateral, &root, V4));
            assert!(outcome.is_err(), "byte {at}");
        }
    }
}
