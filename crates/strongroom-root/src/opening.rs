//! Which root a server starts with: it is opened, made, brought by a recovery recipient, or handed
//! over by another replica. This is the one place where that is decided. It reads neither disk nor
//! network: the caller says what was found, and does what comes out.

use crate::access::RootAccess;
use crate::root::Root;
use crate::root_file::{OpenedRoot, RootError};
use crate::storage::RootStorage;
use rand_core::CryptoRng;
use strongroom::key::DecapsulationKey;

/// Where a root comes from if none is kept here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootSource {
    /// It is made here, provided that there is no store yet.
    New,
    /// A recovery recipient brings it (`--recover`).
    Recovery,
    /// Another replica hands it over (`--join`).
    Handoff,
}

/// What was found of the vault's store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundStore {
    /// A store is there, and a new root could not open it.
    pub is_there: bool,
    /// The id of the vault that the store belongs to, where the store says so.
    pub vault_id: Option<[u8; 32]>,
}

/// Why a server does not start with a root.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// A store is there and its root is not. A new root could open nothing that the store holds.
    #[error("there is a store, and the root that opens it is missing")]
    StoreWithoutRoot,
    /// A root was to be recovered or handed over for a store, and there is no store.
    #[error("there is no vault's store here")]
    NoStore(RootSource),
    /// The store keeps an envelope for recovery recipients, and the settings name none of them.
    #[error("this vault's root can be recovered, and --recovery does not say by whom")]
    RecipientsForgotten,
    /// The store keeps no envelope, so nobody can bring the root back.
    #[error("the store holds no envelope for a recovery: nobody can bring the root back")]
    NoRecoveryEnvelope,
    /// The root that is kept here does not open, or the new one may not be kept.
    #[error(transparent)]
    Root(#[from] RootError),
}

/// What a server has to do to get its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Open the root that is kept here, or make one.
    OpenOrCreate {
        /// Whether `--recover` was given and there is nothing to recover, so this is a new vault.
        is_first_start: bool,
    },
    /// Wait for a recipient who brings the root of the vault with this id.
    AwaitRecipient([u8; 32]),
    /// Ask another replica for the root of the vault with this id.
    AskReplica([u8; 32]),
}

/// All that decides how a server gets its root, before it has one.
pub struct Opening {
    storage: RootStorage,
    imported: Option<DecapsulationKey>,
    source: RootSource,
    access: RootAccess,
}

impl Opening {
    /// `imported` is the key that the operator imports, if any. `access` says who else may get the
    /// root.
    #[must_use]
    pub fn new(
        storage: RootStorage,
        imported: Option<DecapsulationKey>,
        source: RootSource,
        access: RootAccess,
    ) -> Self {
        Self { storage, imported, source, access }
    }

    /// Decides what has to be done, given what was found of the store.
    ///
    /// # Errors
    /// [`OpeningError::StoreWithoutRoot`], [`OpeningError::NoStore`].
    pub fn step(&self, store: FoundStore) -> Result<Step, OpeningError> {
        // An imported key is enough, because the root follows from it.
        let is_imported = self
            .imported
            .as_ref()
            .is_some_and(|key| store.vault_id == Some(*Root::import(key).vault_id().as_bytes()));
        let here = Step::OpenOrCreate { is_first_start: false };
        if self.storage.has_root() || is_imported {
            return Ok(here);
        }
        let vault_id = || store.vault_id.ok_or(OpeningError::NoStore(self.source));
        match self.source {
            RootSource::New if store.is_there => Err(OpeningError::StoreWithoutRoot),
            RootSource::New => Ok(here),
            // An image's settings say `--recover` for each later start, so its first start has it
            // too.
            RootSource::Recovery if !store.is_there => Ok(Step::OpenOrCreate { is_first_start: true }),
            RootSource::Recovery => vault_id().map(Step::AwaitRecipient),
            RootSource::Handoff => vault_id().map(Step::AskReplica),
        }
    }

    /// Opens the root that is kept here, or makes one.
    ///
    /// # Errors
    /// [`OpeningError::Root`] where it cannot be opened, made or written.
    pub fn open_or_create(self, rng: &mut impl CryptoRng) -> Result<OpenedRoot, OpeningError> {
        Ok(self.storage.open_or_create(self.imported, &self.access, rng)?)
    }

    /// Keeps a root that a recipient brought or a replica handed over.
    ///
    /// # Errors
    /// [`OpeningError::Root`] where another root is kept already, or this one cannot be written.
    pub fn keep(self, root: Root, rng: &mut impl CryptoRng) -> Result<OpenedRoot, OpeningError> {
        Ok(self.storage.keep(root, &self.access, rng)?)
    }
}

/// Checks that a flag that was left out does not drop the people who could bring the root back.
///
/// # Errors
/// [`OpeningError::RecipientsForgotten`] where the store has an envelope, and the settings neither
/// name recipients nor say that there shall be none.
pub fn check_recipients(
    names_recipients: bool,
    forgets_them: bool,
    has_envelope: bool,
) -> Result<(), OpeningError> {
    if has_envelope && !names_recipients && !forgets_them {
        return Err(OpeningError::RecipientsForgotten);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VAULT: [u8; 32] = [7; 32];

    fn opening(source: RootSource) -> Opening {
        Opening::new(RootStorage::Memory, None, source, RootAccess::default())
    }

    fn store(is_there: bool, vault_id: Option<[u8; 32]>) -> FoundStore {
        FoundStore { is_there, vault_id }
    }

    #[test]
    fn a_store_without_its_root_gets_no_new_one() {
        let found = opening(RootSource::New).step(store(true, Some(VAULT)));
        assert!(matches!(found, Err(OpeningError::StoreWithoutRoot)));
        // A file that names no vault may still hold somebody's data.
        let found = opening(RootSource::New).step(store(true, None));
        assert!(matches!(found, Err(OpeningError::StoreWithoutRoot)));
        let found = opening(RootSource::New).step(store(false, None)).expect("a new vault");
        assert_eq!(found, Step::OpenOrCreate { is_first_start: false });
    }

    #[test]
    fn a_root_comes_only_for_a_store_that_is_there() {
        let step = |source, found| opening(source).step(found);
        let there = store(true, Some(VAULT));
        assert_eq!(step(RootSource::Recovery, there).expect("a wait"), Step::AwaitRecipient(VAULT));
        assert_eq!(step(RootSource::Handoff, there).expect("a question"), Step::AskReplica(VAULT));
        let first = step(RootSource::Recovery, store(false, None)).expect("a new vault");
        assert_eq!(first, Step::OpenOrCreate { is_first_start: true });
        for (source, found) in [
            (RootSource::Recovery, store(true, None)),
            (RootSource::Handoff, store(true, None)),
            (RootSource::Handoff, store(false, None)),
        ] {
            assert!(matches!(step(source, found), Err(OpeningError::NoStore(named)) if named == source));
        }
    }

    #[test]
    fn the_imported_key_opens_its_own_vault_and_no_other() {
        let key = || DecapsulationKey::from_seed(&[3; 64]);
        let own = *Root::import(&key()).vault_id().as_bytes();
        let opening =
            || Opening::new(RootStorage::Memory, Some(key()), RootSource::New, RootAccess::default());
        assert!(opening().step(store(true, Some(own))).is_ok());
        assert!(matches!(opening().step(store(true, Some(VAULT))), Err(OpeningError::StoreWithoutRoot)));
    }

    #[test]
    fn no_recipient_is_forgotten_by_a_flag_that_is_missing() {
        assert!(matches!(check_recipients(false, false, true), Err(OpeningError::RecipientsForgotten)));
        for (names, forgets, has) in [(true, false, true), (false, true, true), (false, false, false)] {
            assert!(check_recipients(names, forgets, has).is_ok());
        }
    }
}
