//! Rates by key, such as the requests of one address. `governor` counts them (GCRA).

use super::settings::Rate;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::hash::Hash;
use std::num::NonZeroU32;

/// The seconds of a day.
pub(super) const DAY_S: u32 = 24 * 60 * 60;

/// A rate limiter by key; without a quota, it limits nothing.
pub(super) struct RateByKey<K: Hash + Eq + Clone>(Option<(Quota, DefaultKeyedRateLimiter<K>)>);

impl<K: Hash + Eq + Clone> RateByKey<K> {
    pub(super) fn new(quota: Option<Quota>) -> Self {
        Self(quota.map(|quota| (quota, RateLimiter::keyed(quota))))
    }

    pub(super) fn at(rate: Option<Rate>) -> Self {
        Self::new(rate.map(|rate| Quota::per_second(rate.per_second).allow_burst(rate.burst)))
    }

    /// Takes `cells` from the key's quota, or returns the seconds after which they will be there.
    pub(super) fn take(&self, key: &K, cells: NonZeroU32) -> Result<(), u32> {
        let Some((quota, limiter)) = &self.0 else { return Ok(()) };
        // The quota never has so many at once. The limiter must not be asked for them, because its
        // arithmetic does not take every number.
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

    /// Forgets keys whose quota is whole again.
    pub(super) fn tidy(&self) {
        if let Some((_, limiter)) = &self.0 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}
