//! How much one client may ask of the vault, and all of them together.

use crate::error::{ApiError, Code};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use strongroom::principal::Principal;
use strongroom_store::MAX_BACKUPS;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const DAY_S: u32 = 24 * 60 * 60;
const KIB: usize = 1024;
/// How long a request may wait for its turn.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// How long a question to the platform may wait for its turn, and how many.
const MAX_QUOTE_WAIT: Duration = Duration::from_secs(10);
const MAX_WAITING_QUOTES: usize = 64;
/// How long a verification may, and how many.
const MAX_VERIFICATION_WAIT: Duration = Duration::from_secs(5);
const MAX_WAITING_VERIFICATIONS: usize = 64;

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

/// Who a request comes from: the address that rates are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// An IPv4 address, or the /64 that an IPv6 address is in: a customer has at least that much.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
            v4 => v4,
        })
    }

    /// The address behind `trusted_hops` proxies of one's own, each of which has added its peer's to
    /// `X-Forwarded-For`. What stands further left, anybody can write. The peer where an entry is none or missing.
    #[must_use]
    pub(crate) fn behind_proxies(peer: IpAddr, forwarded_for: &[&[u8]], trusted_hops: usize) -> Self {
        // Entry by entry: what is no text is one, or the others would be counted wrongly.
        let entries: Vec<&[u8]> = forwarded_for.iter().flat_map(|line| line.split(|b| *b == b',')).collect();
        let client = trusted_hops
            .checked_sub(1)
            .and_then(|hops| entries.iter().rev().nth(hops))
            .and_then(|entry| str::from_utf8(entry).ok()?.trim().parse().ok());
        Self::new(client.unwrap_or(peer))
    }

    /// Its bytes, for a look-up tag in the log.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        match self.0 {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        }
    }
}

/// A limiter by key, where there is a limit.
struct ByKey<K: Hash + Eq + Clone>(Option<(Quota, DefaultKeyedRateLimiter<K>)>);

impl<K: Hash + Eq + Clone> ByKey<K> {
    fn new(quota: Option<Quota>) -> Self {
        Self(quota.map(|quota| (quota, RateLimiter::keyed(quota))))
    }

    fn at(rate: Option<Rate>) -> Self {
        Self::new(rate.map(|rate| Quota::per_second(rate.per_second).allow_burst(rate.burst)))
    }

    /// Takes `cells` of the key's, or tells after how many seconds they will be there.
    fn take(&self, key: &K, cells: NonZeroU32) -> Result<(), u32> {
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
    fn tidy(&self) {
        if let Some((_, limiter)) = &self.0 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// What each address has of something that there is so much of.
pub(crate) struct Shares {
    max: usize,
    taken: Mutex<HashMap<ClientAddress, usize>>,
}

/// A part of an address's share, until it is dropped.
pub(crate) struct Share {
    shares: Arc<Shares>,
    client: ClientAddress,
    amount: usize,
}

impl Shares {
    /// So much for each.
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, taken: Mutex::default() })
    }

    /// An amount for this address, where it may have that.
    pub(crate) fn take(self: &Arc<Self>, client: ClientAddress, amount: usize) -> Option<Share> {
        let mut taken = self.taken();
        let before = taken.get(&client).copied().unwrap_or(0);
        let after = before.checked_add(amount).filter(|after| *after <= self.max)?;
        taken.insert(client, after);
        Some(Share { shares: Arc::clone(self), client, amount })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<ClientAddress, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        match taken.get_mut(&self.client) {
            Some(amount) if *amount > self.amount => *amount -= self.amount,
            _ => {
                taken.remove(&self.client);
            }
        }
    }
}

/// The limits at work.
pub(crate) struct Guard {
    addresses: ByKey<ClientAddress>,
    signers: ByKey<Principal>,
    verifying: ByKey<ClientAddress>,
    /// In KiB.
    anonymous: ByKey<ClientAddress>,
    bodies: Arc<Semaphore>,
    bodies_by_address: Arc<Shares>,
    requests: Queue,
    verifications: Queue,
    quotes: Queue,
    cached_quotes: Queue,
}

/// Memory for a part of a body.
pub(crate) struct Room {
    _room: OwnedSemaphorePermit,
    _share: Share,
}

/// A turn, until it is dropped.
pub(crate) struct Turn {
    _active: OwnedSemaphorePermit,
}

/// So many at a time, and so many who wait for a while.
pub(crate) struct Queue {
    active: Arc<Semaphore>,
    waiting: AtomicUsize,
    max_waiting: usize,
    max_wait: Duration,
}

impl Queue {
    fn new(max_active: usize, max_waiting: usize, max_wait: Duration) -> Self {
        let active = Arc::new(Semaphore::new(max_active.min(Semaphore::MAX_PERMITS)));
        Self { active, waiting: AtomicUsize::new(0), max_waiting, max_wait }
    }

    /// Of those who ask the platform, which makes one quote after another.
    pub(crate) fn of_quotes() -> Self {
        Self::new(1, MAX_WAITING_QUOTES, MAX_QUOTE_WAIT)
    }

    /// Waits for a turn, where the queue is not full.
    pub(crate) async fn turn(&self) -> Result<Turn, ApiError> {
        if let Ok(active) = Arc::clone(&self.active).try_acquire_owned() {
            return Ok(Turn { _active: active });
        }
        let _waiting = Waiting::join(&self.waiting, self.max_waiting).ok_or_else(overloaded)?;
        match tokio::time::timeout(self.max_wait, Arc::clone(&self.active).acquire_owned()).await {
            Ok(Ok(active)) => Ok(Turn { _active: active }),
            _ => Err(overloaded()),
        }
    }
}

impl Guard {
    pub(crate) fn new(limits: &Limits) -> Self {
        // As many KiB at once as a day gives, and a steady trickle after.
        let anonymous = limits.anonymous_bytes_a_day.and_then(|bytes| {
            let kib = NonZeroU32::new(u32::try_from(bytes / KIB as u64).unwrap_or(u32::MAX))
                .unwrap_or(NonZeroU32::MIN);
            Some(Quota::with_period(Duration::from_secs(DAY_S.into()) / kib.get())?.allow_burst(kib))
        });
        Self {
            addresses: ByKey::at(limits.address_rate),
            signers: ByKey::at(limits.wallet_rate),
            verifying: ByKey::at(limits.verification_rate),
            anonymous: ByKey::new(anonymous),
            bodies: Arc::new(Semaphore::new(limits.max_bodies_bytes.min(Semaphore::MAX_PERMITS))),
            bodies_by_address: Shares::new(limits.max_body_bytes.max(limits.max_bodies_bytes / 8)),
            requests: Queue::new(limits.max_active, limits.max_waiting, MAX_WAIT),
            // Each takes a core for some milliseconds: more at once would only make all of them late.
            verifications: Queue::new(
                std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
                MAX_WAITING_VERIFICATIONS,
                MAX_VERIFICATION_WAIT,
            ),
            quotes: Queue::of_quotes(),
            cached_quotes: Queue::of_quotes(),
        }
    }

    /// Counts a request of a client.
    pub(crate) fn admit(&self, client: &ClientAddress) -> Result<(), ApiError> {
        self.addresses.take(client, NonZeroU32::MIN).map_err(|seconds| {
            Code::TooManyRequests.because("too many requests from this address").retry_after(seconds)
        })
    }

    /// Counts a signed request of a wallet or a key.
    pub(crate) fn admit_signer(&self, signer: &Principal) -> Result<(), ApiError> {
        self.signers.take(signer, NonZeroU32::MIN).map_err(|seconds| {
            Code::TooManyRequests.because("too many requests of this wallet or key").retry_after(seconds)
        })
    }

    /// Counts a verification that a client asks for.
    pub(crate) fn admit_verification(&self, client: &ClientAddress) -> Result<(), ApiError> {
        self.verifying.take(client, NonZeroU32::MIN).map_err(|seconds| {
            Code::TooManyRequests
                .because("too many signatures to verify from this address: sessions need fewer")
                .retry_after(seconds)
        })
    }

    /// Counts bytes that a client stores unsigned, or as a backup.
    pub(crate) fn admit_anonymous(&self, client: &ClientAddress, bytes: usize) -> Result<(), ApiError> {
        let kib = NonZeroU32::new(u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX));
        self.anonymous.take(client, kib.unwrap_or(NonZeroU32::MIN)).map_err(|seconds| {
            Code::AnonymousQuota
                .because("this address has stored as much as it may in a day: wait; secrets that a wallet signs do not count")
                .retry_after(seconds)
        })
    }

    /// Room for bytes of a client's body, until it is dropped. One client has an eighth of it at most.
    pub(crate) fn body_room(&self, client: ClientAddress, bytes: usize) -> Result<Room, ApiError> {
        let share = self.bodies_by_address.take(client, bytes).ok_or_else(overloaded)?;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.bodies).try_acquire_many_owned(bytes).map_err(|_| overloaded())?;
        Ok(Room { _room: room, _share: share })
    }

    /// Waits for a request's turn, where the queue is not full.
    pub(crate) async fn turn(&self) -> Result<Turn, ApiError> {
        self.requests.turn().await
    }

    /// Waits for a verification's turn, where the queue is not full.
    pub(crate) async fn verification_turn(&self) -> Result<Turn, ApiError> {
        self.verifications.turn().await
    }

    /// Waits for a quote's turn, where the queue is not full.
    pub(crate) async fn quote_turn(&self) -> Result<Turn, ApiError> {
        self.quotes.turn().await
    }

    /// Whether somebody asks for the quote that is given to everybody.
    pub(crate) fn cached_quote_is_asked_for(&self) -> bool {
        self.cached_quotes.active.available_permits() == 0
    }

    /// Waits for the turn to ask for it, where the queue is not full.
    pub(crate) async fn cached_quote_turn(&self) -> Result<Turn, ApiError> {
        self.cached_quotes.turn().await
    }

    /// Forgets clients who have not come for a while.
    pub(crate) fn tidy(&self) {
        self.addresses.tidy();
        self.signers.tidy();
        self.verifying.tidy();
        self.anonymous.tidy();
    }
}

fn overloaded() -> ApiError {
    Code::Overloaded.because("the server has more to do than it can: try again").retry_after(1)
}

/// A place in the queue, given back however the waiting ends.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(waiting: &'a AtomicUsize, max: usize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < max).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientAddress {
        ClientAddress::new(text.parse().expect("an address"))
    }

    #[test]
    fn an_ipv6_customer_is_one_client_and_a_mapped_address_is_the_ipv4_one() {
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }

    #[test]
    fn only_what_trusted_proxies_wrote_counts() {
        let peer = "192.0.2.9".parse().expect("an address");
        let behind = |lines: &[&str], hops| {
            let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
            ClientAddress::behind_proxies(peer, &lines, hops)
        };
        let lines: [&[u8]; 3] = [b"6.6.6.6", b"\xe9, 198.51.100.1", b"10.0.0.2"];
        assert_eq!(
            ClientAddress::behind_proxies(peer, &lines, 2),
            client("198.51.100.1"),
            "what is no text is an entry"
        );
        assert_eq!(behind(&["198.51.100.1"], 0), client("192.0.2.9"), "nobody is trusted");
        assert_eq!(behind(&["198.51.100.1"], 1), client("198.51.100.1"));
        assert_eq!(
            behind(&["203.0.113.7, 198.51.100.1"], 1),
            client("198.51.100.1"),
            "the client's own word"
        );
        assert_eq!(behind(&["203.0.113.7", "198.51.100.1"], 2), client("203.0.113.7"), "over two lines");
        for lines in [&[][..], &["unknown"], &["198.51.100.1:80"], &["", ","]] {
            assert_eq!(behind(lines, 1), client("192.0.2.9"), "{lines:?}");
        }
    }

    #[test]
    fn a_client_has_its_rate_and_others_theirs() {
        let guard = Guard::new(&Limits { address_rate: Rate::new(1), ..Limits::default() });
        let (one, other) = (client("192.0.2.1"), client("192.0.2.2"));
        for _ in 0..4 {
            assert!(guard.admit(&one).is_ok());
        }
        let refused = guard.admit(&one).expect_err("the fifth at once");
        assert_eq!((refused.code, refused.retry_after_s), (Code::TooManyRequests, Some(1)));
        assert!(guard.admit(&other).is_ok());
    }

    #[test]
    fn the_anonymous_quota_counts_bytes() {
        let guard = Guard::new(&Limits { anonymous_bytes_a_day: Some(100 * 1024), ..Limits::default() });
        let (one, other) = (client("192.0.2.1"), client("192.0.2.2"));
        assert!(guard.admit_anonymous(&one, 60 * 1024).is_ok());
        let refused = guard.admit_anonymous(&one, 60 * 1024).expect_err("more than a day's");
        let wait = refused.retry_after_s.expect("a time");
        assert!((4 * 3600..6 * 3600).contains(&wait), "a fifth of a day, not {wait} s");
        assert!(guard.admit_anonymous(&one, 40 * 1024).is_ok(), "what is left is there");
        assert!(guard.admit_anonymous(&other, 60 * 1024).is_ok());
        assert!(guard.admit_anonymous(&other, 1 << 40).is_err(), "more than there ever is");
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_waited_for_in_a_bounded_queue() {
        let limits = Limits { max_active: 1, max_waiting: 1, ..Limits::default() };
        let guard = Arc::new(Guard::new(&limits));
        let turn = guard.turn().await.expect("free");
        let waiting = tokio::spawn({
            let guard = Arc::clone(&guard);
            async move { guard.turn().await.map(drop) }
        });
        tokio::task::yield_now().await;
        let asked = tokio::time::Instant::now();
        assert_eq!(guard.turn().await.err().expect("the queue is full").code, Code::Overloaded);
        assert_eq!(asked.elapsed(), Duration::ZERO, "who finds it full does not wait");
        drop(turn);
        assert!(waiting.await.expect("no panic").is_ok());
        let _turn = guard.turn().await.expect("free again");
        assert_eq!(guard.turn().await.err().expect("waited too long").code, Code::Overloaded);
        assert_eq!(guard.requests.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn verifications_wait_in_a_bounded_queue() {
        let guard = Arc::new(Guard::new(&Limits::default()));
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut turns = Vec::new();
        for _ in 0..cores {
            turns.push(guard.verification_turn().await.expect("as many as there are cores"));
        }
        let waiting: Vec<_> = (0..64)
            .map(|_| {
                let guard = Arc::clone(&guard);
                tokio::spawn(async move { guard.verification_turn().await.map(drop) })
            })
            .collect();
        while guard.verifications.waiting.load(Ordering::Relaxed) < 64 {
            tokio::task::yield_now().await;
        }
        let asked = tokio::time::Instant::now();
        assert_eq!(guard.verification_turn().await.err().expect("the queue is full").code, Code::Overloaded);
        assert_eq!(asked.elapsed(), Duration::ZERO, "who finds it full does not wait");
        drop(turns);
        for waiting in waiting {
            assert!(waiting.await.expect("no panic").is_ok());
        }
        assert!(guard.verification_turn().await.is_ok());
    }

    #[test]
    fn bodies_have_a_bounded_memory_and_each_address_a_share_of_it() {
        let limits = Limits { max_bodies_bytes: 16 * KIB, max_body_bytes: 2 * KIB, ..Limits::default() };
        let guard = Guard::new(&limits);
        let clients: Vec<_> = (1..10).map(|n| client(&format!("192.0.2.{n}"))).collect();
        let first = guard.body_room(clients[0], 2 * KIB).expect("room");
        assert!(guard.body_room(clients[0], 1).is_err(), "its share is taken");
        let others: Vec<_> =
            clients[1..8].iter().map(|client| guard.body_room(*client, 2 * KIB).ok()).collect();
        assert!(others.iter().all(Option::is_some), "and nobody else's");
        assert!(guard.body_room(clients[8], 1).is_err(), "all of it is taken");
        drop((first, others));
        assert!(guard.body_room(clients[0], 2 * KIB).is_ok());
        assert!(guard.bodies_by_address.taken().is_empty(), "and nothing is left behind");
    }
}
