//! Where the vault reads the time.

use std::sync::Arc;
use time::OffsetDateTime;

/// A clock. Tests move theirs.
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

    /// The present moment.
    pub(crate) fn now(&self) -> OffsetDateTime {
        (self.0)()
    }
}
