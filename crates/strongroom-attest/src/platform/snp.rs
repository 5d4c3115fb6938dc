//! AMD SEV-SNP (spec/attestation.md#snp): the attestation report of the SEV-SNP ABI (publication
//! 56860), and AMD's certificates for it (publication 57230).

mod report;
mod tcb;
mod vcek;

pub(crate) use report::Parsed;
pub use report::REPORT_BYTES;

use super::Bound;
use crate::certificates::{self, AMD};
use crate::checks::Checks;
use crate::evidence::SnpCollateral;
use crate::policy::{AppraisalPolicy, Hex, SnpTcb};
use crate::refusal::Refusal;
use crate::revocation;
use crate::trust_anchors::SnpProduct;
use strongroom::encoding::from_base64;
use time::OffsetDateTime;
use vcek::Vcek;

/// The launch digest of a report in hex, as a hint for people. `None` where the bytes are not a
/// report.
#[must_use]
pub fn measurement(report: &[u8]) -> Option<String> {
    Parsed::parse(report).ok().map(|report| hex::encode(report.measurement()))
}

/// What AMD's service needs to find the certificate of a report's chip and TCB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateKey {
    /// The line of processors that the chip belongs to.
    pub product: SnpProduct,
    chip_id: [u8; 64],
    tcb: SnpTcb,
}

impl CertificateKey {
    /// Reads the key from a report. A report of version 2 does not name its processor, and is taken
    /// for one of Milan, the first line.
    #[must_use]
    pub fn of(report: &[u8]) -> Option<Self> {
        let report = Parsed::parse(report).ok()?;
        let product = if report.version() == 2 { SnpProduct::Milan } else { report.product()? };
        Some(Self { product, chip_id: report.chip_id(), tcb: report.reported_tcb(product) })
    }

    /// The path and the query of the VCEK certificate at AMD's service (AMD publication 57230, §4).
    #[must_use]
    pub fn vcek_path(&self) -> String {
        let (product, SnpTcb { fmc, bootloader, tee, snp, microcode }) = (self.product, self.tcb);
        let tcb = format!("blSPL={bootloader}&teeSPL={tee}&snpSPL={snp}&ucodeSPL={microcode}");
        match product {
            SnpProduct::Turin => {
                format!("/vcek/v1/Turin/{}?fmcSPL={fmc}&{tcb}", hex::encode(&self.chip_id[..8]))
            }
            _ => format!("/vcek/v1/{}/{}?{tcb}", product.name(), hex::encode(self.chip_id)),
        }
    }
}

/// Verifies the certificates, and gives the line of processors whose root they lead to, with the
/// chip's own certificate.
fn verify_chain(
    report: &Parsed<'_>,
    collateral: &SnpCollateral,
    policy: &AppraisalPolicy,
    now: OffsetDateTime,
) -> Result<(SnpProduct, Vcek), Refusal> {
    let der = |text: &str| from_base64(text).ok_or(Refusal::Collateral);
    let (vcek, ask, crl) = (der(&collateral.vcek)?, der(&collateral.ask)?, der(&collateral.crl)?);
    let mut refused = Refusal::Chain;
    for (product, ark) in &policy.trust_anchors.amd {
        // A report of version 2 does not name its line, so each root is tried.
        if report.version() != 2 && report.product() != Some(*product) {
            continue;
        }
        match certificates::verify_path(&vcek, &[&ask], ark, AMD, now) {
            Ok(()) => {
                revocation::verify_not_revoked(&ask, ark, &crl, AMD, now)?;
                let vcek = Vcek::read(&vcek, *product).ok_or(Refusal::ChipCertificate)?;
                return Ok((*product, vcek));
            }
            // An expired path leads to this root, which says more than that others do not fit.
            Err(Refusal::Expired) => refused = Refusal::Expired,
            Err(_) => {}
        }
    }
    Err(refused)
}

pub(crate) fn appraise(
    checks: &mut Checks,
    report: &[u8],
    collateral: Option<&SnpCollateral>,
    policy: &AppraisalPolicy,
    now: OffsetDateTime,
) -> Option<Bound> {
    let Some(rules) = &policy.amd_sev_snp else {
        return checks.need("policy", Err(Refusal::PlatformNotInPolicy));
    };
    let report = checks.need("report", Parsed::parse(report))?;
    let collateral = checks.need("collateral", collateral.ok_or(Refusal::MissingCollateral))?;
    let chain = verify_chain(&report, collateral, policy, now);
    let (product, vcek) =
        checks.prove("chip, certified by AMD", chain, |(product, _)| product.name().to_owned())?;
    let signed = report.is_signed_by(&vcek.public_key);
    checks.hold(
        "report, signed by the chip",
        format!("version {}", report.version()),
        signed,
        Refusal::Signature,
    );
    let (chip, reported) = (report.chip_id(), report.reported_tcb(product));
    let is_its = chip == vcek.chip_id && chip != [0; 64] && reported == vcek.tcb;
    checks.hold(
        "certificate of this chip and TCB",
        format!("chip {}…", hex::encode(&chip[..8])),
        is_its,
        Refusal::ChipCertificate,
    );

    let bits = report.guest_policy();
    let bit = |n: u32| bits >> n & 1 == 1;
    checks.hold("debug", if bit(19) { "on" } else { "off" }, !bit(19), Refusal::Debug);
    checks.hold("migration agent", if bit(18) { "allowed" } else { "none" }, !bit(18), Refusal::Attributes);
    // Bit 17 is always set. The bits above 25 have no meaning yet.
    checks.hold("guest policy", format!("{bits:#x}"), bit(17) && bits >> 26 == 0, Refusal::Attributes);
    checks.hold(
        "SMT",
        if bit(16) { "allowed" } else { "no" },
        !bit(16) || rules.allow_smt,
        Refusal::PlatformFeature,
    );
    let vmpl = report.vmpl();
    checks.hold("VMPL", vmpl.to_string(), vmpl == 0, Refusal::Vmpl);

    let (committed, least) = (report.committed_tcb(product), rules.minimum_tcb.of(product));
    let is_new = least.is_some_and(|least| reported.reaches(&least) && committed.reaches(&least))
        && report.current_tcb(product).reaches(&reported);
    checks.hold("TCB", reported.to_string(), is_new, Refusal::Tcb);

    let measurement = Hex(report.measurement());
    checks.hold(
        "measurements in the policy",
        rules.measurements.len().to_string(),
        !rules.measurements.is_empty(),
        Refusal::NoMeasurements,
    );
    checks.hold(
        "measurement",
        measurement.to_string(),
        rules.measurements.contains(&measurement),
        Refusal::Measurement,
    );
    let host_data = Hex(report.host_data());
    let pinned = if rules.host_data.is_empty() { &[Hex([0; 32])] } else { &rules.host_data[..] };
    checks.hold("HOST_DATA", host_data.to_string(), pinned.contains(&host_data), Refusal::HostData);
    Some(Bound { report_data: report.report_data().to_vec(), measurement: measurement.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::parse;
    use time::macros::datetime;

    /// A real report of a Milan processor that the package `sev` ships, with the certificates of
    /// the chip and of its issuer.
    fn sample() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let folder = strongroom_testkit::fetched_package_dir("sev").join("tests/certs_data");
        #[expect(clippy::disallowed_methods, reason = "a test reads its samples")]
        let read = |name| std::fs::read(folder.join(name)).expect("a sample");
        let report = String::from_utf8(read("report_milan.hex")).expect("hex");
        let chain = String::from_utf8(read("cert_chain_milan")).expect("PEM");
        let ask = chain.split("-----").nth(2).expect("a certificate").replace(['\n', '\r'], "");
        (hex::decode(report.trim()).expect("hex"), read("vcek_milan.der"), from_base64(&ask).expect("base64"))
    }

    const DAY: OffsetDateTime = datetime!(2025-01-01 00:00 UTC);

    fn ark() -> Vec<u8> {
        crate::TrustAnchors::default().amd[0].1.to_vec()
    }

    /// Everything is verified except the revocation list, because no package ships a real one.
    #[test]
    fn a_real_report_verifies_in_its_days_and_on_no_other() {
        let (report, vcek, ask) = sample();
        let parsed = Parsed::parse(&report).expect("a report");
        let path = |now| certificates::verify_path(&vcek, &[&ask], &ark(), AMD, now);
        assert_eq!(path(DAY), Ok(()));
        assert_eq!(path(datetime!(2023-04-03 19:23:42 UTC)), Err(Refusal::Expired));
        assert_eq!(path(datetime!(2030-04-03 19:23:44 UTC)), Err(Refusal::Expired));
        let chip = Vcek::read(&vcek, SnpProduct::Milan).expect("a VCEK");
        assert!(parsed.is_signed_by(&chip.public_key));
        assert_eq!(chip.chip_id, parsed.chip_id());
        assert_eq!(chip.tcb, parsed.reported_tcb(SnpProduct::Milan));
        let SnpTcb { bootloader, tee, snp, microcode, .. } = chip.tcb;
        assert_eq!((bootloader, tee, snp, microcode), (3, 0, 8, 115));
        assert_eq!((parsed.version(), parsed.vmpl(), parsed.guest_policy()), (2, 0, 0x30000));
        // Another line's root is refused, and so is a path without the intermediate certificate.
        assert_eq!(
            certificates::verify_path(&vcek, &[&ask], &crate::TrustAnchors::default().amd[1].1, AMD, DAY),
            Err(Refusal::Chain)
        );
        assert_eq!(certificates::verify_path(&vcek, &[], &ark(), AMD, DAY), Err(Refusal::Chain));
    }

    #[test]
    fn a_real_report_with_any_bit_flipped_is_refused() {
        let (report, vcek, _) = sample();
        let key = certificates::public_key(&parse(&vcek).expect("a certificate")).to_vec();
        for at in 0..REPORT_BYTES {
            let mut flipped = report.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(!Parsed::parse(&flipped).is_ok_and(|report| report.is_signed_by(&key)), "byte {at}");
        }
    }

    /// The certificates of Turin have a chip id of eight bytes and one more version.
    #[test]
    fn a_real_turin_certificate_is_read() {
        let folder = strongroom_testkit::fetched_package_dir("sev").join("tests/certs_data");
        #[expect(clippy::disallowed_methods, reason = "a test reads its samples")]
        let vcek = std::fs::read(folder.join("vcek_turin.der")).expect("a sample");
        let chip = Vcek::read(&vcek, SnpProduct::Turin).expect("a VCEK");
        assert_eq!(chip.chip_id[8..], [0; 56]);
        assert!(Vcek::read(&vcek, SnpProduct::Milan).is_none());
    }
}
