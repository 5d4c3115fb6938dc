//! The donor: the replica that has the root, and the offers that it made of it.

use crate::attestor::Attestor;
use crate::root::Root;
use rand_core::CryptoRng;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use strongroom::slh_dsa::PublicKey;
use strongroom_attest::root_transfer::handoff::{
    HandoffError, HandoffGrant, HandoffRequest, Handover, PendingOffer,
};
use time::OffsetDateTime;

/// How long an offer waits for the joiner's second message.
const OFFER_LIFETIME: Duration = Duration::from_secs(60);
/// Offers that may wait. One more takes the oldest one's place, so a joiner that asks and goes away
/// keeps nobody out.
const MAX_OFFERS: usize = 64;

/// Why a donor does not answer a joiner's second message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DonorError {
    /// The offer was answered already, is older than a minute, or was never made.
    #[error("no handoff of this name waits: it was answered already, or a minute has passed")]
    UnknownHandoff,
}

/// The root of a vault whose replicas may have it, and the offers that wait.
pub struct Donor {
    root: Root,
    release_key: PublicKey,
    offers: Mutex<Vec<WaitingOffer>>,
}

struct WaitingOffer {
    since: Instant,
    offered: PendingOffer,
}

/// An offer that was taken out of the waiting ones, for one answer.
pub struct TakenOffer {
    offered: PendingOffer,
    release_key: PublicKey,
}

impl Donor {
    /// Hands this root to code that `release_key` has signed a statement for, and to no other.
    #[must_use]
    pub fn new(root: Root, release_key: PublicKey) -> Self {
        Self { root, release_key, offers: Mutex::default() }
    }

    /// Remembers an offer for a minute.
    pub fn remember(&self, offered: PendingOffer) {
        let mut offers = self.offers.lock().unwrap_or_else(PoisonError::into_inner);
        offers.retain(|offer| offer.since.elapsed() < OFFER_LIFETIME);
        if offers.len() >= MAX_OFFERS {
            offers.remove(0);
        }
        offers.push(WaitingOffer { since: Instant::now(), offered });
    }

    /// Takes out the offer of this name. It is spent then, whatever its answer will be.
    ///
    /// # Errors
    /// [`DonorError::UnknownHandoff`].
    pub fn take(&self, handoff: &[u8; 32]) -> Result<TakenOffer, DonorError> {
        let mut offers = self.offers.lock().unwrap_or_else(PoisonError::into_inner);
        offers.retain(|offer| offer.since.elapsed() < OFFER_LIFETIME);
        let at = offers.iter().position(|offer| offer.offered.handoff() == handoff);
        let at = at.ok_or(DonorError::UnknownHandoff)?;
        Ok(TakenOffer { offered: offers.remove(at).offered, release_key: self.release_key })
    }

    /// Seals the root to the joiner whom the grant was made for.
    pub fn hand_over(&self, grant: &HandoffGrant, rng: &mut impl CryptoRng) -> Handover {
        self.root.hand_over(grant, rng)
    }
}

impl TakenOffer {
    /// Verifies the joiner's evidence and its release statements.
    ///
    /// # Errors
    /// [`HandoffError`]: who may not have the root, and why.
    pub fn grant(
        self,
        request: &HandoffRequest,
        attestor: &Attestor,
        now: OffsetDateTime,
    ) -> Result<HandoffGrant, HandoffError> {
        self.offered.grant(request, &self.release_key, attestor.roots(), now)
    }
}
