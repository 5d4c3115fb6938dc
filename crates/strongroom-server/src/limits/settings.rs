//! The limits that an operator sets.

use std::num::NonZeroU32;
use std::time::Duration;
use strongroom_store::MAX_BACKUPS;

/// A rate of requests: a number a second, and a larger number at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second, in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
}

impl Rate {
    /// A rate of this many requests a second, and four times as many at once. 0 gives `None`, which
    /// means no limit.
    #[must_use]
    pub fn new(per_second: u32) -> Option<Self> {
        let per_second = NonZeroU32::new(per_second)?;
        Some(Self { per_second, burst: per_second.saturating_mul(NonZeroU32::MIN.saturating_add(3)) })
    }
}

/// The limits of a server. Those of backups are counted in the store. All others are counted in
/// this process, and begin again when it starts.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests of one client address; `None` for any rate.
    pub address_rate: Option<Rate>,
    /// Signed requests of one wallet or SLH-DSA key; `None` for any rate.
    pub wallet_rate: Option<Rate>,
    /// SLH-DSA verifications that one client address asks for; `None` for any rate.
    pub verification_rate: Option<Rate>,
    /// Versions of backups that one owner may store in an hour; `None` for any number.
    pub backups_an_hour: Option<NonZeroU32>,
    /// Bytes of one owner's backups together, in all versions. Deleted versions may have as many
    /// again. `None` for any number.
    pub backup_bytes: Option<u64>,
    /// User ids under which one owner may have backups, 100 at most.
    pub backup_user_ids: u32,
    /// Versions of one backup that are kept at most.
    pub backup_versions: NonZeroU32,
    /// Bytes that one client address may store unsigned in a day; `None` for any number.
    pub anonymous_bytes_a_day: Option<u64>,
    /// How long a secret lives at most if it was stored unsigned; `None` for any time.
    pub anonymous_lifetime: Option<Duration>,
    /// Bytes of one request's body at most.
    pub max_body_bytes: usize,
    /// Bytes of all bodies in memory at most.
    pub max_bodies_bytes: usize,
    /// Requests that are worked on at a time.
    pub max_active: usize,
    /// Requests that may wait for their turn; more are shed.
    pub max_waiting: usize,
    /// Open connections at most.
    pub max_connections: usize,
    /// Open connections of one address at most. Behind trusted proxies this does not apply.
    pub max_connections_per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            address_rate: Rate::new(50),
            wallet_rate: Rate::new(20),
            verification_rate: Rate::new(5),
            backups_an_hour: NonZeroU32::new(60),
            backup_bytes: Some(16 * 1024 * 1024),
            backup_user_ids: MAX_BACKUPS,
            backup_versions: NonZeroU32::new(5).expect("five is not zero"),
            anonymous_bytes_a_day: Some(256 * 1024 * 1024),
            anonymous_lifetime: None,
            max_body_bytes: 2 * 1024 * 1024,
            max_bodies_bytes: 256 * 1024 * 1024,
            max_active: 256,
            max_waiting: 1024,
            max_connections: 8192,
            max_connections_per_address: 1024,
        }
    }
}
