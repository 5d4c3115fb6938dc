//! A bounded queue for work of which only some may run at a time.

use crate::error::{ApiError, Code};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a request for a quote may wait for its turn.
const MAX_QUOTE_WAIT: Duration = Duration::from_secs(10);
/// Requests for quotes that may wait at a time.
const MAX_WAITING_QUOTES: usize = 64;

/// A turn to be worked on, which is given back on drop.
pub(crate) struct RequestPermit {
    _active: OwnedSemaphorePermit,
}

/// Runs at most `max_active` at a time; `max_waiting` more may queue for `max_wait`; the rest are
/// shed.
pub(crate) struct Queue {
    active: Arc<Semaphore>,
    pub(super) waiting: AtomicUsize,
    max_waiting: usize,
    max_wait: Duration,
}

impl Queue {
    pub(super) fn new(max_active: usize, max_waiting: usize, max_wait: Duration) -> Self {
        let active = Arc::new(Semaphore::new(max_active.min(Semaphore::MAX_PERMITS)));
        Self { active, waiting: AtomicUsize::new(0), max_waiting, max_wait }
    }

    /// The queue in front of the platform, which makes one quote after another.
    pub(crate) fn of_quotes() -> Self {
        Self::new(1, MAX_WAITING_QUOTES, MAX_QUOTE_WAIT)
    }

    /// Whether all turns are taken now.
    pub(crate) fn is_taken(&self) -> bool {
        self.active.available_permits() == 0
    }

    /// Waits for a turn. It fails at once if the queue is full.
    pub(crate) async fn turn(&self) -> Result<RequestPermit, ApiError> {
        if let Ok(active) = Arc::clone(&self.active).try_acquire_owned() {
            return Ok(RequestPermit { _active: active });
        }
        let _waiting = QueuePlace::join(&self.waiting, self.max_waiting).ok_or_else(overloaded)?;
        match tokio::time::timeout(self.max_wait, Arc::clone(&self.active).acquire_owned()).await {
            Ok(Ok(active)) => Ok(RequestPermit { _active: active }),
            _ => Err(overloaded()),
        }
    }
}

/// The refusal if there is more to do than the server can.
pub(super) fn overloaded() -> ApiError {
    Code::Overloaded.because("the server has more to do than it can: try again").retry_after(1)
}

/// A place in the queue, which is given back on drop.
struct QueuePlace<'a>(&'a AtomicUsize);

impl<'a> QueuePlace<'a> {
    fn join(waiting: &'a AtomicUsize, max: usize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < max).then_some(place)
    }
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
