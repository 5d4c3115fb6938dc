//! Spent nonces of this run. A file that is put back under the running server revives none.

use crate::UnixSeconds;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Marks of spent nonces, in memory.
pub(super) struct SpentNonces(Mutex<Marks>);

struct Marks {
    keep_until: HashMap<[u8; 16], UnixSeconds>,
    /// Marks up to this time may be forgotten already.
    swept_until: UnixSeconds,
}

impl SpentNonces {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Marks { keep_until: HashMap::new(), swept_until: UnixSeconds::MIN }))
    }

    /// Marks a nonce, and tells whether it was new and no sweep can have forgotten it.
    pub(super) fn spend(&self, nonce: [u8; 16], keep_until: UnixSeconds) -> bool {
        let mut marks = self.marks();
        keep_until > marks.swept_until && marks.keep_until.insert(nonce, keep_until).is_none()
    }

    /// Forgets marks up to `now`. From now on every nonce that was to be kept no longer is refused.
    pub(super) fn sweep(&self, now: UnixSeconds) {
        let mut marks = self.marks();
        marks.swept_until = marks.swept_until.max(now);
        marks.keep_until.retain(|_, keep_until| *keep_until > now);
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
