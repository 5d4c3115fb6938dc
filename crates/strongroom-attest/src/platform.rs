//! The verifiers, a file for each platform: what its report binds once its signature holds.

pub mod dstack;
pub mod nitro;
pub mod none;
pub mod snp;
pub mod tdx;

/// The name in evidence of a server outside a TEE.
pub const NONE: &str = "none";
/// The name in evidence of a TDX guest.
pub const INTEL_TDX: &str = "intel-tdx";
/// The name in evidence of a dstack guest whose agent says that it runs at Phala. The policies for
/// TDX apply to it.
pub const PHALA: &str = "phala";
/// The name in evidence of a SEV-SNP guest.
pub const AMD_SEV_SNP: &str = "amd-sev-snp";
/// The name in evidence of a Nitro enclave.
pub const AWS_NITRO: &str = "aws-nitro";

/// What a report binds, once everything about its platform holds.
pub(crate) struct Bound {
    /// The report's own 64 bytes, which must equal
    /// [`Claims::report_data`](crate::Claims::report_data).
    pub(crate) report_data: Vec<u8>,
    /// The measurement of the code in hex, for people; empty without a TEE.
    pub(crate) measurement: String,
}
