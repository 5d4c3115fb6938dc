//! AMD SEV-SNP (spec/attestation.md §4.3): the attestation report of the SEV-SNP ABI (publication 56860), and AMD's
//! certificates for it (publication 57230).

use super::Bound;
use crate::certificates::{self, AMD};
use crate::checks::Checks;
use crate::evidence::SnpCollateral;
use crate::policy::{AppraisalPolicy, Hex, MinimumTcb, SnpTcb};
use crate::refusal::Refusal;
use crate::trust_anchors::SnpProduct;
use strongroom::encoding::from_base64;
use time::OffsetDateTime;
use x509_cert::der::oid::ObjectIdentifier;

/// Bytes of a report.
pub const REPORT_BYTES: usize = 1184;

/// Bytes that the signature is over.
const SIGNED_BYTES: usize = 0x2A0;
/// Of each half of the signature: 48 that count, little-endian, and zeros.
const SCALAR_BYTES: usize = 72;

/// The launch digest of a report in hex, where it is one: a hint for people.
#[must_use]
pub fn measurement(report: &[u8]) -> Option<String> {
    Parsed::parse(report).ok().map(|report| hex::encode(report.measurement()))
}

/// By what AMD's service finds the certificate of a report's chip and TCB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateKey {
    /// The line of processors.
    pub product: SnpProduct,
    chip_id: [u8; 64],
    tcb: SnpTcb,
}

impl CertificateKey {
    /// From a report. One of version 2 does not say which processor made it, and is taken for Milan's, the first.
    #[must_use]
    pub fn of(report: &[u8]) -> Option<Self> {
        let report = Parsed::parse(report).ok()?;
        let product = if report.version() == 2 { SnpProduct::Milan } else { report.product()? };
        Some(Self { product, chip_id: report.chip_id(), tcb: report.reported_tcb(product) })
    }

    /// Path and query of the VCEK certificate (AMD publication 57230, §4).
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

/// A report whose reserved parts are as they must be. Its signature has not been looked at.
#[derive(Debug)]
pub(crate) struct Parsed<'a>(&'a [u8; REPORT_BYTES]);

impl<'a> Parsed<'a> {
    /// Reads a report of version 2, 3 or 5, signed with a chip's own key.
    ///
    /// # Errors
    /// [`Refusal::Report`].
    pub(crate) fn parse(report: &'a [u8]) -> Result<Self, Refusal> {
        let parsed = Self(report.try_into().map_err(|_| Refusal::Report)?);
        let version = parsed.version();
        let zero = |from: usize, to: usize| report[from..to].iter().all(|byte| *byte == 0);
        let is_known = matches!(version, 2 | 3 | 5)
            // ECDSA P-384 with SHA-384, by a VCEK, whose chip is not masked.
            && parsed.number(0x34, 4) == 1
            && parsed.number(0x48, 4) & !1 == 0
            && zero(0x4C, 0x50)
            && zero(if version == 2 { 0x188 } else { 0x18B }, 0x1A0)
            && zero(if version == 5 { 0x208 } else { 0x1F8 }, SIGNED_BYTES)
            && zero(SIGNED_BYTES + 48, SIGNED_BYTES + SCALAR_BYTES)
            && zero(SIGNED_BYTES + SCALAR_BYTES + 48, REPORT_BYTES);
        if is_known { Ok(parsed) } else { Err(Refusal::Report) }
    }

    fn number(&self, at: usize, bytes: usize) -> u64 {
        self.0[at..at + bytes].iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte))
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0[at..at + N].try_into().expect("the range has N bytes")
    }

    pub(crate) fn version(&self) -> u64 {
        self.number(0, 4)
    }

    pub(crate) fn guest_policy(&self) -> u64 {
        self.number(0x08, 8)
    }

    pub(crate) fn vmpl(&self) -> u64 {
        self.number(0x30, 4)
    }

    pub(crate) fn report_data(&self) -> [u8; 64] {
        self.array(0x50)
    }

    pub(crate) fn measurement(&self) -> [u8; 48] {
        self.array(0x90)
    }

    pub(crate) fn host_data(&self) -> [u8; 32] {
        self.array(0xC0)
    }

    pub(crate) fn chip_id(&self) -> [u8; 64] {
        self.array(0x1A0)
    }

    /// By its CPUID, which version 2 does not carry.
    pub(crate) fn product(&self) -> Option<SnpProduct> {
        if self.version() == 2 { None } else { SnpProduct::of_cpu(self.0[0x188], self.0[0x189]) }
    }

    /// The TCB that the VCEK is for.
    pub(crate) fn reported_tcb(&self, product: SnpProduct) -> SnpTcb {
        SnpTcb::read(self.array(0x180), product)
    }

    fn current_tcb(&self, product: SnpProduct) -> SnpTcb {
        SnpTcb::read(self.array(0x38), product)
    }

    /// The TCB below which the platform cannot be put back.
    pub(crate) fn committed_tcb(&self, product: SnpProduct) -> SnpTcb {
        SnpTcb::read(self.array(0x1E0), product)
    }

    fn is_signed_by(&self, public_key: &[u8]) -> bool {
        let scalar = |at: usize| {
            let mut bytes: [u8; 48] = self.array(at);
            bytes.reverse();
            bytes
        };
        let (r, s) = (scalar(SIGNED_BYTES), scalar(SIGNED_BYTES + SCALAR_BYTES));
        p384::ecdsa::Signature::from_scalars(r, s).is_ok_and(|signature| {
            certificates::verify_p384(public_key, &self.0[..SIGNED_BYTES], &signature).is_some()
        })
    }
}

impl SnpTcb {
    /// TCB_VERSION, in the layout of a line of processors.
    fn read(bytes: [u8; 8], product: SnpProduct) -> Self {
        let [b0, b1, b2, b3, .., b6, b7] = bytes;
        match product {
            SnpProduct::Turin => Self { fmc: b0, bootloader: b1, tee: b2, snp: b3, microcode: b7 },
            _ => Self { fmc: 0, bootloader: b0, tee: b1, snp: b6, microcode: b7 },
        }
    }

    /// Whether every part is at least this one's.
    fn reaches(&self, least: &Self) -> bool {
        self.fmc >= least.fmc
            && self.bootloader >= least.bootloader
            && self.tee >= least.tee
            && self.snp >= least.snp
            && self.microcode >= least.microcode
    }
}

impl std::fmt::Display for SnpTcb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { fmc, bootloader, tee, snp, microcode } = self;
        write!(f, "fmc {fmc}, bootloader {bootloader}, tee {tee}, snp {snp}, microcode {microcode}")
    }
}

impl MinimumTcb {
    pub(crate) fn of(&self, product: SnpProduct) -> Option<SnpTcb> {
        match product {
            SnpProduct::Milan => self.milan,
            SnpProduct::Genoa => self.genoa,
            SnpProduct::Turin => self.turin,
        }
    }

    pub(crate) fn with(product: SnpProduct, tcb: SnpTcb) -> Self {
        let mut minimum = Self::default();
        *match product {
            SnpProduct::Milan => &mut minimum.milan,
            SnpProduct::Genoa => &mut minimum.genoa,
            SnpProduct::Turin => &mut minimum.turin,
        } = Some(tcb);
        minimum
    }
}

/// The chip and the TCB that a VCEK is for.
struct Vcek {
    public_key: Vec<u8>,
    tcb: SnpTcb,
    /// 64 bytes; Turin's has 8, and zeros.
    chip_id: [u8; 64],
}

impl Vcek {
    /// Reads AMD's extensions of a certificate (publication 57230, 1.3.6.1.4.1.3704.1).
    fn read(der: &[u8], product: SnpProduct) -> Option<Self> {
        let certificate = certificates::parse(der).ok()?;
        let tbs = certificate.tbs_certificate();
        let extension = |arc: &str| {
            let wanted = ObjectIdentifier::new(&format!("1.3.6.1.4.1.3704.1.{arc}")).ok()?;
            let mut found = tbs.extensions()?.iter().filter(|extension| extension.extn_id == wanted);
            let value = found.next()?.extn_value.as_bytes();
            found.next().is_none().then_some(value)
        };
        // INTEGER, 0 to 255, in DER's shortest form.
        let version = |arc: &str| match *extension(arc)? {
            [2, 1, n @ 0..=0x7F] | [2, 2, 0, n @ 0x80..=0xFF] => Some(n),
            _ => None,
        };
        let fmc = if product == SnpProduct::Turin { version("3.9")? } else { 0 };
        let tcb = SnpTcb {
            fmc,
            bootloader: version("3.1")?,
            tee: version("3.2")?,
            snp: version("3.3")?,
            microcode: version("3.8")?,
        };
        // The bare bytes in AMD's certificates so far, or an OCTET STRING of them; told apart by length alone.
        let (bytes, raw) = (if product == SnpProduct::Turin { 8 } else { 64 }, extension("4")?);
        let hwid = match raw {
            [4, length, rest @ ..] if raw.len() == bytes + 2 && usize::from(*length) == bytes => rest,
            _ if raw.len() == bytes => raw,
            _ => return None,
        };
        let mut chip_id = [0; 64];
        chip_id[..bytes].copy_from_slice(hwid);
        Some(Self { public_key: certificates::public_key(&certificate).to_vec(), tcb, chip_id })
    }
}

/// The line of processors whose root the certificates lead to, and the chip's own certificate.
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
        // A report of version 2 does not say: then the root does.
        if report.version() != 2 && report.product() != Some(*product) {
            continue;
        }
        match certificates::verify_path(&vcek, &[&ask], ark, AMD, now) {
            Ok(()) => {
                certificates::verify_not_revoked(&ask, ark, &crl, AMD, now)?;
                let vcek = Vcek::read(&vcek, *product).ok_or(Refusal::ChipCertificate)?;
                return Ok((*product, vcek));
            }
            // Of all roots, the one that the chain leads to says most.
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
    // Bit 17 is always set; those above 25 have no meaning yet.
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

    /// The report that `sev` ships, of a Milan processor, and its certificates: the chip's, and the one that issued it.
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

    /// All but the revocation list, of which no real one is shipped anywhere.
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
        // Another line's root, and its own without the certificate between.
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

    /// Turin's certificates have eight bytes of chip id and one more version.
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
