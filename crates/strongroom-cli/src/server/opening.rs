//! Opens a vault: its store and its root. The decision of how the root comes is made by
//! [`strongroom_root::Opening`]. This file reaches the store, the network and the other replica for
//! it.

use super::hints::{database_hint, join_hint, opening_hint};
use super::listen::asked_to_end;
use crate::error::{Hint, tell, warn};
use anyhow::{Context, Result};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use strongroom::key::DecapsulationKey;
use strongroom::os_rng;
use strongroom_attest::root_transfer::release_statement::ReleaseStatement;
use strongroom_attest::{Configuration, KeyOrigin};
use strongroom_client::Replica;
use strongroom_root::handoff::{JoinRequest, join};
use strongroom_root::{
    Attestor, AwaitedRoot, FoundStore, OpenedRoot, OpeningError, Root, RootAccess, RootSource, RootStorage,
    Sealer, Step, check_recipients, is_insecure, recovery_envelope, summary,
};
use strongroom_server::{Clock, Config, DataDir, DataDirError, Tls, Vault, wait_for_root};
use strongroom_store::{DatabaseUrl, PostgresDatabase, PostgresOptions, SqliteStore, Store, StoreError};
use tokio::net::TcpListener;

/// Where a vault's root and store are.
pub(crate) struct VaultPlace {
    pub(crate) data_dir: PathBuf,
    /// The root's file, if it is not in the data directory.
    pub(crate) root_file: Option<PathBuf>,
    /// The database, if the store is not SQLite in the data directory.
    pub(crate) database: Option<(DatabaseUrl, PostgresOptions)>,
}

/// How the server gets a root that is not kept here yet.
pub(crate) enum ComingRoot<'a> {
    /// The root is made, together with the store.
    New,
    /// The replica at `url` hands it over.
    Handoff { url: String, statements: Vec<ReleaseStatement> },
    /// A recovery recipient brings it back; the server waits for them on the listener.
    Recovery { listener: &'a TcpListener, tls: Option<Arc<Tls>> },
}

/// Everything that is needed to open a vault.
pub(crate) struct VaultOpening<'a> {
    pub(crate) place: VaultPlace,
    /// The sealer of the root, or `None` if the root stays in memory.
    pub(crate) sealer: Option<Box<dyn Sealer>>,
    pub(crate) imported: Option<DecapsulationKey>,
    pub(crate) root: ComingRoot<'a>,
    /// Whether the envelope for recovery recipients may be removed.
    pub(crate) forgets_recovery: bool,
}

/// A store that was reached but not opened yet. A new store belongs to the root's vault; the root
/// of an existing one must be its vault's root.
enum ReachedStore {
    Sqlite(PathBuf),
    Postgres(PostgresDatabase),
}

impl ReachedStore {
    async fn open(self, vault_id: &[u8; 32]) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Self::Postgres(database) => Arc::new(database.open(vault_id).await.map_err(database_hint)?),
            Self::Sqlite(file) => {
                let store = SqliteStore::open(&file, vault_id);
                Arc::new(store.map_err(|error| match error {
                    StoreError::ForeignVault => anyhow::Error::from(error).context(Hint(
                        "root.sealed and vault.sqlite belong together: restore the one that was swapped",
                    )),
                    other => other.into(),
                })?)
            }
        })
    }

    async fn found(&self) -> Result<FoundStore> {
        Ok(match self {
            Self::Postgres(database) => {
                let vault_id = database.vault_id().await?;
                FoundStore { is_there: vault_id.is_some(), vault_id }
            }
            Self::Sqlite(file) => {
                FoundStore { is_there: file.exists(), vault_id: SqliteStore::vault_id(file)? }
            }
        })
    }
}

impl VaultOpening<'_> {
    /// Locks the data directory, opens or makes root and store, and tells what protects them.
    /// `None` if the server was asked to end before it had the root.
    pub(crate) async fn open(
        self,
        attestor: Arc<Attestor>,
        config: Config,
    ) -> Result<Option<(Vault, DataDir)>> {
        let Self { place, sealer, imported, root, forgets_recovery } = self;
        let data_dir = DataDir::open(&place.data_dir).map_err(|error| match error {
            DataDirError::Locked(_) => {
                anyhow::Error::from(error).context(Hint("stop that server, or pass another --data-dir"))
            }
            other => other.into(),
        })?;
        let file = place.root_file.clone().unwrap_or_else(|| data_dir.root_file());
        let (storage, root_file) = match sealer {
            Some(sealer) => (RootStorage::File { path: file.clone(), sealer }, Some(file)),
            None => (RootStorage::Memory, None),
        };
        let named = match &place.database {
            Some(_) => "the database".to_owned(),
            None => place.data_dir.display().to_string(),
        };
        let refused = |error: OpeningError| opening_hint(error, &named, root_file.as_deref());
        let store = match &place.database {
            Some((url, options)) => {
                ReachedStore::Postgres(PostgresDatabase::connect(url, options).await.map_err(database_hint)?)
            }
            None => ReachedStore::Sqlite(data_dir.store_file()),
        };
        let protection = storage.protection();
        let access = RootAccess::from(&config.bound(KeyOrigin::Generated, protection));
        let source = match &root {
            ComingRoot::New => RootSource::New,
            ComingRoot::Handoff { .. } => RootSource::Handoff,
            ComingRoot::Recovery { .. } => RootSource::Recovery,
        };
        let opening = strongroom_root::Opening::new(storage, imported, source, access);
        let names_recipients = !config.recovery.is_empty();
        let check = async |store: &dyn Store| -> Result<()> {
            let has_envelope = store.recovery().await?.is_some();
            check_recipients(names_recipients, forgets_recovery, has_envelope).map_err(refused)
        };
        let (opened, store) = match (opening.step(store.found().await?).map_err(refused)?, root) {
            (Step::AskReplica(vault_id), ComingRoot::Handoff { url, statements }) => {
                let store = store.open(&vault_id).await?;
                let configuration = config.bound(KeyOrigin::Generated, protection);
                let root = joined(url, vault_id, configuration, statements, Arc::clone(&attestor)).await?;
                (opening.keep(root, &mut os_rng()).map_err(refused)?, store)
            }
            (Step::AwaitRecipient(vault_id), ComingRoot::Recovery { listener, tls }) => {
                let store = store.open(&vault_id).await?;
                check(&*store).await?;
                let envelope = store.recovery().await?;
                let envelope = envelope.ok_or(OpeningError::NoRecoveryEnvelope).map_err(refused)?;
                let configuration = config.bound(KeyOrigin::Recovered, protection);
                let awaited = AwaitedRoot::new(vault_id, envelope, configuration, &mut os_rng());
                let Some(root) = brought(awaited, listener, tls, &attestor).await? else {
                    return Ok(None);
                };
                (opening.keep(root, &mut os_rng()).map_err(refused)?, store)
            }
            (step, _) => {
                if step == (Step::OpenOrCreate { is_first_start: true }) {
                    tell(format_args!(
                        "there is no store here whose root could be recovered, so a new vault is made"
                    ));
                }
                let opened = opening.open_or_create(&mut os_rng()).map_err(refused)?;
                let store = store.open(opened.root.vault_id().as_bytes()).await?;
                (opened, store)
            }
        };
        check(&*store).await?;
        store.set_recovery(recovery_envelope(&opened.root, &config.recovery, &mut os_rng())).await?;
        tell_how_it_is_kept(&opened, &attestor, &config);
        Ok(Some((Vault::new(opened, attestor, store, config, Clock::system()), data_dir)))
    }
}

/// Gets the root from the replica at `url`. This waits for the platform and for the other replica.
async fn joined(
    url: String,
    vault_id: [u8; 32],
    configuration: Configuration,
    statements: Vec<ReleaseStatement>,
    attestor: Arc<Attestor>,
) -> Result<Root> {
    tell(format_args!("asking {url} for the root"));
    let replica = Replica::at(&url)?;
    let work = move || {
        let request =
            JoinRequest { vault_id, configuration: &configuration, statements, attestor: &attestor };
        join(request, &mut os_rng(), |hello| replica.offer(hello), |request| replica.root(request))
    };
    let asked = tokio::task::spawn_blocking(work).await.context("the handoff was broken off")?;
    asked.map_err(|error| join_hint(error, &url))
}

/// Waits for a recipient on a second handle of the listener, which later serves the vault.
async fn brought(
    awaited: AwaitedRoot,
    listener: &TcpListener,
    tls: Option<Arc<Tls>>,
    attestor: &Arc<Attestor>,
) -> Result<Option<Root>> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let second = std::net::TcpListener::from(listener.as_fd().try_clone_to_owned()?);
    let second = TcpListener::from_std(second)?;
    tell(format_args!(
        "waiting for the root on {scheme}://{}: a recipient brings it with `strongroom vault recover -i KEYFILE --server URL`",
        listener.local_addr()?
    ));
    Ok(wait_for_root(awaited, second, tls, Arc::clone(attestor), asked_to_end()?).await)
}

/// Tells how the root is kept, and warns if no TEE vouches for the server.
fn tell_how_it_is_kept(opened: &OpenedRoot, attestor: &Attestor, config: &Config) {
    let bound = config.bound(opened.root.origin(), opened.protection);
    let kept = summary(&bound);
    if is_insecure(&bound) {
        warn(&kept);
    } else {
        tell(format_args!("{kept}"));
    }
    let platform = attestor.platform();
    if platform.is_none() {
        warn(
            "no TEE vouches for this server, and clients refuse it unless they pass --allow-no-tee. For development only",
        );
    }
    tracing::info!(
        vault_id = ?opened.root.vault_id(),
        key = %opened.kem_key.encapsulation_key().id(),
        platform = platform.name(),
        "the vault is open"
    );
}
