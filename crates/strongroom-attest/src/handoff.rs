//! A root's way from one replica of a vault to another, without a network or a clock: each verifies the other's evidence before
//! anything secret moves (spec/attestation.md §9).
//!
//! ```text
//! Joiner -hello-> Offering -offer-> Joiner.meet -> Met -request-> Offered.grant -> Grant -handover-> Met.take -> Received
//! ```
//!
//! The states are types: there is no [`Grant`] without a verified joiner, and no [`Received`] without a verified donor.

use crate::configuration::{Configuration, KeyOrigin};
use crate::evidence::{Claims, Evidence, Purpose};
use crate::policy::{Hex, Policy};
use crate::refusal::Refusal;
use crate::release::{ReleaseStatement, ReleaseStatementError};
use crate::roots::Roots;
use crate::transfer::{self, TransferError};
use crate::verify::{Asked, VerifiedServer, verify};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strongroom::encoding::{base64, from_base64};
use strongroom::key::{DecapsulationKey, EncapsulationKey};
use strongroom::slh_dsa::PublicKey;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// Statements that a request brings at most.
pub const MAX_STATEMENTS: usize = 4;

/// The joiner's first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hello {
    nonce: Hex<32>,
    /// Base64 of an ML-KEM-1024 key that is made for this handoff.
    ephemeral_key: String,
}

/// The donor's answer: what it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offer {
    handoff: Hex<32>,
    evidence: Evidence,
    configuration: Configuration,
}

/// The joiner's second message: what it runs, and who says that this may have the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    handoff: Hex<32>,
    evidence: Evidence,
    configuration: Configuration,
    release_statements: Vec<ReleaseStatement>,
}

impl Request {
    /// Which offer it answers.
    #[must_use]
    pub fn handoff(&self) -> &[u8; 32] {
        &self.handoff.0
    }
}

/// The donor's last message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Handover {
    /// Base64 of the envelope of [`transfer`].
    envelope: String,
}

impl Handover {
    /// What carries the root to the joiner.
    #[must_use]
    pub fn new(envelope: &[u8]) -> Self {
        Self { envelope: base64(envelope) }
    }
}

/// Why a root is not handed over, or not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandoffError {
    /// A field is of another size or encoding.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// The other's evidence passes no policy that the release key signed.
    #[error("the other replica is not trusted: {0}")]
    Untrusted(#[from] Refusal),
    /// It shows other settings than its evidence binds.
    #[error("the other replica shows other settings than its evidence binds")]
    Configuration,
    /// Its settings would let other people at the root, or at what it guards.
    #[error("the replicas' settings differ in what decides who gets the root or signs in")]
    NotAlike,
    /// The key's origin is not the donor's, handed over; or the donor's was imported.
    #[error("the key's origin is not the donor's, or the key was imported, which is not handed over")]
    Origin,
    /// The evidence is for another key than the joiner's first message.
    #[error("the joiner's evidence binds another key than the one it came with")]
    EphemeralKey,
    /// More statements than are looked at.
    #[error("there are more than {MAX_STATEMENTS} release statements")]
    ManyStatements,
    /// A statement that came along does not count.
    #[error(transparent)]
    Statement(#[from] ReleaseStatementError),
    /// The donor's last message carries no root of this handoff.
    #[error(transparent)]
    Transfer(#[from] TransferError),
}

/// Whom a replica takes for another of the vault: code that the release key signed. Its own evidence says nothing of that. A host that
/// answers for the platform can put another guest's report in its place, which only its verifier would notice.
pub struct Released(Vec<Policy>);

impl Released {
    /// By these statements.
    ///
    /// # Errors
    /// [`HandoffError::ManyStatements`]; [`HandoffError::Statement`]: one that does not count is none to leave out.
    pub fn by(
        statements: &[ReleaseStatement],
        key: &PublicKey,
        vault_id: &[u8; 32],
        roots: &Roots,
        now: OffsetDateTime,
    ) -> Result<Self, HandoffError> {
        if statements.len() > MAX_STATEMENTS {
            return Err(HandoffError::ManyStatements);
        }
        let policies = statements.iter().map(|statement| statement.verify(key, vault_id, roots, now));
        Ok(Self(policies.collect::<Result<_, _>>()?))
    }

    /// The first policy that takes it; else what the last one says.
    fn verify(
        &self,
        evidence: &Evidence,
        transcript: [u8; 32],
        vault_id: [u8; 32],
        now: OffsetDateTime,
    ) -> Result<VerifiedServer, HandoffError> {
        let asked = Asked { purpose: Purpose::Handoff, nonce: Some(transcript), tls_spki_sha256: None };
        let mut refusal = Refusal::PlatformNotInPolicy;
        for policy in &self.0 {
            // Whose settings and which vault is compared here; the exchange is its own channel, whoever ends the TLS.
            let policy = Policy {
                vault_id: Some(vault_id),
                config_digests: Vec::new(),
                tls_in_tee: false,
                allow_imported_key: false,
                allow_no_tee: false,
                ..policy.clone()
            };
            match verify(evidence, &asked, &policy, now) {
                Ok(server) => return Ok(server),
                Err(refused) => refusal = refused,
            }
        }
        Err(refusal.into())
    }
}

/// What both say of their settings is what their evidence binds, and both guard the same alike.
fn compare(
    donors: &Configuration,
    joiners: &Configuration,
    verified: (&Configuration, &VerifiedServer),
) -> Result<(), HandoffError> {
    let (shown, server) = verified;
    if &shown.digest() != server.config_digest() {
        return Err(HandoffError::Configuration);
    }
    if donors.may_hand_its_root_to(joiners) { Ok(()) } else { Err(HandoffError::NotAlike) }
}

/// SHA-256 of what the donor's evidence answers to.
fn transcript_of_offer(hello: &Hello, handoff: &[u8; 32], key: &EncapsulationKey) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"strongroom/handoff/1 offer\0")
        .chain_update(hello.nonce.0)
        .chain_update(handoff)
        .chain_update(key.as_bytes())
        .finalize()
        .into()
}

/// SHA-256 of what the joiner's evidence answers to: all before it, and the donor's report, which binds what the donor said.
fn transcript_of_request(offer: &[u8; 32], donor: &Evidence) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"strongroom/handoff/1 request\0")
        .chain_update(offer)
        .chain_update(donor.report.as_bytes())
        .finalize()
        .into()
}

/// A replica that has no root yet, and a key for this handoff alone.
pub struct Joiner {
    vault_id: [u8; 32],
    nonce: [u8; 32],
    key: DecapsulationKey,
    public: EncapsulationKey,
}

impl Joiner {
    /// Who wants the root of this vault, whose store it has.
    pub fn new(vault_id: [u8; 32], rng: &mut impl CryptoRng) -> Self {
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let key = DecapsulationKey::generate(rng);
        Self { vault_id, nonce, public: key.encapsulation_key(), key }
    }

    /// What its evidence says, but for what follows from the donor's.
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

    /// The first message.
    #[must_use]
    pub fn hello(&self) -> Hello {
        Hello { nonce: Hex(self.nonce), ephemeral_key: self.public.to_base64() }
    }

    /// Verifies the donor. `own` are this replica's settings; the key's origin in it follows from the donor's.
    ///
    /// # Errors
    /// [`HandoffError`].
    pub fn meet(
        self,
        offer: &Offer,
        released: &Released,
        own: &Configuration,
        now: OffsetDateTime,
    ) -> Result<Met, HandoffError> {
        let transcript = transcript_of_offer(&self.hello(), &offer.handoff.0, &self.public);
        let donor = released.verify(&offer.evidence, transcript, self.vault_id, now)?;
        compare(&offer.configuration, own, (&offer.configuration, &donor))?;
        let origin = offer.evidence.key_origin.handed_over().ok_or(HandoffError::Origin)?;
        Ok(Met {
            transcript: transcript_of_request(&transcript, &offer.evidence),
            handoff: offer.handoff,
            epoch: offer.evidence.epoch,
            configuration: Configuration { key_origin: origin, ..own.clone() },
            joiner: self,
        })
    }
}

/// A joiner that has verified the donor.
pub struct Met {
    joiner: Joiner,
    transcript: [u8; 32],
    handoff: Hex<32>,
    epoch: u32,
    configuration: Configuration,
}

impl Met {
    /// What the joiner's evidence is to bind.
    #[must_use]
    pub fn claims(&self, timestamp: String) -> Claims<'_> {
        let claims = self.joiner.claims(&self.configuration, timestamp);
        Claims { epoch: self.epoch, nonce: self.transcript, ..claims }
    }

    /// The second message.
    #[must_use]
    pub fn request(&self, evidence: Evidence, release_statements: Vec<ReleaseStatement>) -> Request {
        let configuration = self.configuration.clone();
        Request { handoff: self.handoff, evidence, configuration, release_statements }
    }

    /// Opens the donor's last message.
    ///
    /// # Errors
    /// [`HandoffError::Malformed`], [`HandoffError::Transfer`].
    pub fn take(self, handover: &Handover) -> Result<Received, HandoffError> {
        let envelope = from_base64(&handover.envelope).ok_or(HandoffError::Malformed("envelope"))?;
        let root = transfer::open(&envelope, &self.transcript, [&self.joiner.key])?;
        Ok(Received { root, origin: self.configuration.key_origin, vault_id: self.joiner.vault_id })
    }
}

/// A root that a verified replica handed over. That it is this vault's is to be compared still.
pub struct Received {
    /// The 32 bytes.
    pub root: Zeroizing<[u8; 32]>,
    /// Where it comes from.
    pub origin: KeyOrigin,
    /// Whose it must be.
    pub vault_id: [u8; 32],
}

/// A donor's side that knows the joiner's first message.
pub struct Offering {
    handoff: [u8; 32],
    key: EncapsulationKey,
    transcript: [u8; 32],
}

impl Offering {
    /// Answers a first message.
    ///
    /// # Errors
    /// [`HandoffError::Malformed`] where its key is none.
    pub fn new(hello: &Hello, rng: &mut impl CryptoRng) -> Result<Self, HandoffError> {
        let key: EncapsulationKey =
            hello.ephemeral_key.parse().map_err(|_| HandoffError::Malformed("ephemeralKey"))?;
        let mut handoff = [0; 32];
        rng.fill_bytes(&mut handoff);
        Ok(Self { transcript: transcript_of_offer(hello, &handoff, &key), handoff, key })
    }

    /// The nonce that the donor's evidence is to carry.
    #[must_use]
    pub fn transcript(&self) -> [u8; 32] {
        self.transcript
    }

    /// The donor's answer, and what it remembers until the joiner's second message.
    ///
    /// # Errors
    /// [`HandoffError::Origin`] where the key was imported; [`HandoffError::Malformed`] where the evidence is not of [`transcript`](Self::transcript).
    pub fn offer(
        self,
        evidence: Evidence,
        configuration: Configuration,
        vault_id: [u8; 32],
    ) -> Result<(Offer, Offered), HandoffError> {
        if evidence.nonce != hex::encode(self.transcript) {
            return Err(HandoffError::Malformed("evidence"));
        }
        let offered = Offered {
            handoff: self.handoff,
            transcript: transcript_of_request(&self.transcript, &evidence),
            origin: evidence.key_origin.handed_over().ok_or(HandoffError::Origin)?,
            key: self.key,
            vault_id,
            configuration: configuration.clone(),
        };
        Ok((Offer { handoff: Hex(self.handoff), evidence, configuration }, offered))
    }
}

/// A donor that waits for the joiner's second message. It answers one.
pub struct Offered {
    handoff: [u8; 32],
    transcript: [u8; 32],
    origin: KeyOrigin,
    key: EncapsulationKey,
    vault_id: [u8; 32],
    configuration: Configuration,
}

impl Offered {
    /// Its name in the joiner's second message.
    #[must_use]
    pub fn handoff(&self) -> &[u8; 32] {
        &self.handoff
    }

    /// Verifies the joiner by the statements that it shows.
    ///
    /// # Errors
    /// [`HandoffError`].
    pub fn grant(
        self,
        request: &Request,
        release_key: &PublicKey,
        roots: &Roots,
        now: OffsetDateTime,
    ) -> Result<Grant, HandoffError> {
        let released = Released::by(&request.release_statements, release_key, &self.vault_id, roots, now)?;
        let joiner = released.verify(&request.evidence, self.transcript, self.vault_id, now)?;
        compare(&self.configuration, &request.configuration, (&request.configuration, &joiner))?;
        if [request.evidence.key_origin, request.configuration.key_origin] != [self.origin; 2] {
            return Err(HandoffError::Origin);
        }
        if joiner.encapsulation_key() != &self.key {
            return Err(HandoffError::EphemeralKey);
        }
        Ok(Grant { joiner, transcript: self.transcript })
    }
}

/// A joiner that was verified: the root may be sealed to its key, for this handoff.
pub struct Grant {
    joiner: VerifiedServer,
    transcript: [u8; 32],
}

impl Grant {
    /// Who gets the root, with the key of this handoff.
    #[must_use]
    pub fn joiner(&self) -> &VerifiedServer {
        &self.joiner
    }

    /// What the root is sealed for.
    #[must_use]
    pub fn transcript(&self) -> &[u8; 32] {
        &self.transcript
    }
}
