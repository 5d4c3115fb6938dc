//! Times, and how sweeps go about what has expired.

/// Seconds since 1970, UTC.
pub type UnixSeconds = i64;

/// How long the mark of a spent nonce stays after the nonce is refused for its age. By then no
/// call that would still take the nonce can be under way.
pub(crate) const SWEEP_MARGIN_S: UnixSeconds = 60;

/// Rows that one step of a sweep forgets at most. Other calls get their turns between the steps.
pub(crate) const SWEEP_BATCH: u64 = 500;
