//! The quote of a TDX guest, parsed and verified by `dcap-qvl`.

use super::collateral::to_library;
use crate::evidence::TdxCollateral;
use crate::policy::{Hex, TdxMeasurement};
use crate::refusal::Refusal;
use dcap_qvl::configs::RustCryptoConfig;
use dcap_qvl::quote::{Quote, TDReport10};
use dcap_qvl::tcb_info::TcbInfo;
use dcap_qvl::verify::QuoteVerifier;
use dcap_qvl::{QuoteClaims, QuotePolicy};
use time::OffsetDateTime;

/// The largest quote that is read, in bytes.
pub(super) const MAX_QUOTE_BYTES: usize = 64 * 1024;
/// The type of the outer certification data, in a quote that a quoting enclave signed.
const QE_REPORT_CERTIFICATION_DATA: u16 = 6;

/// A quote that was parsed. Its signatures have not been verified.
pub(crate) struct Parsed<'a> {
    /// The quote without the zeros that kernels leave after it.
    bytes: &'a [u8],
    quote: Quote,
}

impl<'a> Parsed<'a> {
    /// Reads a TDX guest's quote of version 4 or 5.
    ///
    /// # Errors
    /// [`Refusal::Oversized`] or [`Refusal::Report`].
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
        // The signature and the attestation key, 64 bytes each, come before the certification data.
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

    /// Verifies quote and collateral, and gives what they say. No policy is applied.
    ///
    /// # Errors
    /// [`Refusal`]: the kind of failure, as far as the library's message tells.
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
        // The library does not check the first day of the lists, or the dates of the root.
        if !(claims.latest_issue_date..=claims.earliest_expiration_date).contains(&now) {
            return Err(Refusal::Expired);
        }
        Ok(claims)
    }
}

/// The refusal for an error of the library, whose errors are texts. A text that is not known here
/// is still a refusal.
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
        // The revocation list is of another issuer.
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
