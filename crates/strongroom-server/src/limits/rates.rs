//! Rates by key, such as requests of one address. `governor` counts them (GCRA).

use super::settings::Rate;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::hash::Hash;
use std::num::NonZeroU32;

/// A day, in seconds.
pub(super) const DAY_S: u32 = 24 * 60 * 60;

/// A limiter by key, where there is a limit.
pub(super) struct RateByKey<K: Hash + Eq + Clone>(Option<(Quota, DefaultKeyedRateLimiter<K>)>);

impl<K: Hash + Eq + Clone> RateByKey<K> {
    pub(super) fn new(quota: Option<Quota>) -> Self {
        Self(quota.map(|quota| (quota, RateLimiter::keyed(quota))))
    }

    pub(super) fn at(rate: Option<Rate>) -> Self {
        Self::new(rate.map(|rate| Quota::per_second(rate.per_second).allow_burst(rate.burst)))
    }

    /// Takes `cells` of the key's, or tells after how many seconds they will be there.
    pub(super) fn take(&self, key: &K, cells: NonZeroU32) -> Result<(), u32> {
        let Some((quota, limiter)) = &self.0 else { return Ok(()) };
        // More than there ever is at once; the limiter's own arithmetic does not take any number.
        if cells > quota.burst_size() {
            return Err(DAY_S);
        }
        match limiter.check_key_n(key, cells) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                Err(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1))
            }
            Err(_) => Err(DAY_S),
        }
    }

    /// Forgets whose account is full again.
    pub(super) fn tidy(&self) {
        if let Some((_, limiter)) = &self.0 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}
