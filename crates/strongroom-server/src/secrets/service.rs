//! What the vault does with secrets, whatever the protocol: it keeps sealed payloads, opens them
//! for their readers, and deletes them.

use super::grant::OwnerGrant;
use super::policy;
use super::record::{KeptSecret, Record};
use super::request::StoreRequest;
use super::slots::{SlotSummary, Slots};
use crate::error::{ApiError, Code};
use crate::limits::{ClientAddress, Guard};
use crate::sign_in::missing;
use std::sync::Arc;
use std::time::Duration;
use strongroom::envelope::{self, Envelope};
use strongroom::key::{DecapsulationKey, Recipient};
use strongroom::os_rng;
use strongroom::policy::EnvelopePolicy;
use strongroom::principal::Principal;
use strongroom::w3pk;
use strongroom::{Ciphertext, OpenError, Plaintext, SealedSecret, SlotId};
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

    /// Opens a record's secret, if the policy in its envelope allows it.
    pub(crate) fn open(&self, record: &Record) -> Result<Plaintext, ApiError> {
        let sealed = reread(record)?;
        if let SealedSecret::Envelope(envelope) = &sealed {
            let policy = envelope.header().policy();
            if envelope.header().stanza_for(&self.kem_key).is_some() {
                policy::check_vault(policy, &self.vault_id)?;
                policy::check_validity(policy, self.slots.now())?;
            }
            if policy.readers != record.readers {
                return Err(Code::Internal.because("internal error"));
            }
        }
        match sealed.open(&self.kem_key) {
            Ok(plaintext) => Ok(plaintext),
            Err(OpenError::NotMine) => Err(Code::VaultNotRecipient
                .because("the secret was not sealed for this vault: open it locally, or seal it also for mlkemPublicKey of /secret/attestation")),
            Err(error) => Err(Code::Internal.because("internal error").caused_by(error)),
        }
    }

    /// Opens a record's secret, and seals it to one key.
    pub(crate) fn open_to(&self, record: &Record, recipient: Recipient) -> Result<Envelope, ApiError> {
        let plaintext = self.open(record)?;
        let sealed =
            envelope::seal(plaintext.expose(), &[recipient], EnvelopePolicy::default(), &mut os_rng());
        sealed.map_err(|error| Code::Internal.because("internal error").caused_by(error))
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

/// The sealed secret of a record. It was read once before it was kept, so it can be read again.
fn reread(record: &Record) -> Result<SealedSecret, ApiError> {
    record.sealed().map_err(|error| Code::Internal.because("internal error").caused_by(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::limits::Limits;
    use crate::storage::{Records, Tags};
    use strongroom::wallet::WalletAddress;
    use strongroom_store::SqliteStore;

    /// The secrets of a vault with an empty store.
    fn secrets(folder: &std::path::Path) -> Secrets {
        let opened = strongroom_root::open_or_create(
            &folder.join("root"),
            &strongroom_root::PlainSealer,
            None,
            &strongroom_root::RootAccess::default(),
            &mut os_rng(),
        )
        .expect("a root");
        let vault_id = *opened.root.vault_id().as_bytes();
        let slots = Slots {
            store: Arc::new(SqliteStore::open(&folder.join("store"), &vault_id).expect("a store")),
            records: Arc::new(Records::new(opened.root.storage_key())),
            tags: Arc::new(Tags::new(opened.root.index_key())),
            clock: Clock::system(),
        };
        Secrets {
            slots: Arc::new(slots),
            kem_key: opened.kem_key,
            vault_id,
            guard: Arc::new(Guard::new(&Limits::default())),
            require_sign_in_to_store: false,
            anonymous_lifetime: None,
        }
    }

    /// Storing refuses these records already, but an older server may have written one. This rests
    /// on `policy::check_vault`, and on the comparison of readers in `Secrets::open`.
    #[test]
    fn a_record_is_held_against_its_policy_at_each_opening() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = secrets(folder.path());
        let wallet = |n| Principal::from(WalletAddress::from_bytes([n; 20]));
        let good = EnvelopePolicy {
            readers: vec![wallet(1)],
            audience: Some(secrets.vault_id),
            ..EnvelopePolicy::default()
        };
        let open = |policy: EnvelopePolicy, readers: Vec<Principal>| {
            let keys = [secrets.kem_key.encapsulation_key().into()];
            let sealed = envelope::seal(b"secret", &keys, policy, &mut os_rng()).expect("one recipient");
            let kept = KeptSecret::of(&sealed.into());
            let record =
                Record { kept, readers, owners: vec![], created_at: 0, expires_at: None, openable: true };
            secrets.open(&record).map_err(|error| error.code).map(drop)
        };
        assert_eq!(open(good.clone(), good.readers.clone()), Ok(()));
        assert_eq!(open(good.clone(), vec![wallet(1), wallet(2)]), Err(Code::Internal));
        let refused = |policy: EnvelopePolicy| open(policy.clone(), policy.readers);
        assert_eq!(refused(EnvelopePolicy { audience: None, ..good.clone() }), Err(Code::WrongAudience));
        assert_eq!(refused(EnvelopePolicy { one_time: true, ..good.clone() }), Err(Code::UnsupportedPolicy));
        assert_eq!(
            refused(EnvelopePolicy { not_after: Some(1), ..good.clone() }),
            Err(Code::OutsideValidity)
        );
        assert_eq!(refused(EnvelopePolicy { readers: vec![], ..good }), Err(Code::PolicyWithoutReaders));
    }
}
