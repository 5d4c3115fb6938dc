//! SLH-DSA verification: milliseconds on a core for whoever asks, so it has threads of its own, bounds, and figures.

use crate::error::{ApiError, Code};
use crate::limits::ClientAddress;
use crate::metrics::Counted;
use crate::vault::Vault;
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::time::Duration;

impl Vault {
    /// Runs a verification for a client once its turn has come, apart from the threads that answer requests.
    ///
    /// # Errors
    /// Over the client's rate, or with a full queue. What the verification itself says is inside.
    pub(crate) async fn verify<T: Send + 'static, E: Send + 'static>(
        &self,
        client: &ClientAddress,
        verification: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, ApiError> {
        self.guard.admit_verification(client)?;
        let counted = Counted::one(&self.metrics.verifications);
        let turn = self.guard.verification_turn().await?;
        let metrics = Arc::clone(&self.metrics);
        let work = move || {
            // Held by the work and not by the caller, who may go away before it is done.
            let _taken = (turn, counted);
            let start = cpu_time();
            let outcome = verification();
            metrics.verified(outcome.is_ok(), cpu_time().saturating_sub(start));
            outcome
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| Code::Internal.because("internal error").caused_by(error))
    }
}

/// What this thread has used: others on the same cores do not count.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
