//! The platform vouches for the code that runs. It is found at start, and asked for reports over
//! the vault's claims.

mod dstack;
mod error;
mod nitro;
mod tsm;
mod unix;

use crate::collateral::Collaterals;
use crate::tls_key::TlsKey;
pub use dstack::Dstack;
pub(crate) use dstack::KeyApi;
pub use error::PlatformError;
pub use nitro::{Nitro, SecureModule};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use strongroom_attest::{Claims, Evidence, platform};
pub use tsm::Tsm;

/// The platform that the operator asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PlatformChoice {
    /// The platform that is found, or none where there is no TEE.
    #[default]
    Auto,
    /// No TEE, even where there is one.
    None,
    /// dstack, asked through its agent's socket.
    Dstack,
    /// A TDX guest, asked through the kernel.
    IntelTdx,
    /// An SEV-SNP guest, asked through the kernel.
    AmdSevSnp,
    /// A Nitro enclave, asked through its Secure Module.
    AwsNitro,
}

impl FromStr for PlatformChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            "none" => Self::None,
            "dstack" => Self::Dstack,
            "intel-tdx" => Self::IntelTdx,
            "amd-sev-snp" => Self::AmdSevSnp,
            "aws-nitro" => Self::AwsNitro,
            _ => {
                return Err("expected auto, none, dstack, intel-tdx, amd-sev-snp or aws-nitro".to_owned());
            }
        })
    }
}

/// The places where platforms are looked for.
#[derive(Debug, Clone)]
pub struct PlatformPaths {
    /// dstack's agent: a socket's path or an `http://` URL. `None` stands for the usual sockets.
    pub dstack: Option<String>,
    /// The kernel's configfs-tsm folder.
    pub tsm: PathBuf,
    /// Stands in for `/dev/nsm` in tests.
    pub nsm: Option<Arc<dyn SecureModule>>,
}

impl Default for PlatformPaths {
    fn default() -> Self {
        Self { dstack: None, tsm: PathBuf::from("/sys/kernel/config/tsm/report"), nsm: None }
    }
}

/// A platform that this build can run on.
pub enum Platform {
    /// No TEE, for development: nothing vouches for the code.
    None,
    /// A guest of dstack, with its agent.
    Dstack(Dstack),
    /// A Linux guest under TDX or SEV-SNP, with the kernel's reports.
    Tsm(Tsm),
    /// An AWS Nitro enclave, with its Secure Module.
    Nitro(Nitro),
}

impl Platform {
    /// Finds the platform. Nothing takes the place of one that was asked for by name.
    ///
    /// # Errors
    /// [`PlatformError`] where that one is not there.
    pub fn find(choice: PlatformChoice, paths: &PlatformPaths) -> Result<Self, PlatformError> {
        match choice {
            PlatformChoice::None => Ok(Self::None),
            PlatformChoice::Dstack => Dstack::find(paths.dstack.as_deref())?
                .map(Self::Dstack)
                .ok_or_else(|| PlatformError::NotThere("dstack agent's socket here".to_owned())),
            PlatformChoice::IntelTdx => Self::tsm(paths, Some(platform::INTEL_TDX)),
            PlatformChoice::AmdSevSnp => Self::tsm(paths, Some(platform::AMD_SEV_SNP)),
            PlatformChoice::AwsNitro => Self::nitro(paths)
                .ok_or_else(|| PlatformError::NotThere("Nitro Secure Module (/dev/nsm) here".to_owned())),
            PlatformChoice::Auto => match Dstack::find(paths.dstack.as_deref())? {
                Some(dstack) => Ok(Self::Dstack(dstack)),
                None if paths.tsm.is_dir() => Self::tsm(paths, None),
                None => Ok(Self::nitro(paths).unwrap_or(Self::None)),
            },
        }
    }

    fn nitro(paths: &PlatformPaths) -> Option<Self> {
        let stand_in = paths.nsm.clone().map(Nitro::new);
        stand_in.or_else(Nitro::find).map(Self::Nitro)
    }

    fn tsm(paths: &PlatformPaths, name: Option<&str>) -> Result<Self, PlatformError> {
        let tsm = Tsm::find(&paths.tsm)?;
        match name {
            Some(name) if name != tsm.name() => {
                Err(PlatformError::NotThere(format!("{name} here: the kernel reports {}", tsm.name())))
            }
            _ => Ok(Self::Tsm(tsm)),
        }
    }

    /// The platform's name on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => platform::NONE,
            Self::Dstack(dstack) => dstack.name(),
            Self::Tsm(tsm) => tsm.name(),
            Self::Nitro(_) => platform::AWS_NITRO,
        }
    }

    /// Whether there is no TEE, so nothing vouches for the code.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Evidence that binds the claims, with the collateral that is at hand. Blocks until the
    /// platform has answered: most take tens of milliseconds, and dstack's agent times out after 30
    /// s.
    ///
    /// # Errors
    /// [`PlatformError`] where the platform does not answer or refuses.
    pub fn quote(
        &self,
        claims: &Claims<'_>,
        collaterals: Option<&Collaterals>,
    ) -> Result<Evidence, PlatformError> {
        let report_data = claims.report_data(self.name());
        let mut report = match self {
            Self::None => return Ok(platform::none::evidence(claims)),
            Self::Dstack(dstack) => dstack.quote(&report_data)?,
            Self::Tsm(tsm) => tsm.quote(&report_data)?,
            Self::Nitro(nitro) => nitro.quote(&report_data, claims)?,
        };
        if let Some(collaterals) = collaterals {
            collaterals.complete(&mut report, self.name());
        }
        Ok(claims.with_report(self.name(), report))
    }

    /// A TLS key that the platform makes for this guest, or `None` where it makes none.
    ///
    /// # Errors
    /// [`PlatformError`] where dstack's agent does not answer or refuses.
    pub fn tls_key(&self, host: &str) -> Result<Option<TlsKey>, PlatformError> {
        match self {
            Self::Dstack(dstack) => dstack.tls_key(host),
            _ => Ok(None),
        }
    }
}
