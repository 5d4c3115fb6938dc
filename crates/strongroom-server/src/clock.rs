//! The clock that the vault reads.

use std::sync::Arc;
use time::OffsetDateTime;

/// A source of the present time. Tests use one that they can move.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> OffsetDateTime + Send + Sync>);

impl Clock {
    /// A clock that shows what `now` returns.
    pub fn new(now: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The operating system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::new(OffsetDateTime::now_utc)
    }

    /// The present time, in UTC.
    pub(crate) fn now(&self) -> OffsetDateTime {
        (self.0)()
    }
}
