//! The joiner's side: a replica that asks for the root.

use super::error::HandoffError;
use super::message::{HandoffRequest, Handover, Hello, Offer};
use super::peer::{ReleasePolicies, compare};
use super::transcript;
use crate::configuration::{Configuration, KeyOrigin};
use crate::evidence::Evidence;
use crate::policy::Hex;
use crate::report_data::{Claims, Purpose};
use crate::root_transfer::release_statement::ReleaseStatement;
use crate::root_transfer::root_envelope;
use rand_core::CryptoRng;
use strongroom::encoding::from_base64;
use strongroom::key::{DecapsulationKey, EncapsulationKey};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// A replica that has no root yet, with a key that it made for this handoff.
pub struct Joiner {
    vault_id: [u8; 32],
    nonce: [u8; 32],
    key: DecapsulationKey,
    public: EncapsulationKey,
}

impl Joiner {
    /// Starts a handoff of this vault's root. The replica already has access to the vault's store.
    pub fn new(vault_id: [u8; 32], rng: &mut impl CryptoRng) -> Self {
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let key = DecapsulationKey::generate(rng);
        Self { vault_id, nonce, public: key.encapsulation_key(), key }
    }

    /// What the joiner's evidence says before the joiner knows the donor's evidence.
    #[must_use]
    pub fn claims(&self, configuration: &Configuration, timestamp: String) -> Claims<'_> {
        Claims {
            purpose: Purpose::Handoff,
            vault_id: self.vault_id,
            epoch: 0,
            encapsulation_key: &self.public,
            key_origin: configuration.key_origin,
            config_digest: configuration.digest(),
            tls_spki_sha256: None,
            nonce: self.nonce,
            timestamp,
        }
    }

    /// The first message, for the donor.
    #[must_use]
    pub fn hello(&self) -> Hello {
        Hello { nonce: Hex(self.nonce), ephemeral_key: self.public.to_base64() }
    }

    /// Verifies the donor. `own` are this replica's settings, except for the key's origin, which
    /// follows from the donor's.
    ///
    /// # Errors
    /// [`HandoffError`]: the first check that the donor does not pass.
    pub fn accept(
        self,
        offer: &Offer,
        released: &ReleasePolicies,
        own: &Configuration,
        now: OffsetDateTime,
    ) -> Result<PendingRequest, HandoffError> {
        let transcript = transcript::of_offer(&self.hello(), &offer.handoff.0, &self.public);
        let donor = released.verify(&offer.evidence, transcript, self.vault_id, now)?;
        compare(&offer.configuration, own, (&offer.configuration, &donor))?;
        let origin = offer.evidence.key_origin.handed_over().ok_or(HandoffError::Origin)?;
        Ok(PendingRequest {
            transcript: transcript::of_request(&transcript, &offer.evidence),
            handoff: offer.handoff,
            epoch: offer.evidence.epoch,
            configuration: Configuration { key_origin: origin, ..own.clone() },
            joiner: self,
        })
    }
}

/// A joiner that has verified the donor.
pub struct PendingRequest {
    joiner: Joiner,
    transcript: [u8; 32],
    handoff: Hex<32>,
    epoch: u32,
    configuration: Configuration,
}

impl PendingRequest {
    /// What the joiner's evidence must bind: it answers the donor's offer.
    #[must_use]
    pub fn claims(&self, timestamp: String) -> Claims<'_> {
        let claims = self.joiner.claims(&self.configuration, timestamp);
        Claims { epoch: self.epoch, nonce: self.transcript, ..claims }
    }

    /// The second message, for the donor, with evidence of these [`claims`](Self::claims).
    #[must_use]
    pub fn request(&self, evidence: Evidence, release_statements: Vec<ReleaseStatement>) -> HandoffRequest {
        let configuration = self.configuration.clone();
        HandoffRequest { handoff: self.handoff, evidence, configuration, release_statements }
    }

    /// Opens the donor's last message.
    ///
    /// # Errors
    /// [`HandoffError::Malformed`] where it is not base64; [`HandoffError::Transfer`] where it
    /// carries no root of this handoff.
    pub fn open(self, handover: &Handover) -> Result<ReceivedRoot, HandoffError> {
        let envelope = from_base64(&handover.envelope).ok_or(HandoffError::Malformed("envelope"))?;
        let root = root_envelope::open(&envelope, &self.transcript, [&self.joiner.key])?;
        Ok(ReceivedRoot { root, origin: self.configuration.key_origin, vault_id: self.joiner.vault_id })
    }
}

/// A root that a verified replica handed over. The caller still has to check that it is this
/// vault's.
pub struct ReceivedRoot {
    /// The root itself, from which the vault's keys are derived.
    pub root: Zeroizing<[u8; 32]>,
    /// The origin of the vault's key, now that it was handed over.
    pub origin: KeyOrigin,
    /// The public name of the vault that the root must be of.
    pub vault_id: [u8; 32],
}
