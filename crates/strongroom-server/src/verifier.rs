//! Runs SLH-DSA verifications. Each takes milliseconds of a core, and anybody can ask for one. They
//! have therefore threads, bounds and metrics of their own.

use crate::error::{ApiError, Code};
use crate::limits::{ClientAddress, Guard};
use crate::metrics::{Counted, Metrics};
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::time::Duration;

/// Runs verifications within their bounds.
pub(crate) struct Verifier {
    guard: Arc<Guard>,
    metrics: Arc<Metrics>,
}

impl Verifier {
    pub(crate) fn new(guard: Arc<Guard>, metrics: Arc<Metrics>) -> Self {
        Self { guard, metrics }
    }

    /// Runs a verification for a client once its turn has come, apart from the threads that answer
    /// requests. The outer result says whether it ran, the inner one what it found.
    ///
    /// # Errors
    /// Where the client is over its rate, or the queue is full.
    pub(crate) async fn run<T: Send + 'static, E: Send + 'static>(
        &self,
        client: &ClientAddress,
        verification: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, ApiError> {
        self.guard.admit_verification(client)?;
        let counted = Counted::one(&self.metrics.verifications);
        let turn = self.guard.verification_turn().await?;
        let metrics = Arc::clone(&self.metrics);
        let work = move || {
            // The work holds the turn, because the caller may go away before the work is done.
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

/// The processor time that this thread has used. Other threads on the same cores do not count.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[tokio::test]
    async fn a_verification_runs_apart_from_the_threads_that_answer() {
        let guard = Arc::new(Guard::new(&Limits::default()));
        let verifier = Verifier::new(guard, Arc::new(Metrics::new()));
        let client = ClientAddress::new(std::net::Ipv4Addr::LOCALHOST.into());
        let there = verifier.run(&client, || Ok::<_, ()>(std::thread::current().id())).await;
        let there = there.map_err(|error| error.code).expect("its turn").expect("it holds");
        assert_ne!(there, std::thread::current().id());
    }
}
