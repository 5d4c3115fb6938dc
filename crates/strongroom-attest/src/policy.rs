//! What a client requires of a server before it sends a secret, and the TOML file in which an
//! operator publishes that (spec/attestation-policy.md).

use crate::trust_anchors::TrustAnchors;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt::{self, Write as _};

/// The version of policy files.
const VERSION: u32 = 1;
/// The largest policy file that is read, in bytes.
pub const MAX_POLICY_BYTES: usize = 256 * 1024;

/// `N` bytes that files and messages show as `2 * N` hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; N];
        hex::decode_to_slice(&text, &mut bytes)
            .map_err(|_| de::Error::custom(format_args!("{} hex digits are expected", 2 * N)))?;
        Ok(Self(bytes))
    }
}

/// A policy by which evidence is appraised (RFC 9334 §8.5). The default one trusts nobody.
#[derive(Debug, Clone, Default)]
pub struct AppraisalPolicy {
    /// Accept the platform `none`. Nothing then shows that the server keeps secrets from its
    /// operator. A policy file cannot say this.
    pub allow_no_tee: bool,
    /// Accept a key that came from outside the vault. Somebody who exported it may still hold it.
    pub allow_imported_key: bool,
    /// The vault that must answer; any vault where this is `None`.
    pub vault_id: Option<[u8; 32]>,
    /// The digests of the configurations of which one must run. Where none is listed, any may run,
    /// and the person who starts the code decides who else gets the vault's root.
    pub config_digests: Vec<[u8; 32]>,
    /// TLS must end in the TEE, with a key that the evidence binds.
    pub tls_in_tee: bool,
    /// The rules for the platforms `intel-tdx` and `phala`; without them both are refused.
    pub intel_tdx: Option<TdxPolicy>,
    /// The rules for the platform `amd-sev-snp`; without them it is refused.
    pub amd_sev_snp: Option<SnpPolicy>,
    /// The rules for the platform `aws-nitro`; without them it is refused.
    pub aws_nitro: Option<NitroPolicy>,
    /// The certificates that vouch for the platforms: the makers', except in tests. A policy file
    /// cannot say this.
    pub trust_anchors: TrustAnchors,
}

/// The rules for Intel TDX.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TdxPolicy {
    /// The guests that are trusted. An empty list trusts none.
    #[serde(default)]
    pub measurements: Vec<TdxMeasurement>,
    /// The TCB statuses that are accepted, by Intel's names. A file that lists none means
    /// `UpToDate`.
    #[serde(default = "up_to_date")]
    pub tcb_statuses: Vec<String>,
    /// The ids of Intel's advisories that may apply, for example `INTEL-SA-00001`.
    #[serde(default)]
    pub advisories: Vec<String>,
    /// The least `tcbEvaluationDataNumber` of the collateral.
    #[serde(default)]
    pub minimum_evaluation_number: u32,
    /// Accept platforms that can be extended (a PCK certificate's `dynamicPlatform`).
    #[serde(default)]
    pub allow_dynamic_platform: bool,
    /// Accept platforms whose root keys Intel's registration service keeps (`cachedKeys`).
    #[serde(default)]
    pub allow_cached_keys: bool,
    /// Accept platforms that run two threads on a core (`smtEnabled`).
    #[serde(default)]
    pub allow_smt: bool,
    /// The applications that are trusted on dstack. Without this, RTMR3 must be zero.
    #[serde(default)]
    pub dstack: Option<DstackPolicy>,
}

fn up_to_date() -> Vec<String> {
    vec!["UpToDate".to_owned()]
}

/// The measurements of what a TDX guest was started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TdxMeasurement {
    /// MRTD, which measures the firmware.
    pub mrtd: Hex<48>,
    /// RTMR0, which measures the virtual hardware.
    pub rtmr0: Hex<48>,
    /// RTMR1, which measures the kernel.
    pub rtmr1: Hex<48>,
    /// RTMR2, which measures the kernel's command line and the initial file system.
    pub rtmr2: Hex<48>,
}

/// The rules for applications on dstack.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DstackPolicy {
    /// SHA-256 of the app-compose.json files that are trusted.
    pub compose_hashes: Vec<Hex<32>>,
    /// The ids that the application may run under; any id where the list is empty. The owner of an
    /// id decides which code gets the application's keys.
    #[serde(default)]
    pub app_ids: Vec<Hex<20>>,
    /// The services that may give the application its keys, each as `kms:` and its id in hex.
    pub key_providers: Vec<String>,
    /// The hashes of the system images that are trusted; any image with the right measurements
    /// where the list is empty.
    #[serde(default)]
    pub os_image_hashes: Vec<Hex<32>>,
}

/// The rules for AMD SEV-SNP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnpPolicy {
    /// The launch digests of the guests that are trusted. An empty list trusts none.
    #[serde(default)]
    pub measurements: Vec<Hex<48>>,
    /// The oldest firmware that is accepted, by line of processors. Lines without one are refused.
    #[serde(default)]
    pub minimum_tcb: MinimumTcb,
    /// The values of HOST_DATA that are accepted. An empty list accepts zeros only.
    #[serde(default)]
    pub host_data: Vec<Hex<32>>,
    /// Accept guests whose host may run two threads on a core.
    #[serde(default)]
    pub allow_smt: bool,
}

/// The oldest firmware that is accepted of each line of processors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MinimumTcb {
    /// For EPYC 7003; without it those processors are refused.
    #[serde(default)]
    pub milan: Option<SnpTcb>,
    /// For EPYC 9004, with Bergamo and Siena; without it those processors are refused.
    #[serde(default)]
    pub genoa: Option<SnpTcb>,
    /// For EPYC 9005; without it those processors are refused.
    #[serde(default)]
    pub turin: Option<SnpTcb>,
}

/// The security versions of SNP's firmware (SEV-SNP ABI, TCB_VERSION). Higher ones are newer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnpTcb {
    /// The version of the co-processor FMC, which only Turin has; 0 on other lines.
    #[serde(default)]
    pub fmc: u8,
    /// The version of the boot loader.
    pub bootloader: u8,
    /// The version of the secure processor's operating system.
    pub tee: u8,
    /// The version of the SNP firmware.
    pub snp: u8,
    /// The lowest patch level of the microcode on all cores.
    pub microcode: u8,
}

/// The rules for AWS Nitro enclaves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NitroPolicy {
    /// The enclaves that are trusted. An empty list trusts none.
    #[serde(default)]
    pub measurements: Vec<NitroMeasurement>,
}

/// The measurements of what a Nitro enclave was started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NitroMeasurement {
    /// PCR0, which measures the whole image.
    pub pcr0: Hex<48>,
    /// PCR1, which measures the kernel and the initial file system.
    pub pcr1: Hex<48>,
    /// PCR2, which measures the application.
    pub pcr2: Hex<48>,
    /// PCR8, which measures the certificate that signed the image. Any value where this is `None`.
    #[serde(default)]
    pub pcr8: Option<Hex<48>>,
}

/// Why a text cannot be read as a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppraisalPolicyError {
    /// The text has more than [`MAX_POLICY_BYTES`].
    #[error("the policy is too large: it may have at most {MAX_POLICY_BYTES} bytes")]
    TooLarge,
    /// The text is not TOML, or has an unknown key or a wrong value. The parser's message says
    /// where.
    #[error("the policy cannot be read: {0}")]
    Toml(String),
    /// The file has a version that this client does not know.
    #[error("the policy has version {0}, and this client knows version {VERSION}")]
    Version(u32),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    allow_imported_key: bool,
    #[serde(default)]
    vault_id: Option<Hex<32>>,
    #[serde(default)]
    config_digests: Vec<Hex<32>>,
    #[serde(default)]
    tls_in_tee: bool,
    #[serde(default, rename = "intel-tdx")]
    intel_tdx: Option<TdxPolicy>,
    #[serde(default, rename = "amd-sev-snp")]
    amd_sev_snp: Option<SnpPolicy>,
    #[serde(default, rename = "aws-nitro")]
    aws_nitro: Option<NitroPolicy>,
}

impl AppraisalPolicy {
    /// Reads a policy file. What the file does not allow is not allowed.
    ///
    /// # Errors
    /// [`AppraisalPolicyError`]. Unknown keys are errors too, because a rule that is not understood
    /// must not be skipped.
    pub fn from_toml(text: &str) -> Result<Self, AppraisalPolicyError> {
        if text.len() > MAX_POLICY_BYTES {
            return Err(AppraisalPolicyError::TooLarge);
        }
        let file: File = toml::from_str(text)
            .map_err(|error| AppraisalPolicyError::Toml(error.to_string().trim().to_owned()))?;
        if file.version != VERSION {
            return Err(AppraisalPolicyError::Version(file.version));
        }
        Ok(Self {
            allow_no_tee: false,
            allow_imported_key: file.allow_imported_key,
            vault_id: file.vault_id.map(|id| id.0),
            config_digests: file.config_digests.into_iter().map(|digest| digest.0).collect(),
            tls_in_tee: file.tls_in_tee,
            intel_tdx: file.intel_tdx,
            amd_sev_snp: file.amd_sev_snp,
            aws_nitro: file.aws_nitro,
            trust_anchors: TrustAnchors::default(),
        })
    }

    /// The file of this policy, with a comment on each part that needs one.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut out = format!("version = {VERSION}\n");
        let mut line = |text: fmt::Arguments<'_>| writeln!(out, "{text}").expect("a String takes all");
        if let Some(id) = self.vault_id {
            line(format_args!("# This vault and no other.\nvault_id = \"{}\"", Hex(id)));
        }
        if !self.config_digests.is_empty() {
            let digests: Vec<String> = self.config_digests.iter().map(hex::encode).collect();
            line(format_args!(
                "# The settings that decide who else may get its key or sign in: one of these.\nconfig_digests = {}",
                texts(&digests)
            ));
        }
        if self.tls_in_tee {
            line(format_args!("# TLS must end inside the TEE.\ntls_in_tee = true"));
        }
        if self.allow_imported_key {
            line(format_args!(
                "# Its key came from outside: whoever exported it can read everything.\nallow_imported_key = true"
            ));
        }
        if let Some(tdx) = &self.intel_tdx {
            line(format_args!("\n[intel-tdx]\ntcb_statuses = {}", texts(&tdx.tcb_statuses)));
            line(format_args!("advisories = {}", texts(&tdx.advisories)));
            line(format_args!("minimum_evaluation_number = {}", tdx.minimum_evaluation_number));
            line(format_args!("allow_dynamic_platform = {}", tdx.allow_dynamic_platform));
            line(format_args!("allow_cached_keys = {}", tdx.allow_cached_keys));
            line(format_args!("allow_smt = {}", tdx.allow_smt));
            for m in &tdx.measurements {
                line(format_args!(
                    "\n# Firmware, virtual hardware, kernel, command line.\n[[intel-tdx.measurements]]\nmrtd = \"{}\"\nrtmr0 = \"{}\"\nrtmr1 = \"{}\"\nrtmr2 = \"{}\"",
                    m.mrtd, m.rtmr0, m.rtmr1, m.rtmr2
                ));
            }
            if let Some(dstack) = &tdx.dstack {
                line(format_args!("\n[intel-tdx.dstack]\n# SHA-256 of app-compose.json."));
                line(format_args!("compose_hashes = {}", list(&dstack.compose_hashes)));
                line(format_args!(
                    "# Whoever governs such an id governs its keys.\napp_ids = {}",
                    list(&dstack.app_ids)
                ));
                line(format_args!(
                    "# Who gives the application its keys.\nkey_providers = {}",
                    texts(&dstack.key_providers)
                ));
                line(format_args!("os_image_hashes = {}", list(&dstack.os_image_hashes)));
            }
        }
        if let Some(snp) = &self.amd_sev_snp {
            line(format_args!("\n[amd-sev-snp]\nallow_smt = {}", snp.allow_smt));
            line(format_args!("measurements = {}", list(&snp.measurements)));
            line(format_args!("host_data = {}", list(&snp.host_data)));
            let minimum = &snp.minimum_tcb;
            for (name, tcb) in [("milan", minimum.milan), ("genoa", minimum.genoa), ("turin", minimum.turin)]
            {
                if let Some(tcb) = tcb {
                    line(format_args!(
                        "\n[amd-sev-snp.minimum_tcb.{name}]\nfmc = {}\nbootloader = {}\ntee = {}\nsnp = {}\nmicrocode = {}",
                        tcb.fmc, tcb.bootloader, tcb.tee, tcb.snp, tcb.microcode
                    ));
                }
            }
        }
        if let Some(nitro) = &self.aws_nitro {
            line(format_args!("\n[aws-nitro]"));
            for m in &nitro.measurements {
                line(format_args!(
                    "[[aws-nitro.measurements]]\npcr0 = \"{}\"\npcr1 = \"{}\"\npcr2 = \"{}\"",
                    m.pcr0, m.pcr1, m.pcr2
                ));
                if let Some(pcr8) = m.pcr8 {
                    line(format_args!("pcr8 = \"{pcr8}\""));
                }
            }
        }
        out
    }
}

fn list<const N: usize>(items: &[Hex<N>]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("\"{item}\"")).collect();
    format!("[{}]", items.join(", "))
}

/// Writes strings as JSON does. TOML reads them the same, but also wants DELETE escaped.
fn texts(items: &[String]) -> String {
    serde_json::to_string(items).expect("texts are JSON").replace('\u{7f}', "\\u007f")
}
