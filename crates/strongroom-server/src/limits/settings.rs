//! The bounds that an operator sets.

use std::num::NonZeroU32;
use std::time::Duration;
use strongroom_store::MAX_BACKUPS;

/// How often somebody may come: a number a second, and so many at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second.
    pub per_second: NonZeroU32,
    /// Requests at once.
    pub burst: NonZeroU32,
}

impl Rate {
    /// A rate of this many requests a second, four times as many at once; `None` for 0, which is no limit.
    #[must_use]
    pub fn new(per_second: u32) -> Option<Self> {
        let per_second = NonZeroU32::new(per_second)?;
        Some(Self { per_second, burst: per_second.saturating_mul(NonZeroU32::MIN.saturating_add(3)) })
    }
}

/// The bounds of a server. All but those of backups count in this process alone, and begin anew with it.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests of one client address.
    pub address_rate: Option<Rate>,
    /// Signed requests of one wallet, or of one SLH-DSA key.
    pub wallet_rate: Option<Rate>,
    /// SLH-DSA verifications that one client address asks for.
    pub verification_rate: Option<Rate>,
    /// Backups of one owner that are stored in an hour, counted in the store; `None` for any number.
    pub backups_an_hour: Option<NonZeroU32>,
    /// Bytes of one owner's backups together, all versions, and as much again of deleted ones; `None` for any number.
    pub backup_bytes: Option<u64>,
    /// User ids under which one owner may have backups, 100 at most.
    pub backup_user_ids: u32,
    /// Versions of a backup that are kept at most.
    pub backup_versions: NonZeroU32,
    /// Bytes that one client address may store unsigned in a day; `None` for any number.
    pub anonymous_bytes_a_day: Option<u64>,
    /// How long a secret lives at most that was stored unsigned.
    pub anonymous_lifetime: Option<Duration>,
    /// Bytes of a request's body.
    pub max_body_bytes: usize,
    /// Bytes of all bodies that are in memory.
    pub max_bodies_bytes: usize,
    /// Requests that are worked on at the same time.
    pub max_active: usize,
    /// Requests that wait for their turn; more are shed.
    pub max_waiting: usize,
    /// Connections.
    pub max_connections: usize,
    /// Connections of one address, unless it is a trusted proxy's.
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
            backup_versions: NonZeroU32::new(5).expect("five is more than none"),
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
