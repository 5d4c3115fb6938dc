//! Intel TDX (spec/attestation.md §4.1). `dcap-qvl` verifies quote and collateral; what it leaves to its caller is here.

use super::{Bound, dstack};
use crate::checks::Checks;
use crate::evidence::{AuxiliaryData, TdxCollateral};
use crate::policy::Hex;
use crate::policy::{AppraisalPolicy, TdxMeasurement, TdxPolicy};
use crate::refusal::Refusal;
use dcap_qvl::config::PckCa;
use dcap_qvl::configs::RustCryptoConfig;
use dcap_qvl::intel;
use dcap_qvl::policy::PckCertFlag;
use dcap_qvl::quote::{Quote, TDReport10};
use dcap_qvl::tcb_info::TcbInfo;
use dcap_qvl::verify::QuoteVerifier;
use dcap_qvl::{QuoteClaims, QuoteCollateralV3, QuotePolicy};
use std::collections::BTreeSet;
use time::OffsetDateTime;

/// Bytes of a quote that are looked at.
const MAX_QUOTE_BYTES: usize = 64 * 1024;
/// Bits by which a host can look into a guest, or profile it (Intel TDX Module ABI, TD_ATTRIBUTES).
const TDATTRIBUTES_DEBUG: u64 = 0xFF;
/// The outer certification data of a quote that is signed by a quoting enclave.
const QE_REPORT_CERTIFICATION_DATA: u16 = 6;

/// MRTD of a quote in hex, where it is one: a hint for people.
#[must_use]
pub fn measurement(quote: &[u8]) -> Option<String> {
    Parsed::parse(quote).ok().map(|quote| quote.measurement().mrtd.to_string())
}

/// By what Intel's service finds the collateral of a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollateralKey {
    /// The kind of platform: 12 hex digits, upper case.
    pub fmspc: String,
    /// Who certified it: `platform` or `processor`.
    pub ca: &'static str,
}

impl CollateralKey {
    /// From the certificates in a quote.
    #[must_use]
    pub fn of(quote: &[u8]) -> Option<Self> {
        let quote = Quote::parse(quote).ok()?;
        let fmspc = intel::quote_fmspc_with::<RustCryptoConfig>(&quote).ok()?;
        let ca = match intel::quote_ca_with::<RustCryptoConfig>(&quote).ok()? {
            PckCa::Platform => "platform",
            PckCa::Processor => "processor",
        };
        Some(Self { fmspc: hex::encode_upper(fmspc), ca })
    }

    /// Whether this looks like its collateral. Only verification tells whether it is.
    #[must_use]
    pub fn fits(&self, collateral: &TdxCollateral) -> bool {
        let tcb_info: Result<TcbInfo, _> = serde_json::from_str(&collateral.tcb_info);
        to_library(collateral).is_ok()
            && tcb_info.is_ok_and(|info| info.fmspc.eq_ignore_ascii_case(&self.fmspc))
    }
}

/// A quote whose parts stand where they belong.
pub(crate) struct Parsed<'a> {
    /// Without the zeros that kernels leave after it.
    bytes: &'a [u8],
    quote: Quote,
}

impl<'a> Parsed<'a> {
    /// Reads a quote of version 4 or 5 of a TDX guest.
    ///
    /// # Errors
    /// [`Refusal::Report`].
    pub(crate) fn parse(report: &'a [u8]) -> Result<Self, Refusal> {
        if report.len() > MAX_QUOTE_BYTES {
            return Err(Refusal::Oversized);
        }
        let quote = Quote::parse(report).map_err(|_| Refusal::Report)?;
        let number = |at: usize, bytes: usize| {
            let little_endian = report.get(at..at + bytes)?;
            Some(little_endian.iter().rev().fold(0_usize, |n, byte| n << 8 | usize::from(*byte)))
        };
        let signed = quote.signed_length();
        let end =
            number(signed, 4).and_then(|length| length.checked_add(signed + 4)).ok_or(Refusal::Report)?;
        let (bytes, rest) = report.split_at_checked(end).ok_or(Refusal::Report)?;
        // Signature and attestation key, 64 bytes each, come before the certification data.
        let kind = number(signed + 4 + 128, 2);
        if rest.iter().any(|byte| *byte != 0)
            || kind != Some(usize::from(QE_REPORT_CERTIFICATION_DATA))
            || quote.report.as_td10().is_none()
        {
            return Err(Refusal::Report);
        }
        Ok(Self { bytes, quote })
    }

    pub(crate) fn report(&self) -> &TDReport10 {
        self.quote.report.as_td10().expect("looked at when it was parsed")
    }

    pub(crate) fn measurement(&self) -> TdxMeasurement {
        let td = self.report();
        TdxMeasurement {
            mrtd: Hex(td.mr_td),
            rtmr0: Hex(td.rt_mr0),
            rtmr1: Hex(td.rt_mr1),
            rtmr2: Hex(td.rt_mr2),
        }
    }

    pub(crate) fn version(&self) -> u16 {
        self.quote.header.version
    }

    /// Verifies quote and collateral and gives what they say, whatever any policy would.
    ///
    /// # Errors
    /// The kind of failure, as far as the library's text tells.
    pub(crate) fn claims(
        &self,
        collateral: &TdxCollateral,
        root: &[u8],
        now: OffsetDateTime,
    ) -> Result<QuoteClaims, Refusal> {
        let now = u64::try_from(now.unix_timestamp()).map_err(|_| Refusal::Expired)?;
        let collateral = to_library(collateral)?;
        let tcb_info: TcbInfo =
            serde_json::from_str(&collateral.tcb_info).map_err(|_| Refusal::Collateral)?;
        let claims = QuoteVerifier::<RustCryptoConfig>::new_with_config(root.to_vec())
            .verify_with_policy(self.bytes, collateral, now, &QuotePolicy::claims_only(now))
            .map_err(|error| refusal(&format!("{error:#}")))?;
        if !hex::encode(&claims.platform.pck.pce_id).eq_ignore_ascii_case(&tcb_info.pce_id) {
            return Err(Refusal::Collateral);
        }
        // The lists' first day and the root's own dates are left to us.
        if !(claims.latest_issue_date..=claims.earliest_expiration_date).contains(&now) {
            return Err(Refusal::Expired);
        }
        Ok(claims)
    }
}

/// Of what kind a failure is. The library's errors are texts; a text that is not known here is still a refusal.
fn refusal(text: &str) -> Refusal {
    let is = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if is(&[
        "Debug mode",
        "TD profiling",
        "TD attributes",
        "migration",
        "SERVTD_EXT",
        "SEPT_VE_DISABLE",
        "MR service TD",
        "TDX module identity check",
    ]) {
        Refusal::Attributes
    } else if is(&["QE vendor"]) {
        Refusal::Report
    } else if is(&["UnknownRevocationStatus"]) {
        // The list is of another issuer.
        Refusal::Collateral
    } else if is(&["CertRevoked"]) {
        Refusal::Revoked
    } else if is(&["xpired", "NotValidYet", "in the future"]) {
        Refusal::Expired
    } else if is(&["TCB level", "Revoked", "TDX module", "ISVSVN"]) {
        Refusal::Tcb
    } else if is(&["PCK", "certificate chain", "Intel extension"]) && !is(&["CRL"]) {
        Refusal::Chain
    } else if is(&["qe_report", "QE report hash", "ISV enclave report signature", "QE "]) {
        Refusal::Signature
    } else if is(&["CRL", "Crl", "TCB", "Tcb", "tcb_info", "qe_identity", "Fmspc", "root ca"]) {
        Refusal::Collateral
    } else {
        Refusal::Report
    }
}

fn to_library(collateral: &TdxCollateral) -> Result<QuoteCollateralV3, Refusal> {
    let bytes = |text: &str| hex::decode(text).map_err(|_| Refusal::Collateral);
    let signature =
        |text: &str| bytes(text).and_then(|s| if s.len() == 64 { Ok(s) } else { Err(Refusal::Collateral) });
    Ok(QuoteCollateralV3 {
        pck_crl_issuer_chain: String::new(),
        root_ca_crl: bytes(&collateral.root_ca_crl)?,
        pck_crl: bytes(&collateral.pck_crl)?,
        tcb_info_issuer_chain: collateral.tcb_info_issuer_chain.clone(),
        tcb_info: collateral.tcb_info.clone(),
        tcb_info_signature: signature(&collateral.tcb_info_signature)?,
        qe_identity_issuer_chain: collateral.qe_identity_issuer_chain.clone(),
        qe_identity: collateral.qe_identity.clone(),
        qe_identity_signature: signature(&collateral.qe_identity_signature)?,
        // The quote's own.
        pck_certificate_chain: None,
    })
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
        // Nothing else may have been measured later, and whoever runs dstack shows its log.
        _ => {
            let is_bare = policy.dstack.is_none() && td.rt_mr3 == [0; 48];
            checks.hold("RTMR3", hex::encode(td.rt_mr3), is_bare, Refusal::EventReplay);
        }
    }
    Some(Bound { report_data: td.report_data.to_vec(), measurement: measurement.mrtd.to_string() })
}

/// What Intel says of the platform at this time.
pub(crate) struct PlatformState {
    /// Every TCB status that applies: of the platform as it started, as it is, and of its quoting enclave.
    pub(crate) statuses: Vec<String>,
    pub(crate) advisories: Vec<String>,
    pub(crate) evaluation_number: u32,
    /// What the PCK certificate says, if it does.
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
    use super::*;
    use time::macros::datetime;

    /// A sample that dcap-qvl ships: a real quote and Intel's collateral of its days.
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
        // Of a guest whose log is not shipped along, all else is looked at.
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

    /// MRTD is 136 bytes into the body, which begins after 48 bytes of header, and after 6 more in version 5: 184 and 190.
    /// What stands at 112 of a version 4 quote is MRSIGNERSEAM.
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

    /// Every byte that is signed or signs: a bit of it flipped, the quote is refused.
    #[test]
    fn a_real_quote_with_any_bit_flipped_is_refused() {
        let (report, collateral) = sample("tdx_quote");
        let root = crate::TrustAnchors::default().intel;
        // The chain's text holds line ends and base64, whose padding bits and case of headers have more than one form.
        let chain = 636 + 134 + 488;
        for at in (0..chain).step_by(7) {
            let mut flipped = report.clone();
            flipped[at] ^= 1 << (at % 8);
            let outcome = Parsed::parse(&flipped).and_then(|quote| quote.claims(&collateral, &root, V4));
            assert!(outcome.is_err(), "byte {at}");
        }
    }
}
