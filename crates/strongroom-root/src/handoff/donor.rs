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
    #[error("no handoff waits under this name: it was answered already, or a minute has passed")]
    UnknownHandoff,
}

/// The root of a vault whose replicas may have it, and the offers that wait for their second
/// message.
pub struct Donor {
    root: Root,
    release_key: PublicKey,
    offers: Mutex<Vec<WaitingOffer>>,
}

struct WaitingOffer {
    since: Instant,
    offer: PendingOffer,
}

/// An offer that no longer waits, and can be answered once.
pub struct TakenOffer {
    offer: PendingOffer,
    release_key: PublicKey,
}

impl Donor {
    /// A donor that hands this root only to code that `release_key` has signed a statement for.
    #[must_use]
    pub fn new(root: Root, release_key: PublicKey) -> Self {
        Self { root, release_key, offers: Mutex::default() }
    }

    /// Remembers an offer for a minute.
    pub fn remember(&self, offer: PendingOffer) {
        let mut offers = self.offers.lock().unwrap_or_else(PoisonError::into_inner);
        offers.retain(|waiting| waiting.since.elapsed() < OFFER_LIFETIME);
        if offers.len() >= MAX_OFFERS {
            offers.remove(0);
        }
        offers.push(WaitingOffer { since: Instant::now(), offer });
    }

    /// Takes out the offer with this name. It is spent from then on, whatever the answer is.
    ///
    /// # Errors
    /// [`DonorError::UnknownHandoff`] where no offer waits under this name.
    pub fn take(&self, handoff: &[u8; 32]) -> Result<TakenOffer, DonorError> {
        let mut offers = self.offers.lock().unwrap_or_else(PoisonError::into_inner);
        offers.retain(|waiting| waiting.since.elapsed() < OFFER_LIFETIME);
        let at = offers.iter().position(|waiting| waiting.offer.handoff() == handoff);
        let at = at.ok_or(DonorError::UnknownHandoff)?;
        Ok(TakenOffer { offer: offers.remove(at).offer, release_key: self.release_key })
    }

    /// Seals the root to the joiner that the grant was made for.
    pub fn hand_over(&self, grant: &HandoffGrant, rng: &mut impl CryptoRng) -> Handover {
        self.root.hand_over(grant, rng)
    }
}

impl TakenOffer {
    /// Verifies the joiner's evidence and its release statements.
    ///
    /// # Errors
    /// [`HandoffError`] where the joiner may not have the root.
    pub fn grant(
        self,
        request: &HandoffRequest,
        attestor: &Attestor,
        now: OffsetDateTime,
    ) -> Result<HandoffGrant, HandoffError> {
        self.offer.grant(request, &self.release_key, attestor.roots(), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Platform;
    use strongroom::key::DecapsulationKey;
    use strongroom_attest::root_transfer::handoff::{Joiner, ReceivedHello};
    use strongroom_attest::{Claims, Configuration, KeyOrigin, Protection, Purpose};
    use strongroom_testkit::rng;

    fn donor() -> Donor {
        Donor::new(Root::generate(&mut rng()), PublicKey::from_bytes([7; 64]))
    }

    /// Makes an offer to some joiner, lets the donor remember it, and returns the offer's name.
    fn offer_by(donor: &Donor) -> [u8; 32] {
        let rng = &mut rng();
        let vault_id = *donor.root.vault_id().as_bytes();
        let configuration = Configuration {
            key_origin: KeyOrigin::Generated,
            sign_in_origins: Vec::new(),
            require_sign_in_to_store: false,
            protection: Protection::Memory,
            release_key: Some(donor.release_key),
            recovery: None,
        };
        let received = ReceivedHello::new(&Joiner::new(vault_id, rng).hello(), rng).expect("a hello");
        let claims = Claims {
            purpose: Purpose::Handoff,
            vault_id,
            epoch: 1,
            encapsulation_key: &DecapsulationKey::from_seed(&[1; 64]).encapsulation_key(),
            key_origin: KeyOrigin::Generated,
            config_digest: configuration.digest(),
            tls_spki_sha256: None,
            nonce: received.transcript(),
            timestamp: "2026-01-01T00:00:00Z".to_owned(),
        };
        let evidence = Attestor::new(Platform::None).quote(&claims).expect("evidence");
        let (_, offer) = received.offer(evidence, configuration, vault_id).expect("an offer");
        let handoff = *offer.handoff();
        donor.remember(offer);
        handoff
    }

    #[test]
    fn an_offer_is_answered_once() {
        let donor = donor();
        let [first, second] = [offer_by(&donor), offer_by(&donor)];
        assert!(donor.take(&first).is_ok());
        assert!(matches!(donor.take(&first), Err(DonorError::UnknownHandoff)));
        assert!(donor.take(&second).is_ok(), "another offer is not touched");
        assert!(matches!(donor.take(&[0; 32]), Err(DonorError::UnknownHandoff)), "it was never made");
    }

    #[test]
    fn one_offer_too_many_takes_the_oldest_ones_place() {
        let donor = donor();
        let offers: Vec<_> = (0..=MAX_OFFERS).map(|_| offer_by(&donor)).collect();
        assert!(donor.take(&offers[0]).is_err(), "the oldest one is forgotten");
        assert!(offers[1..].iter().all(|handoff| donor.take(handoff).is_ok()), "all others wait");
    }
}
