//! What the platforms' makers signed, fetched from their services, kept, and relayed with the evidence, so that clients need
//! ask nobody else. All of it is signed: whoever relays it can withhold it, and no more.

mod services;

pub use services::{AMD_URL, INTEL_URL, Services};

use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use strongroom_attest::{Collateral, Report, platform};

/// How long what was fetched is relayed before it is fetched again; Intel's is good for a month.
const LIFETIME: Duration = Duration::from_secs(6 * 60 * 60);
/// How long a service that failed is left alone.
const PAUSE: Duration = Duration::from_secs(60);

/// The collateral of one platform.
pub struct Collaterals(Source);

enum Source {
    /// A bundle that the operator brought.
    Bundle(Box<Collateral>),
    /// The makers' services.
    Services(Arc<Fetched>),
}

struct Fetched {
    services: Services,
    /// Where it is kept for the next start, when the services may be down.
    file: Option<PathBuf>,
    kept: Mutex<Kept>,
    /// Held by who fetches.
    fetching: Mutex<()>,
}

#[derive(Default, Clone, Serialize, Deserialize)]
struct Kept {
    /// For which platform, as [`services::Wanted`] names it.
    wanted: String,
    collateral: Collateral,
    #[serde(skip)]
    fetched: Option<Instant>,
    #[serde(skip)]
    tried: Option<Instant>,
}

impl Collaterals {
    /// From the makers' services; kept in `file` as well, where one is named.
    #[must_use]
    pub fn from_services(services: Services, file: Option<&Path>) -> Self {
        let kept =
            file.and_then(|file| fs::read(file).ok()).and_then(|json| serde_json::from_slice(&json).ok());
        Self(Source::Services(Arc::new(Fetched {
            services,
            file: file.map(Path::to_owned),
            kept: Mutex::new(kept.unwrap_or_default()),
            fetching: Mutex::new(()),
        })))
    }

    /// From a file, as the `collateral` of evidence is written: nothing is fetched.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn from_bundle(file: &Path) -> std::io::Result<Self> {
        let collateral = serde_json::from_slice(&fs::read(file)?)?;
        Ok(Self(Source::Bundle(Box::new(collateral))))
    }

    /// Puts the collateral beside a report. What cannot be had is left out: clients then say what is missing.
    pub(crate) fn complete(&self, report: &mut Report, platform: &str) {
        let found = match &self.0 {
            Source::Bundle(collateral) => (**collateral).clone(),
            Source::Services(fetched) => fetched.of(&report.bytes, platform),
        };
        match platform {
            // The host's certificates stay where no others can be had.
            platform::AMD_SEV_SNP => report.collateral.snp = found.snp.or(report.collateral.snp.take()),
            _ => report.collateral.tdx = found.tdx,
        }
    }
}

impl Fetched {
    /// What is kept, if it is for this platform; fetched beside where it is old, and waited for where there is none.
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
        // Waits for who fetches already; does nothing where that failed a moment ago.
        self.fetch(&wanted);
        let kept = self.kept();
        if kept.wanted == wanted.name() { kept.collateral.clone() } else { Collateral::default() }
    }

    fn fetch(&self, wanted: &services::Wanted) {
        let _one = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        {
            let mut kept = self.kept();
            // Somebody else was first.
            if kept.tried.is_some_and(|at| at.elapsed() < PAUSE) {
                return;
            }
            kept.tried = Some(now);
        }
        match self.services.fetch(wanted) {
            Ok(collateral) => {
                let new = Kept { wanted: wanted.name(), collateral, fetched: Some(now), tried: Some(now) };
                self.write(&new);
                *self.kept() = new;
                tracing::info!(of = wanted.name(), "collateral was fetched");
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(
                    error,
                    "collateral cannot be fetched: what was fetched before is relayed, if there is any"
                );
            }
        }
    }

    fn write(&self, kept: &Kept) {
        let Some(file) = &self.file else { return };
        let beside = file.with_extension("new");
        let json = serde_json::to_vec(kept).expect("it is plain data");
        if let Err(error) = fs::write(&beside, json).and_then(|()| fs::rename(&beside, file)) {
            tracing::warn!(%error, "collateral cannot be kept for the next start");
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
