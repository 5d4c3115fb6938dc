//! What vouches for the code that runs: found at start, asked for a report over the vault's claims.

mod dstack;
mod nitro;
mod tsm;
mod unix;

use crate::collateral::Collaterals;
use crate::tls_key::TlsKey;
pub use dstack::Dstack;
pub(crate) use dstack::KeyApi;
pub use nitro::{Nitro, SecureModule};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use strongroom_attest::{Claims, Evidence, platform};
pub use tsm::Tsm;

/// Why a platform does not vouch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlatformError {
    /// Nothing of the kind is on this machine.
    #[error("there is no {0} here")]
    NotThere(String),
    /// A file of the kernel's cannot be used.
    #[error("{path} cannot be used")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// dstack's agent cannot be reached.
    #[error("dstack's agent at {0} cannot be reached")]
    Unreachable(String, #[source] Box<ureq::Error>),
    /// It refuses.
    #[error("{0} refuses: {1}")]
    Refused(&'static str, String),
    /// dstack's agent does not know what it is asked.
    #[error("dstack's agent is too old: it does not know {0}")]
    NoSuchMethod(String),
    /// It answers something else than is known of it.
    #[error("{from} answers something unknown: {what}")]
    Answer {
        /// Who.
        from: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// Others asked for reports through the same entry, again and again.
    #[error("the kernel's report was disturbed by other writers")]
    Disturbed,
}

/// Which platform to run on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Choice {
    /// Whatever is there; none where nothing is.
    #[default]
    Auto,
    /// No TEE.
    None,
    /// dstack, by its agent's socket.
    Dstack,
    /// A TDX guest, by the kernel.
    IntelTdx,
    /// An SEV-SNP guest, by the kernel.
    AmdSevSnp,
    /// A Nitro enclave, by its Secure Module.
    AwsNitro,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            "none" => Self::None,
            "dstack" => Self::Dstack,
            "intel-tdx" => Self::IntelTdx,
            "amd-sev-snp" => Self::AmdSevSnp,
            "aws-nitro" => Self::AwsNitro,
            _ => return Err("auto, none, dstack, intel-tdx, amd-sev-snp or aws-nitro is expected".to_owned()),
        })
    }
}

/// Where platforms are looked for.
#[derive(Debug, Clone)]
pub struct Places {
    /// dstack's agent: a socket's path or an `http://` URL. Otherwise the usual sockets.
    pub dstack: Option<String>,
    /// The kernel's configfs-tsm folder.
    pub tsm: PathBuf,
    /// What stands in for `/dev/nsm`, in tests.
    pub nsm: Option<Arc<dyn SecureModule>>,
}

impl Default for Places {
    fn default() -> Self {
        Self { dstack: None, tsm: PathBuf::from("/sys/kernel/config/tsm/report"), nsm: None }
    }
}

/// A platform that this build can run on.
pub enum Platform {
    /// No TEE: nothing vouches. For development.
    None,
    /// A dstack guest.
    Dstack(Dstack),
    /// A TDX or SEV-SNP guest of Linux.
    Tsm(Tsm),
    /// A Nitro enclave.
    Nitro(Nitro),
}

impl Platform {
    /// Finds the platform. What was asked for by name and is not there is an error; nothing takes its place.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub fn find(choice: Choice, places: &Places) -> Result<Self, PlatformError> {
        match choice {
            Choice::None => Ok(Self::None),
            Choice::Dstack => Dstack::find(places.dstack.as_deref())?
                .map(Self::Dstack)
                .ok_or_else(|| PlatformError::NotThere("dstack agent's socket".to_owned())),
            Choice::IntelTdx => Self::tsm(places, Some(platform::tdx::NAME)),
            Choice::AmdSevSnp => Self::tsm(places, Some(platform::snp::NAME)),
            Choice::AwsNitro => Self::nitro(places)
                .ok_or_else(|| PlatformError::NotThere("Nitro Secure Module (/dev/nsm)".to_owned())),
            Choice::Auto => match Dstack::find(places.dstack.as_deref())? {
                Some(dstack) => Ok(Self::Dstack(dstack)),
                None if places.tsm.is_dir() => Self::tsm(places, None),
                None => Ok(Self::nitro(places).unwrap_or(Self::None)),
            },
        }
    }

    fn nitro(places: &Places) -> Option<Self> {
        let stand_in = places.nsm.clone().map(Nitro::new);
        stand_in.or_else(Nitro::find).map(Self::Nitro)
    }

    fn tsm(places: &Places, name: Option<&str>) -> Result<Self, PlatformError> {
        let tsm = Tsm::find(&places.tsm)?;
        match name {
            Some(name) if name != tsm.name() => {
                Err(PlatformError::NotThere(format!("{name}: the kernel reports {}", tsm.name())))
            }
            _ => Ok(Self::Tsm(tsm)),
        }
    }

    /// Its name on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => platform::none::NAME,
            Self::Dstack(dstack) => dstack.name(),
            Self::Tsm(tsm) => tsm.name(),
            Self::Nitro(_) => platform::nitro::NAME,
        }
    }

    /// Whether nothing vouches.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Evidence that binds the claims, with the collateral that is at hand. Waits for the platform: some answer in tens of
    /// milliseconds, and time out after half a minute.
    ///
    /// # Errors
    /// [`PlatformError`].
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

    /// A TLS key of this guest's, where the platform makes one.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub fn tls_key(&self, host: &str) -> Result<Option<TlsKey>, PlatformError> {
        match self {
            Self::Dstack(dstack) => dstack.tls_key(host),
            _ => Ok(None),
        }
    }
}
