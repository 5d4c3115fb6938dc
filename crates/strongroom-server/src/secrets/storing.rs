//! Storing secrets, whatever the protocol: a vault keeps sealed payloads, replaces them and deletes
//! them. opening.rs opens them.

use super::grant::OwnerGrant;
use super::policy;
use super::record::{KeptSecret, Record, reread};
use super::request::StoreRequest;
use super::slots::{SlotSummary, Slots};
use crate::error::{ApiError, Code};
use crate::limits::{ClientAddress, Guard};
use crate::sign_in::missing;
use std::sync::Arc;
use std::time::Duration;
use strongroom::key::DecapsulationKey;
use strongroom::policy::EnvelopePolicy;
use strongroom::principal::Principal;
use strongroom::w3pk;
use strongroom::{Ciphertext, SealedSecret, SlotId};
use strongroom_store::{Inserted, Replaced, Tag, UnixSeconds};
use time::OffsetDateTime;

/// The secrets of a vault.
pub(crate) struct Secrets {
    pub(crate) slots: Arc<Slots>,
    pub(crate) kem_key: DecapsulationKey,
    pub(crate) vault_id: [u8; 32],
    pub(crate) guard: Arc<Guard>,
    /// Whether storing needs a sign-in.
    pub(crate) require_sign_in_to_store: bool,
    /// How long a secret lives at most if it was stored unsigned.
    pub(crate) anonymous_lifetime: Option<Duration>,
}

/// The slot of a payload that was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) slot: SlotId,
    pub(crate) generation: u64,
    /// Whether the vault can open it.
    pub(crate) openable: bool,
    /// When it expires, if it does.
    pub(crate) expires_at: Option<UnixSeconds>,
}

impl Stored {
    fn new(slot: SlotId, generation: u64, record: &Record) -> Self {
        Self { slot, generation, openable: record.openable, expires_at: record.expires_at }
    }
}

impl Secrets {
    /// The vault's present moment.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.slots.clock.now()
    }

    /// Admits a request that nobody signed, if this vault stores unsigned secrets. It bounds how
    /// long the secret lives, and counts its bytes for the client's address.
    pub(crate) fn admit_unsigned(
        &self,
        request: &mut StoreRequest,
        client: &ClientAddress,
        body_bytes: usize,
    ) -> Result<(), ApiError> {
        if self.require_sign_in_to_store {
            return Err(missing());
        }
        if let Some(lifetime) = self.anonymous_lifetime {
            request.end_by((self.now() + lifetime).unix_timestamp())?;
        }
        self.guard.admit_anonymous(client, request.cost_bytes(body_bytes))
    }

    /// Takes a payload into a new slot, or finds the slot of the same earlier request.
    pub(crate) async fn take_in(
        &self,
        request: StoreRequest,
        signer: Option<Principal>,
    ) -> Result<Stored, ApiError> {
        let owner = signer.or(match request.readers[..] {
            [sole] => Some(sole),
            _ => None,
        });
        let now = self.slots.now();
        let end_is_ours = request.end_is_ours;
        let (record, held) = self.admit(request, owner.into_iter().collect(), now)?;
        match self.slots.insert(&record, held).await? {
            (slot, Inserted::Stored) => Ok(Stored::new(slot, 1, &record)),
            (_, Inserted::Held(holder)) => self.retry_of(&record, signer, end_is_ours, holder).await,
        }
    }

    /// The slot that holds the same secret for the same people. A client that has lost the answer
    /// asks again.
    async fn retry_of(
        &self,
        record: &Record,
        signer: Option<Principal>,
        end_is_ours: bool,
        holder: SlotId,
    ) -> Result<Stored, ApiError> {
        let held =
            || Code::CiphertextHeld.because("the vault holds or held this ciphertext: seal the secret again");
        let (row, holding) = self.slots.load(holder).await?.ok_or_else(held)?;
        // Each secret is written in one way only, so equal secrets have equal bytes.
        let same = holding.kept == record.kept
            && holding.readers == record.readers
            && holding.owners == record.owners
            // An envelope names its owners itself, so a stranger's request differs only in its
            // signer.
            && signer.is_none_or(|signer| holding.concerns(signer))
            // An expiry that the vault sets is later for the retry than for the first request.
            && (holding.expires_at == record.expires_at || end_is_ours && holding.expires_at.is_some());
        if !same {
            return Err(held());
        }
        Ok(Stored::new(holder, row.generation, &holding))
    }

    /// Replaces the payload of a slot, for its owner.
    pub(crate) async fn replace(
        &self,
        grant: OwnerGrant,
        expected_generation: u64,
        request: StoreRequest,
    ) -> Result<Stored, ApiError> {
        let changed = || Code::GenerationChanged.because("the slot has changed: fetch its ETag again");
        let (slot, generation, before) = grant.into_parts();
        if generation != expected_generation {
            return Err(changed());
        }
        let (record, held) = self.admit(request, before.owners.clone(), before.created_at)?;
        // A ciphertext may stay in its slot. The sealed record says which one the slot holds, and
        // not the tag table, which stands in the clear and may have been edited.
        let kept = self.tag_of(&before)?;
        let held = held.filter(|tag| Some(*tag) != kept);
        match self.slots.replace(slot, expected_generation, &record, held).await? {
            Replaced::Stored(generation) => Ok(Stored::new(slot, generation, &record)),
            Replaced::Held => Err(Code::CiphertextHeld
                .because("the vault holds or held this ciphertext: seal the secret again")),
            Replaced::Changed => Err(changed()),
        }
    }

    /// Deletes a slot, for its owner.
    pub(crate) async fn forget(&self, grant: OwnerGrant) -> Result<(), ApiError> {
        let (slot, ..) = grant.into_parts();
        self.slots.delete(slot).await
    }

    /// A page of the slots that somebody owns or may read.
    pub(crate) async fn list(
        &self,
        principal: Principal,
        after: Option<SlotId>,
        limit: u32,
    ) -> Result<(Vec<SlotSummary>, Option<SlotId>), ApiError> {
        self.slots.list(principal, after, limit).await
    }

    /// Checks a request, and returns its record with the tag of the ciphertext for the vault. The
    /// tag keeps others from storing that ciphertext to have it opened for themselves. `owners` own
    /// the slot if no policy names any.
    fn admit(
        &self,
        request: StoreRequest,
        mut owners: Vec<Principal>,
        created_at: i64,
    ) -> Result<(Record, Option<Tag>), ApiError> {
        if let SealedSecret::Envelope(envelope) = &request.sealed {
            let policy = envelope.header().policy();
            if !policy.owners.is_empty() {
                owners.clone_from(&policy.owners);
            }
            if envelope.header().stanza_for(&self.kem_key).is_some() {
                policy::check_vault(policy, &self.vault_id)?;
                // A secret that may be opened later is taken now. One that may no longer be opened
                // is refused.
                let open_end = EnvelopePolicy { not_before: None, ..policy.clone() };
                policy::check_validity(&open_end, self.slots.now())?;
            }
        }
        let held = self.entry_for_vault(&request.sealed)?;
        let record = Record {
            kept: KeptSecret::of(&request.sealed),
            readers: request.readers,
            owners,
            created_at,
            expires_at: request.expires_at,
            openable: held.is_some(),
        };
        Ok((record, held))
    }

    /// The tag of the KEM ciphertext for the vault, once its entry has opened. `None` if the vault
    /// has no entry.
    fn entry_for_vault(&self, sealed: &SealedSecret) -> Result<Option<Tag>, ApiError> {
        let Some(ciphertext) = self.ciphertext_for_vault(sealed)? else {
            return Ok(None);
        };
        // An entry that does not open would only keep its tag from others.
        sealed.open(&self.kem_key).map_err(|_| {
            Code::VaultCannotOpen.because(
                "the vault cannot open the entry for its key: seal for mlkemPublicKey of /secret/attestation",
            )
        })?;
        Ok(Some(self.slots.tags.held(ciphertext)))
    }

    /// The tag of the KEM ciphertext that a stored record holds.
    fn tag_of(&self, record: &Record) -> Result<Option<Tag>, ApiError> {
        let sealed = reread(record)?;
        Ok(self.ciphertext_for_vault(&sealed)?.map(|ciphertext| self.slots.tags.held(ciphertext)))
    }

    /// The KEM ciphertext for the vault. A payload with two is refused.
    fn ciphertext_for_vault<'a>(&self, sealed: &'a SealedSecret) -> Result<Option<&'a Ciphertext>, ApiError> {
        match sealed {
            SealedSecret::Envelope(envelope) => {
                Ok(envelope.header().stanza_for(&self.kem_key).map(|stanza| {
                    stanza.enc().try_into().expect("a stanza of ML-KEM-1024 has an enc of its size")
                }))
            }
            SealedSecret::W3pk(w3pk::AnyPayload::Older(older)) => Ok(Some(older.kem_ciphertext())),
            SealedSecret::W3pk(w3pk::AnyPayload::Payload(payload)) => {
                let mut ours =
                    payload.entries().iter().filter(|entry| self.kem_key.is_for(entry.encapsulation_key()));
                let Some(entry) = ours.next() else {
                    return Ok(None);
                };
                if ours.next().is_some() {
                    return Err(Code::VaultRecipientRepeated
                        .because("the vault is named twice among the recipients: name it once"));
                }
                Ok(Some(entry.kem_ciphertext()))
            }
        }
    }
}
