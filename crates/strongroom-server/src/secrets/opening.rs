//! Opening secrets for their readers. What an envelope's policy asks is looked at again each time.

use super::policy;
use super::record::{Record, reread};
use super::storing::Secrets;
use crate::error::{ApiError, Code};
use strongroom::envelope::{self, Envelope};
use strongroom::key::Recipient;
use strongroom::os_rng;
use strongroom::policy::EnvelopePolicy;
use strongroom::{OpenError, Plaintext, SealedSecret};

impl Secrets {
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
}

#[cfg(test)]
mod tests {
    use super::super::record::KeptSecret;
    use super::super::slots::Slots;
    use super::*;
    use crate::clock::Clock;
    use crate::limits::{Guard, Limits};
    use crate::storage::{Records, Tags};
    use std::sync::Arc;
    use strongroom::principal::Principal;
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
