//! What the vault does, apart from HTTP: take payloads in, guard them, open them.

use crate::attestation::{self, Attestor};
use crate::config::Config;
use crate::error::{ApiError, Code};
use crate::grant::OwnerGrant;
use crate::handoff::Donor;
use crate::limits::Guard;
use crate::measured::Measured;
use crate::metrics::Metrics;
use crate::nonce::Nonces;
use crate::record::{Kept, Record};
use crate::request::StoreRequest;
use crate::sealing::{RecordDamaged, Records};
use crate::session::Sessions;
use crate::tag::Index;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use strongroom::envelope::{self, Envelope};
use strongroom::key::Recipient;
use strongroom::key::{DecapsulationKey, EncapsulationKey};
use strongroom::policy::Policy;
use strongroom::principal::Principal;
use strongroom::w3pk;
use strongroom::{Ciphertext, OpenError, Plaintext, Sealed, SlotId};
use strongroom_attest::{Configuration, KeyOrigin};
use strongroom_root::{Opened, VaultId};
use strongroom_store::{Content, Inserted, Place, Replaced, Row, Store, StoreError, Tag, UnixSeconds};
use time::OffsetDateTime;
use tokio::sync::Mutex;

/// Where the vault reads the time.
pub type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// A vault: its keys, its store, its rules.
pub struct Vault {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) records: Records,
    pub(crate) index: Index,
    pub(crate) nonces: Nonces,
    pub(crate) sessions: Sessions,
    kem_key: DecapsulationKey,
    pub(crate) encapsulation_key: EncapsulationKey,
    pub(crate) epoch: u32,
    pub(crate) key_origin: KeyOrigin,
    pub(crate) vault_id: VaultId,
    pub(crate) attestor: Arc<Attestor>,
    /// What its evidence binds of the settings.
    pub(crate) bound: Configuration,
    pub(crate) config: Config,
    pub(crate) rules: strongroom::signin::Rules,
    clock: Clock,
    pub(crate) attestation: attestation::Cache,
    pub(crate) guard: Guard,
    pub(crate) metrics: Arc<Metrics>,
    readiness: Readiness,
    pub(crate) donor: Option<Donor>,
}

/// When the store was asked last, and what it said. One request asks; those that come meanwhile wait for its answer.
#[derive(Default)]
struct Readiness {
    asking: Mutex<()>,
    last: RwLock<Option<(Instant, Result<(), ApiError>)>>,
}

impl Readiness {
    fn known(&self) -> Option<Result<(), ApiError>> {
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(at, _)| at.elapsed() < READINESS_LIFETIME).map(|(_, answer)| answer.clone())
    }
}

/// How long an answer about the store's readiness is given out again, so that anybody may ask at any rate.
const READINESS_LIFETIME: Duration = Duration::from_secs(1);
const READINESS_TIMEOUT: Duration = Duration::from_secs(3);

/// What became of a payload that was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Where it is.
    pub(crate) slot: SlotId,
    /// Its generation.
    pub(crate) generation: u64,
    /// Whether the vault can open it.
    pub(crate) openable: bool,
    /// When it ends, if it does.
    pub(crate) expires_at: Option<UnixSeconds>,
}

/// A slot in somebody's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its name.
    pub(crate) slot: SlotId,
    /// Its generation.
    pub(crate) generation: u64,
    /// Whether the wallet owns it.
    pub(crate) owner: bool,
    /// Whether the wallet may read it.
    pub(crate) reader: bool,
    /// Whether the vault can open it.
    pub(crate) openable: bool,
    /// When it was first stored.
    pub(crate) created_at: UnixSeconds,
    /// When it ends, if it does.
    pub(crate) expires_at: Option<UnixSeconds>,
}

impl Stored {
    fn new(slot: SlotId, generation: u64, record: &Record) -> Self {
        Self { slot, generation, openable: record.openable, expires_at: record.expires_at }
    }
}

impl Vault {
    /// A vault of this root, on this store.
    #[must_use]
    pub fn new(
        opened: Opened,
        attestor: Arc<Attestor>,
        store: Arc<dyn Store>,
        config: Config,
        clock: Clock,
    ) -> Self {
        let Opened { root, kem_key, protection } = opened;
        let metrics = Arc::new(Metrics::new());
        // Servers that share a store must know each other's nonces; elsewhere none outlives a restart.
        let bound = config.bound(root.origin(), protection);
        let release_key = config.release_key;
        let (key_origin, epoch, vault_id) = (root.origin(), root.epoch(), root.vault_id());
        let nonces = if store.is_shared() { Nonces::for_all_servers } else { Nonces::for_this_run };
        Self {
            store: Arc::new(Measured { store, metrics: Arc::clone(&metrics) }),
            records: Records::new(root.storage_key()),
            index: Index::new(root.index_key()),
            nonces: nonces(root.nonce_key()),
            sessions: Sessions::new(root.session_key()),
            encapsulation_key: kem_key.encapsulation_key(),
            kem_key,
            epoch,
            key_origin,
            vault_id,
            attestor,
            bound,
            rules: strongroom::signin::Rules {
                origins: config.sign_in_origins.clone(),
                chain_ids: config.chain_ids.clone(),
            },
            guard: Guard::new(&config.limits),
            config,
            clock,
            attestation: attestation::Cache::default(),
            metrics,
            readiness: Readiness::default(),
            // The root itself is kept where it may be handed over, and nowhere else.
            donor: release_key.map(|key| Donor::new(root, key)),
        }
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        (self.clock)()
    }

    /// What the log calls a client or a wallet.
    pub(crate) fn log_name(&self, label: &[u8], value: &[u8]) -> String {
        self.index.log_name(label, value)
    }

    /// Whether the store answers; asked at most once a second, by one at a time.
    pub(crate) async fn ready(&self) -> Result<(), ApiError> {
        if let Some(answer) = self.readiness.known() {
            return answer;
        }
        let _asking = self.readiness.asking.lock().await;
        if let Some(answer) = self.readiness.known() {
            return answer;
        }
        let answer = match tokio::time::timeout(READINESS_TIMEOUT, self.store.ready()).await {
            Ok(answer) => answer.map_err(ApiError::from),
            Err(_) => Err(StoreError::TimedOut.into()),
        };
        *self.readiness.last.write().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), answer.clone()));
        answer
    }

    /// Takes a payload into a new slot, or finds the slot of the same request (a retry).
    pub(crate) async fn take_in(
        &self,
        request: StoreRequest,
        signer: Option<Principal>,
    ) -> Result<Stored, ApiError> {
        let owner = signer.or(match request.readers[..] {
            [sole] => Some(sole),
            _ => None,
        });
        let now = self.now().unix_timestamp();
        let end_is_ours = request.end_is_ours;
        let (record, held) = self.admit(request, owner.into_iter().collect(), now)?;
        let slot = SlotId::random(&mut crate::rng());
        match self.store.insert(slot, self.content(&record, held, slot, 1)).await? {
            Inserted::Stored => Ok(Stored::new(slot, 1, &record)),
            Inserted::Held(holder) => self.retry_of(&record, signer, end_is_ours, holder).await,
        }
    }

    /// The slot that holds the very same thing for the same people: the client asks again after a lost answer.
    async fn retry_of(
        &self,
        record: &Record,
        signer: Option<Principal>,
        end_is_ours: bool,
        holder: SlotId,
    ) -> Result<Stored, ApiError> {
        let held =
            || Code::CiphertextHeld.because("the vault holds or held this ciphertext: seal the secret again");
        let (row, holding) = self.load(holder).await?.ok_or_else(held)?;
        // What is kept is the one way to write the decoded fields.
        let same = holding.kept == record.kept
            && holding.readers == record.readers
            && holding.owners == record.owners
            // An envelope names its owners itself, so that a stranger's request is the same but for who signs it.
            && signer.is_none_or(|signer| holding.concerns(signer))
            // Where the vault sets the end, it moves on between the first request and its retry.
            && (holding.expires_at == record.expires_at || end_is_ours && holding.expires_at.is_some());
        if !same {
            return Err(held());
        }
        Ok(Stored::new(holder, row.generation, &holding))
    }

    /// Puts another payload into a slot, for its owner.
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
        // A ciphertext may stay in its slot. What the slot holds is what its sealed record says: the tag table stands
        // in clear, and whoever edits it could name any slot.
        let kept = self.tag_of(&before)?;
        let held = held.filter(|tag| Some(*tag) != kept);
        let content = self.content(&record, held, slot, generation + 1);
        match self.store.replace(slot, expected_generation, content).await? {
            Replaced::Stored(generation) => Ok(Stored::new(slot, generation, &record)),
            Replaced::Held => Err(Code::CiphertextHeld
                .because("the vault holds or held this ciphertext: seal the secret again")),
            Replaced::Changed => Err(changed()),
        }
    }

    /// Forgets a slot, for its owner.
    pub(crate) async fn forget(&self, grant: OwnerGrant) -> Result<(), ApiError> {
        let (slot, ..) = grant.into_parts();
        self.store.delete(slot).await?;
        Ok(())
    }

    /// The slots that somebody owns or may read, ascending after `after`; and where to go on, if there may be more.
    pub(crate) async fn slots_of(
        &self,
        principal: Principal,
        after: Option<SlotId>,
        limit: u32,
    ) -> Result<(Vec<Listed>, Option<SlotId>), ApiError> {
        let now = self.now().unix_timestamp();
        let page = self.store.slots_of(self.index.principal(&principal), after, limit).await?;
        let next = page.rows.last().map(|row| row.slot).filter(|_| page.more);
        let mut listed = Vec::with_capacity(page.rows.len());
        for row in page.rows {
            // A row that was altered costs the others nothing. Access to it answers `record_damaged`.
            let record = match self.unseal(&row) {
                Ok(record) => record,
                Err(error) => {
                    tracing::error!(%error, "left out of a list");
                    continue;
                }
            };
            // The look-up tag stands in clear beside the record: only what is inside counts.
            let owner = record.owners.contains(&principal);
            let reader = record.readers.contains(&principal);
            if (owner || reader) && !record.has_expired(now) {
                listed.push(Listed {
                    slot: row.slot,
                    generation: row.generation,
                    owner,
                    reader,
                    openable: record.openable,
                    created_at: record.created_at,
                    expires_at: record.expires_at,
                });
            }
        }
        Ok((listed, next))
    }

    /// A slot that is there and has not expired.
    pub(crate) async fn load(&self, slot: SlotId) -> Result<Option<(Row, Record)>, ApiError> {
        let Some(row) = self.store.slot(slot).await? else {
            return Ok(None);
        };
        let record = self.unseal(&row)?;
        Ok((!record.has_expired(self.now().unix_timestamp())).then_some((row, record)))
    }

    fn unseal(&self, row: &Row) -> Result<Record, RecordDamaged> {
        let place = Place::Slot { slot: row.slot, generation: row.generation };
        let content = self.records.open(place, &row.record)?;
        Record::decode(&content).ok_or(RecordDamaged { place })
    }

    /// Opens what a record keeps, if the policy that it carries lets it.
    pub(crate) fn open(&self, record: &Record) -> Result<Plaintext, ApiError> {
        let sealed = reread(record)?;
        if let Sealed::Envelope(envelope) = &sealed {
            let policy = envelope.header().policy();
            if envelope.header().stanza_for(&self.kem_key).is_some() {
                self.check_policy(policy)?;
                self.check_validity(policy, self.now().unix_timestamp())?;
            }
            if policy.readers != record.readers {
                return Err(Code::Internal.because("internal error"));
            }
        }
        match sealed.open(&self.kem_key) {
            Ok(plaintext) => Ok(plaintext),
            Err(OpenError::NotMine) => Err(Code::VaultNotRecipient
                .because("the secret was not sealed for this vault: open it locally, or seal it for mlkemPublicKey too")),
            Err(error) => Err(Code::Internal.because("internal error").caused_by(error)),
        }
    }

    /// Opens what a record keeps, and seals it to one key.
    pub(crate) fn open_to(&self, record: &Record, recipient: Recipient) -> Result<Envelope, ApiError> {
        let plaintext = self.open(record)?;
        let sealed = envelope::seal(plaintext.expose(), &[recipient], Policy::default(), &mut crate::rng());
        sealed.map_err(|error| Code::Internal.because("internal error").caused_by(error))
    }

    /// Whether this vault is the one that the policy lets open, and does all that the policy asks.
    fn check_policy(&self, policy: &Policy) -> Result<(), ApiError> {
        if policy.readers.is_empty() {
            return Err(Code::PolicyWithoutReaders.because("the envelope's policy names no readers"));
        }
        if policy.audience != Some(*self.vault_id.as_bytes()) {
            return Err(Code::WrongAudience
                .because("the envelope's audience is not this vault's vaultId: seal it for this vault"));
        }
        if policy.approvals.is_some() || policy.one_time {
            return Err(Code::UnsupportedPolicy.because(
                "the envelope's policy asks for approvals or to be opened once, which this vault does not do",
            ));
        }
        Ok(())
    }

    fn check_validity(&self, policy: &Policy, now: UnixSeconds) -> Result<(), ApiError> {
        let is = |limit: Option<u64>| limit.map(|at| i64::try_from(at).unwrap_or(i64::MAX) <= now);
        if is(policy.not_before) == Some(false) {
            return Err(Code::OutsideValidity.because("the envelope's policy lets it be opened later"));
        }
        if is(policy.not_after) == Some(true) {
            return Err(Code::OutsideValidity.because("the envelope's policy let it be opened earlier"));
        }
        Ok(())
    }

    /// Checks what is to be kept, and finds the tag that keeps others from having it opened for themselves.
    /// `owners` are those where no policy names any.
    fn admit(
        &self,
        request: StoreRequest,
        mut owners: Vec<Principal>,
        created_at: i64,
    ) -> Result<(Record, Option<Tag>), ApiError> {
        if let Sealed::Envelope(envelope) = &request.sealed {
            let policy = envelope.header().policy();
            if !policy.owners.is_empty() {
                owners.clone_from(&policy.owners);
            }
            if envelope.header().stanza_for(&self.kem_key).is_some() {
                self.check_policy(policy)?;
                // What may be opened later is taken now; what may no longer be is not.
                self.check_validity(
                    &Policy { not_before: None, ..policy.clone() },
                    self.now().unix_timestamp(),
                )?;
            }
        }
        let held = self.entry_for_vault(&request.sealed)?;
        let record = Record {
            kept: Kept::of(&request.sealed),
            readers: request.readers,
            owners,
            created_at,
            expires_at: request.expires_at,
            openable: held.is_some(),
        };
        Ok((record, held))
    }

    /// The tag of the one KEM ciphertext for the vault, after it has opened; none where there is no entry.
    fn entry_for_vault(&self, sealed: &Sealed) -> Result<Option<Tag>, ApiError> {
        let Some(ciphertext) = self.ciphertext_for_vault(sealed)? else {
            return Ok(None);
        };
        // An entry that does not open would only occupy its tag.
        sealed.open(&self.kem_key).map_err(|_| {
            Code::VaultCannotOpen
                .because("the vault cannot open its entry: seal for mlkemPublicKey of /secret/attestation")
        })?;
        Ok(Some(self.index.held(ciphertext)))
    }

    /// The tag that a record of ours holds.
    fn tag_of(&self, record: &Record) -> Result<Option<Tag>, ApiError> {
        let sealed = reread(record)?;
        Ok(self.ciphertext_for_vault(&sealed)?.map(|ciphertext| self.index.held(ciphertext)))
    }

    /// The one KEM ciphertext for the vault; two are refused.
    fn ciphertext_for_vault<'a>(&self, sealed: &'a Sealed) -> Result<Option<&'a Ciphertext>, ApiError> {
        match sealed {
            Sealed::Envelope(envelope) => Ok(envelope.header().stanza_for(&self.kem_key).map(|stanza| {
                stanza.enc().try_into().expect("a stanza of ML-KEM-1024 has an enc of its size")
            })),
            Sealed::W3pk(w3pk::Sealed::Older(older)) => Ok(Some(older.kem_ciphertext())),
            Sealed::W3pk(w3pk::Sealed::Payload(payload)) => {
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

    fn content(&self, record: &Record, held: Option<Tag>, slot: SlotId, generation: u64) -> Content {
        let principals =
            record.readers.iter().chain(&record.owners).map(|p| self.index.principal(p)).collect();
        Content {
            record: self.records.seal(Place::Slot { slot, generation }, record.encode()),
            expires_at: record.expires_at,
            held,
            principals,
        }
    }
}

/// What a record keeps; it was read before it was kept.
fn reread(record: &Record) -> Result<Sealed, ApiError> {
    record.sealed().map_err(|error| Code::Internal.because("internal error").caused_by(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom::principal::WalletAddress;
    use strongroom_store::SqliteStore;

    /// A vault that keeps nothing.
    fn vault(folder: &std::path::Path) -> Vault {
        let opened = strongroom_root::open_or_create(
            &folder.join("root"),
            &strongroom_root::PlainSealer,
            None,
            &strongroom_root::Entitled::default(),
            &mut crate::rng(),
        )
        .expect("a root");
        let store =
            SqliteStore::open(&folder.join("store"), opened.root.vault_id().as_bytes()).expect("a store");
        let config = Config::new(vec![]);
        Vault::new(
            opened,
            Arc::new(Attestor::new(strongroom_root::Platform::None)),
            Arc::new(store),
            config,
            Arc::new(OffsetDateTime::now_utc),
        )
    }

    /// Rests on `Vault::verify` (verification.rs).
    #[tokio::test]
    async fn a_verification_runs_apart_from_the_threads_that_answer() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = vault(folder.path());
        let client = crate::limits::ClientAddress::new(std::net::Ipv4Addr::LOCALHOST.into());
        let there = vault.verify(&client, || Ok::<_, ()>(std::thread::current().id())).await;
        let there = there.map_err(|error| error.code).expect("its turn").expect("it holds");
        assert_ne!(there, std::thread::current().id());
    }

    /// Storing refuses these already; a record that came to be otherwise, by an older server, say, is held against its policy
    /// all the same. Rests on `check_policy` and the comparison of readers in `Vault::open`.
    #[test]
    fn a_record_is_held_against_its_policy_at_each_opening() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = vault(folder.path());
        let wallet = |n| Principal::from(WalletAddress::from_bytes([n; 20]));
        let good = Policy {
            readers: vec![wallet(1)],
            audience: Some(*vault.vault_id.as_bytes()),
            ..Policy::default()
        };
        let open = |policy: Policy, readers: Vec<Principal>| {
            let keys = [vault.encapsulation_key.clone().into()];
            let sealed = envelope::seal(b"secret", &keys, policy, &mut crate::rng()).expect("one recipient");
            let kept = Kept::of(&sealed.into());
            let record =
                Record { kept, readers, owners: vec![], created_at: 0, expires_at: None, openable: true };
            vault.open(&record).map_err(|error| error.code).map(drop)
        };
        assert_eq!(open(good.clone(), good.readers.clone()), Ok(()));
        assert_eq!(open(good.clone(), vec![wallet(1), wallet(2)]), Err(Code::Internal));
        let refused = |policy: Policy| open(policy.clone(), policy.readers);
        assert_eq!(refused(Policy { audience: None, ..good.clone() }), Err(Code::WrongAudience));
        assert_eq!(refused(Policy { one_time: true, ..good.clone() }), Err(Code::UnsupportedPolicy));
        assert_eq!(refused(Policy { not_after: Some(1), ..good.clone() }), Err(Code::OutsideValidity));
        assert_eq!(refused(Policy { readers: vec![], ..good }), Err(Code::PolicyWithoutReaders));
    }
}
