//! Collateral: what the makers of the platforms signed. It is fetched from their services, kept,
//! and relayed with the evidence, so clients need to ask nobody else. All of it is signed, so a
//! relay can withhold it and do no other harm.

mod services;

pub use services::{AMD_URL, INTEL_URL, Services};

use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use strongroom_attest::{Collateral, Report, platform};

/// How long fetched collateral is relayed before it is fetched again. Intel's is valid for a month.
const LIFETIME: Duration = Duration::from_secs(6 * 60 * 60);
/// How long a service is not asked again after it was asked in vain.
const PAUSE: Duration = Duration::from_secs(60);

/// The collateral of one platform, from a file or from the makers' services.
pub struct Collaterals(CollateralSource);

enum CollateralSource {
    /// A bundle that the operator brought.
    Bundle(Box<Collateral>),
    /// The makers' services.
    Services(Arc<Fetched>),
}

struct Fetched {
    services: Services,
    /// Keeps the collateral for the next start, when the services may be down.
    file: Option<PathBuf>,
    kept: Mutex<KeptCollateral>,
    /// Held while one thread fetches.
    fetching: Mutex<()>,
}

#[derive(Default, Clone, Serialize, Deserialize)]
struct KeptCollateral {
    /// The platform that it is for, as [`services::Wanted`] names it.
    wanted: String,
    collateral: Collateral,
    #[serde(skip)]
    fetched: Option<Instant>,
    #[serde(skip)]
    tried: Option<Instant>,
}

impl Collaterals {
    /// Collateral from the makers' services. It is kept in `file` too, where one is named.
    #[must_use]
    pub fn from_services(services: Services, file: Option<&Path>) -> Self {
        let kept =
            file.and_then(|file| fs::read(file).ok()).and_then(|json| serde_json::from_slice(&json).ok());
        Self(CollateralSource::Services(Arc::new(Fetched {
            services,
            file: file.map(Path::to_owned),
            kept: Mutex::new(kept.unwrap_or_default()),
            fetching: Mutex::new(()),
        })))
    }

    /// Collateral from a file, written like the `collateral` of evidence. Nothing is fetched.
    ///
    /// # Errors
    /// Where the file cannot be read, or is not collateral.
    pub fn from_bundle(file: &Path) -> std::io::Result<Self> {
        let collateral = serde_json::from_slice(&fs::read(file)?)?;
        Ok(Self(CollateralSource::Bundle(Box::new(collateral))))
    }

    /// Adds the collateral to a report. What cannot be fetched is left out, and clients then say
    /// what is missing.
    pub(crate) fn complete(&self, report: &mut Report, platform: &str) {
        let found = match &self.0 {
            CollateralSource::Bundle(collateral) => (**collateral).clone(),
            CollateralSource::Services(fetched) => fetched.of(&report.bytes, platform),
        };
        match platform {
            // The host's certificates stay where the service gives no others.
            platform::AMD_SEV_SNP => report.collateral.snp = found.snp.or(report.collateral.snp.take()),
            _ => report.collateral.tdx = found.tdx,
        }
    }
}

impl Fetched {
    /// The kept collateral, where it is for this platform. Where it is old, another thread fetches
    /// it again; where there is none, this waits for it.
    fn of(self: &Arc<Self>, report: &[u8], platform: &str) -> Collateral {
        let Some(wanted) = services::Wanted::by(report, platform) else { return Collateral::default() };
        let kept = self.kept().clone();
        let is_right = kept.wanted == wanted.name();
        let is_old = kept.fetched.is_none_or(|at| at.elapsed() > LIFETIME);
        let may_try = kept.tried.is_none_or(|at| at.elapsed() > PAUSE);
        if is_right && (!is_old || !may_try) {
            return kept.collateral;
        }
        if is_right {
            let this = Arc::clone(self);
            std::thread::spawn(move || this.fetch(&wanted));
            return kept.collateral;
        }
        // Waits for a thread that fetches already; does nothing where that failed a moment ago.
        self.fetch(&wanted);
        let kept = self.kept();
        if kept.wanted == wanted.name() { kept.collateral.clone() } else { Collateral::default() }
    }

    fn fetch(&self, wanted: &services::Wanted) {
        let _one = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        {
            let mut kept = self.kept();
            // Another thread asked while this one waited.
            if kept.tried.is_some_and(|at| at.elapsed() < PAUSE) {
                return;
            }
            kept.tried = Some(now);
        }
        match self.services.fetch(wanted) {
            Ok(collateral) => {
                let new = KeptCollateral {
                    wanted: wanted.name(),
                    collateral,
                    fetched: Some(now),
                    tried: Some(now),
                };
                self.write(&new);
                *self.kept() = new;
                tracing::info!(of = wanted.name(), "fetched the platform's collateral");
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(
                    error,
                    "cannot fetch the platform's collateral; what was fetched before is relayed, if there is any"
                );
            }
        }
    }

    fn write(&self, kept: &KeptCollateral) {
        let Some(file) = &self.file else { return };
        let new = file.with_extension("new");
        let json = serde_json::to_vec(kept).expect("it is plain data");
        if let Err(error) = fs::write(&new, json).and_then(|()| fs::rename(&new, file)) {
            let file = file.display();
            tracing::warn!(%error, %file, "cannot write the collateral, so the next start fetches it again");
        }
    }

    fn kept(&self) -> MutexGuard<'_, KeptCollateral> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
