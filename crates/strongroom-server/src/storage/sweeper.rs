//! Deletes what has expired, once the clock can be trusted.

use crate::clock::Clock;
use crate::limits::Guard;
use crate::metrics::Metrics;
use std::sync::Arc;
use std::time::{Duration, Instant};
use strongroom_store::Store;
use time::OffsetDateTime;

const INTERVAL: Duration = Duration::from_secs(60);
/// How long the wall clock must run steadily before anything is deleted by it.
const STEADY: Duration = Duration::from_secs(10 * 60);
/// How far the wall clock may drift from the monotonic clock in that time.
const DRIFT: time::Duration = time::Duration::seconds(30);

/// Watches the wall clock for jumps. A deleted secret is gone for ever, so it must not be deleted
/// by a clock that has jumped or was set a moment ago.
struct Steadiness {
    since: Instant,
    wall: OffsetDateTime,
}

impl Steadiness {
    /// Watches from now on.
    fn from(now: Instant, wall: OffsetDateTime) -> Self {
        Self { since: now, wall }
    }

    /// Whether the clock has been steady for long enough. After a jump, the watch starts again.
    fn holds(&mut self, now: Instant, wall: OffsetDateTime) -> bool {
        let elapsed = now.duration_since(self.since);
        let drift = (wall - self.wall) - elapsed;
        if drift.abs() > DRIFT {
            tracing::error!(
                seconds = drift.whole_seconds(),
                "the wall clock jumped, so nothing is deleted for the next ten minutes"
            );
            *self = Self::from(now, wall);
            return false;
        }
        elapsed >= STEADY
    }
}

/// Deletes what has expired from the store, and forgets the rates of clients that are at rest.
pub(crate) struct Sweeper {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
}

impl Sweeper {
    /// Sweeps once a minute. A failure is logged, and the next round tries again.
    pub(crate) async fn run(&self) {
        let mut steadiness = Steadiness::from(Instant::now(), self.clock.now());
        let mut interval = tokio::time::interval(INTERVAL);
        loop {
            interval.tick().await;
            self.guard.tidy();
            let now = self.clock.now();
            if !steadiness.holds(Instant::now(), now) {
                continue;
            }
            match self.store.sweep(now.unix_timestamp()).await {
                Ok(0) => {}
                Ok(slots) => {
                    self.metrics.swept.inc_by(slots);
                    tracing::info!(slots, "deleted expired slots");
                }
                Err(error) => {
                    tracing::error!(%error, "cannot delete expired slots; the next round tries again");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumps_is_watched_for_ten_minutes_before_it_counts_again() {
        let (start, wall) = (Instant::now(), OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000));
        let mut steadiness = Steadiness::from(start, wall);
        let mut at = |minutes: u64, jump_minutes: i64| {
            let passed = Duration::from_secs(60 * minutes);
            steadiness.holds(start + passed, wall + passed + time::Duration::minutes(jump_minutes))
        };
        assert!(!at(1, 0), "it may have been set a moment ago");
        assert!(!at(9, 0));
        assert!(at(10, 0));
        assert!(!at(11, 525_600), "a year ahead");
        assert!(!at(20, 525_600));
        assert!(at(21, 525_600), "it has stayed there");
        assert!(!at(22, 0), "and back");
        assert!(at(32, 0));
    }
}
