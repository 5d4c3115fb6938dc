//! Whether the store answers, for health checks.

use crate::error::ApiError;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use strongroom_store::{Store, StoreError};
use tokio::sync::Mutex;

/// How long an answer is given out again. Clients may therefore ask at any rate.
const LIFETIME: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(3);

/// The store's last answer. One request at a time asks the store, and others wait for its answer.
pub(crate) struct Readiness {
    store: Arc<dyn Store>,
    asking: Mutex<()>,
    last: RwLock<Option<(Instant, Result<(), ApiError>)>>,
}

impl Readiness {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, asking: Mutex::default(), last: RwLock::default() }
    }

    /// Checks that the store answers. The store is asked once a second at most.
    pub(crate) async fn check(&self) -> Result<(), ApiError> {
        if let Some(answer) = self.known() {
            return answer;
        }
        let _asking = self.asking.lock().await;
        if let Some(answer) = self.known() {
            return answer;
        }
        let answer = match tokio::time::timeout(TIMEOUT, self.store.ready()).await {
            Ok(answer) => answer.map_err(ApiError::from),
            Err(_) => Err(StoreError::TimedOut.into()),
        };
        let now = Some((Instant::now(), answer.clone()));
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = now;
        answer
    }

    fn known(&self) -> Option<Result<(), ApiError>> {
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(at, _)| at.elapsed() < LIFETIME).map(|(_, answer)| answer.clone())
    }
}
