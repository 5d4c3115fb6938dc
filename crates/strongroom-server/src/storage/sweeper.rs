//! Forgetting what expired, by a clock that can be trusted.

use crate::clock::Clock;
use crate::limits::Guard;
use crate::metrics::Metrics;
use std::sync::Arc;
use std::time::{Duration, Instant};
use strongroom_store::Store;
use time::OffsetDateTime;

const INTERVAL: Duration = Duration::from_secs(60);
/// How long the clock must have gone steadily before anything is forgotten by it.
const STEADY: Duration = Duration::from_secs(10 * 60);
/// How far it may go apart from the machine's own count of time in that while.
const DRIFT: time::Duration = time::Duration::seconds(30);

/// Watches the wall clock. A secret that is swept away is gone: a clock that jumped, or that was set only just now, is
/// no reason for it.
struct Steadiness {
    since: Instant,
    wall: OffsetDateTime,
}

impl Steadiness {
    /// From now on.
    fn from(now: Instant, wall: OffsetDateTime) -> Self {
        Self { since: now, wall }
    }

    /// Whether the clock has been steady for long enough; one that jumped is watched anew.
    fn holds(&mut self, now: Instant, wall: OffsetDateTime) -> bool {
        let elapsed = now.duration_since(self.since);
        let drift = (wall - self.wall) - elapsed;
        if drift.abs() > DRIFT {
            tracing::error!(
                seconds = drift.whole_seconds(),
                "the clock jumped: nothing is forgotten by it for now"
            );
            *self = Self::from(now, wall);
            return false;
        }
        elapsed >= STEADY
    }
}

/// Forgets what expired in the store, and the rates of clients who have not come for a while.
pub(crate) struct Sweeper {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
}

impl Sweeper {
    /// Sweeps once a minute. A failure is logged, and the next turn tries again.
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
                    tracing::info!(slots, "expired slots were forgotten");
                }
                Err(error) => tracing::error!(%error, "expired slots could not be forgotten"),
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
        assert!(!at(1, 0), "set only just now, for all we know");
        assert!(!at(9, 0));
        assert!(at(10, 0));
        assert!(!at(11, 525_600), "a year ahead");
        assert!(!at(20, 525_600));
        assert!(at(21, 525_600), "it stays there: so it is");
        assert!(!at(22, 0), "and back");
        assert!(at(32, 0));
    }
}
