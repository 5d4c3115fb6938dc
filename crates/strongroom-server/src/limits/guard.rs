//! Counts clients, signers, bodies and stored bytes, and refuses what exceeds the limits.

use super::client_address::ClientAddress;
use super::queue::{Queue, RequestPermit, overloaded};
use super::rates::{DAY_S, RateByKey};
use super::settings::Limits;
use super::shares::{Share, Shares};
use crate::error::{ApiError, Code};
use governor::Quota;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;
use strongroom::principal::Principal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const KIB: usize = 1024;
/// How long a request may wait for its turn.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// How long a verification may wait for its turn.
const MAX_VERIFICATION_WAIT: Duration = Duration::from_secs(5);
/// Verifications that may wait at a time.
const MAX_WAITING_VERIFICATIONS: usize = 64;

/// The counters and queues of a server's limits.
pub(crate) struct Guard {
    addresses: RateByKey<ClientAddress>,
    signers: RateByKey<Principal>,
    verifying: RateByKey<ClientAddress>,
    /// Counted in KiB.
    anonymous: RateByKey<ClientAddress>,
    bodies: Arc<Semaphore>,
    bodies_by_address: Arc<Shares>,
    requests: Queue,
    verifications: Queue,
}

/// Memory for a part of a body, which is given back on drop.
pub(crate) struct BodyPermit {
    _room: OwnedSemaphorePermit,
    _share: Share,
}

impl Guard {
    pub(crate) fn new(limits: &Limits) -> Self {
        // A day's bytes may come at once; they are given back evenly over the next day.
        let anonymous = limits.anonymous_bytes_a_day.and_then(|bytes| {
            let kib = NonZeroU32::new(u32::try_from(bytes / KIB as u64).unwrap_or(u32::MAX))
                .unwrap_or(NonZeroU32::MIN);
            Some(Quota::with_period(Duration::from_secs(DAY_S.into()) / kib.get())?.allow_burst(kib))
        });
        Self {
            addresses: RateByKey::at(limits.address_rate),
            signers: RateByKey::at(limits.wallet_rate),
            verifying: RateByKey::at(limits.verification_rate),
            anonymous: RateByKey::new(anonymous),
            bodies: Arc::new(Semaphore::new(limits.max_bodies_bytes.min(Semaphore::MAX_PERMITS))),
            bodies_by_address: Shares::new(limits.max_body_bytes.max(limits.max_bodies_bytes / 8)),
            requests: Queue::new(limits.max_active, limits.max_waiting, MAX_WAIT),
            // A verification takes a core for some milliseconds, so more at once would delay them
            // all.
            verifications: Queue::new(
                std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
                MAX_WAITING_VERIFICATIONS,
                MAX_VERIFICATION_WAIT,
            ),
        }
    }

    /// Counts a request of a client.
    pub(crate) fn admit(&self, client: &ClientAddress) -> Result<(), ApiError> {
        self.addresses.take(client, NonZeroU32::MIN).map_err(|seconds| {
            Code::TooManyRequests
                .because("too many requests from this address: wait as long as Retry-After says")
                .retry_after(seconds)
        })
    }

    /// Counts a signed request of a wallet or a key.
    pub(crate) fn admit_signer(&self, signer: &Principal) -> Result<(), ApiError> {
        self.signers.take(signer, NonZeroU32::MIN).map_err(|seconds| {
            Code::TooManyRequests
                .because("too many requests of this wallet or key: wait as long as Retry-After says")
                .retry_after(seconds)
        })
    }

    /// Counts a verification that a client asks for.
    pub(crate) fn admit_verification(&self, client: &ClientAddress) -> Result<(), ApiError> {
        self.verifying.take(client, NonZeroU32::MIN).map_err(|seconds| {
            Code::TooManyRequests
                .because("too many signatures to verify from this address: wait, or use a session, which needs one")
                .retry_after(seconds)
        })
    }

    /// Counts bytes that a client stores unsigned, or as a backup.
    pub(crate) fn admit_anonymous(&self, client: &ClientAddress, bytes: usize) -> Result<(), ApiError> {
        let kib = NonZeroU32::new(u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX));
        self.anonymous.take(client, kib.unwrap_or(NonZeroU32::MIN)).map_err(|seconds| {
            Code::AnonymousQuota
                .because("this address has stored as much as it may in a day: wait; secrets that are signed do not count")
                .retry_after(seconds)
        })
    }

    /// Memory for this many bytes of a client's body. One client gets an eighth of all memory at
    /// most.
    pub(crate) fn body_room(&self, client: ClientAddress, bytes: usize) -> Result<BodyPermit, ApiError> {
        let share = self.bodies_by_address.take(client, bytes).ok_or_else(overloaded)?;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.bodies).try_acquire_many_owned(bytes).map_err(|_| overloaded())?;
        Ok(BodyPermit { _room: room, _share: share })
    }

    /// Waits for a request's turn. It fails at once if the queue is full.
    pub(crate) async fn turn(&self) -> Result<RequestPermit, ApiError> {
        self.requests.turn().await
    }

    /// Waits for a verification's turn. It fails at once if the queue is full.
    pub(crate) async fn verification_turn(&self) -> Result<RequestPermit, ApiError> {
        self.verifications.turn().await
    }

    /// Forgets clients and signers whose rates are at rest again.
    pub(crate) fn tidy(&self) {
        self.addresses.tidy();
        self.signers.tidy();
        self.verifying.tidy();
        self.anonymous.tidy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    fn client(text: &str) -> ClientAddress {
        ClientAddress::new(text.parse().expect("an address"))
    }

    #[test]
    fn a_client_has_its_rate_and_others_theirs() {
        let guard = Guard::new(&Limits { address_rate: super::super::Rate::new(1), ..Limits::default() });
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
        assert_eq!(asked.elapsed(), Duration::ZERO, "a full queue refuses at once");
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
        assert_eq!(asked.elapsed(), Duration::ZERO, "a full queue refuses at once");
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
