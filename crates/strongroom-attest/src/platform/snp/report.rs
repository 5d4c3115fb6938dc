//! The attestation report (SEV-SNP ABI, ATTESTATION_REPORT).

use crate::certificates;
use crate::policy::SnpTcb;
use crate::refusal::Refusal;
use crate::trust_anchors::SnpProduct;

/// The size of a report, in bytes.
pub const REPORT_BYTES: usize = 1184;

/// The part of a report that the signature is over, in bytes.
const SIGNED_BYTES: usize = 0x2A0;
/// The size of each half of the signature: 48 bytes, little-endian, and then zeros.
const SCALAR_BYTES: usize = 72;

/// A report whose reserved parts are zero. Its signature has not been verified.
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

    /// The line of processors by the report's CPUID, which a report of version 2 does not have.
    pub(crate) fn product(&self) -> Option<SnpProduct> {
        if self.version() == 2 { None } else { SnpProduct::of_cpu(self.0[0x188], self.0[0x189]) }
    }

    /// REPORTED_TCB, the TCB that the VCEK is for.
    pub(crate) fn reported_tcb(&self, product: SnpProduct) -> SnpTcb {
        SnpTcb::read(self.array(0x180), product)
    }

    pub(super) fn current_tcb(&self, product: SnpProduct) -> SnpTcb {
        SnpTcb::read(self.array(0x38), product)
    }

    /// COMMITTED_TCB, below which the platform cannot be rolled back.
    pub(crate) fn committed_tcb(&self, product: SnpProduct) -> SnpTcb {
        SnpTcb::read(self.array(0x1E0), product)
    }

    pub(super) fn is_signed_by(&self, public_key: &[u8]) -> bool {
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
