//! The donor's side: a replica that has the root and may give it.

use super::error::HandoffError;
use super::message::{HandoffRequest, Hello, Offer};
use super::peer::{ReleasePolicies, compare};
use super::transcript;
use crate::configuration::{Configuration, KeyOrigin};
use crate::evidence::Evidence;
use crate::policy::Hex;
use crate::trust_anchors::TrustAnchors;
use crate::verify::VerifiedServer;
use rand_core::CryptoRng;
use strongroom::key::EncapsulationKey;
use strongroom::slh_dsa::PublicKey;
use time::OffsetDateTime;

/// A donor that has the joiner's first message and has not answered yet.
pub struct ReceivedHello {
    handoff: [u8; 32],
    key: EncapsulationKey,
    transcript: [u8; 32],
}

impl ReceivedHello {
    /// Reads a first message, and draws the id of this handoff.
    ///
    /// # Errors
    /// [`HandoffError::Malformed`] where its key is not an ML-KEM-1024 encapsulation key.
    pub fn new(hello: &Hello, rng: &mut impl CryptoRng) -> Result<Self, HandoffError> {
        let key: EncapsulationKey =
            hello.ephemeral_key.parse().map_err(|_| HandoffError::Malformed("ephemeralKey"))?;
        let mut handoff = [0; 32];
        rng.fill_bytes(&mut handoff);
        Ok(Self { transcript: transcript::of_offer(hello, &handoff, &key), handoff, key })
    }

    /// The nonce that the donor's evidence must carry.
    #[must_use]
    pub fn transcript(&self) -> [u8; 32] {
        self.transcript
    }

    /// Gives the donor's answer, and what the donor keeps until the joiner's second message.
    ///
    /// # Errors
    /// [`HandoffError::Origin`] where the vault's key was imported; [`HandoffError::Malformed`]
    /// where the nonce of the evidence is not the [`transcript`](Self::transcript).
    pub fn offer(
        self,
        evidence: Evidence,
        configuration: Configuration,
        vault_id: [u8; 32],
    ) -> Result<(Offer, PendingOffer), HandoffError> {
        if evidence.nonce != hex::encode(self.transcript) {
            return Err(HandoffError::Malformed("evidence"));
        }
        let offered = PendingOffer {
            handoff: self.handoff,
            transcript: transcript::of_request(&self.transcript, &evidence),
            origin: evidence.key_origin.handed_over().ok_or(HandoffError::Origin)?,
            key: self.key,
            vault_id,
            configuration: configuration.clone(),
        };
        Ok((Offer { handoff: Hex(self.handoff), evidence, configuration }, offered))
    }
}

/// A donor that waits for the joiner's second message. It answers only one.
pub struct PendingOffer {
    handoff: [u8; 32],
    transcript: [u8; 32],
    origin: KeyOrigin,
    key: EncapsulationKey,
    vault_id: [u8; 32],
    configuration: Configuration,
}

impl PendingOffer {
    /// The id of this handoff, by which the joiner's second message refers to the offer.
    #[must_use]
    pub fn handoff(&self) -> &[u8; 32] {
        &self.handoff
    }

    /// Verifies the joiner by the release statements that it shows.
    ///
    /// # Errors
    /// [`HandoffError`]: the first check that the joiner does not pass.
    pub fn grant(
        self,
        request: &HandoffRequest,
        release_key: &PublicKey,
        trust_anchors: &TrustAnchors,
        now: OffsetDateTime,
    ) -> Result<HandoffGrant, HandoffError> {
        let released = ReleasePolicies::from_statements(
            &request.release_statements,
            release_key,
            &self.vault_id,
            trust_anchors,
            now,
        )?;
        let joiner = released.verify(&request.evidence, self.transcript, self.vault_id, now)?;
        compare(&self.configuration, &request.configuration, (&request.configuration, &joiner))?;
        if [request.evidence.key_origin, request.configuration.key_origin] != [self.origin; 2] {
            return Err(HandoffError::Origin);
        }
        if joiner.encapsulation_key() != &self.key {
            return Err(HandoffError::EphemeralKey);
        }
        Ok(HandoffGrant { joiner, transcript: self.transcript })
    }
}

/// The permission to seal the root to a verified joiner's key, for this handoff.
pub struct HandoffGrant {
    joiner: VerifiedServer,
    transcript: [u8; 32],
}

impl HandoffGrant {
    /// The joiner that gets the root. Its key is the one that it made for this handoff.
    #[must_use]
    pub fn joiner(&self) -> &VerifiedServer {
        &self.joiner
    }

    /// The subject that the root is sealed for: the digest of the messages so far.
    #[must_use]
    pub fn transcript(&self) -> &[u8; 32] {
        &self.transcript
    }
}
