//! Opens a vault: its store, and its root, which is kept here, or is made, handed over or brought back.

use super::join::Join;
use super::{asked_to_end, warn};
use crate::commands::rng;
use crate::commands::vault::{is_insecure, told_at_start};
use crate::error::Hint;
use crate::sealing::token_hint;
use anyhow::{Result, anyhow, bail};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use strongroom::key::DecapsulationKey;
use strongroom_attest::{KeyOrigin, Protection};
use strongroom_root::{Entitled, Keeper, Opened, PlatformError, Root, RootError, Sealer, SealerError};
use strongroom_server::recovery::{Awaiting, leave_envelope};
use strongroom_server::{Attestor, Config, DataDir, DataDirError, Tls, Vault};
use strongroom_store::{DatabaseUrl, PostgresDatabase, PostgresOptions, SqliteStore, Store, StoreError};
use time::OffsetDateTime;
use tokio::net::TcpListener;

/// Where a vault's root and store are.
pub(in crate::commands) struct Place {
    pub(in crate::commands) data_dir: PathBuf,
    /// Where it is not in the data directory.
    pub(in crate::commands) root_file: Option<PathBuf>,
    /// Where it is not SQLite in the data directory.
    pub(in crate::commands) database: Option<(DatabaseUrl, PostgresOptions)>,
}

/// Where the root comes from, if none is kept here yet.
pub(in crate::commands) enum Source<'a> {
    /// It is made, with the store: one that is there has its root elsewhere.
    New,
    /// Another replica hands it over.
    Replica(Join),
    /// A recovery recipient brings it back; here he is waited for.
    Recipient { listener: &'a TcpListener, tls: Option<Arc<Tls>> },
}

/// All that a vault is opened with.
pub(in crate::commands) struct Opening<'a> {
    pub(in crate::commands) place: Place,
    /// Who seals the root; none where it stays in memory.
    pub(in crate::commands) sealer: Option<Box<dyn Sealer>>,
    pub(in crate::commands) imported: Option<DecapsulationKey>,
    pub(in crate::commands) source: Source<'a>,
    /// Whether the envelope for a recovery may be taken away.
    pub(in crate::commands) forgets_recovery: bool,
}

/// A store that was reached, and not opened yet: whose it is follows from the root, or the root must be of its vault.
enum Reached {
    Sqlite(PathBuf),
    Postgres(PostgresDatabase),
}

impl Reached {
    async fn open(self, vault_id: &[u8; 32]) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Self::Postgres(database) => Arc::new(database.open(vault_id).await.map_err(database_hint)?),
            Self::Sqlite(file) => {
                let store = SqliteStore::open(&file, vault_id);
                Arc::new(store.map_err(|error| match error {
                    StoreError::ForeignVault => anyhow::Error::from(error).context(Hint(
                        "root.sealed and vault.sqlite belong together: restore the one that was exchanged",
                    )),
                    other => other.into(),
                })?)
            }
        })
    }

    /// The vault whose store it is, if it is one.
    async fn vault_id(&self) -> Result<Option<[u8; 32]>> {
        Ok(match self {
            Self::Postgres(database) => database.vault_id().await?,
            Self::Sqlite(file) => SqliteStore::vault_id(file)?,
        })
    }

    /// Whether there is something in it that a new root would not open.
    async fn is_somebodys(&self) -> Result<bool> {
        Ok(match self {
            Self::Postgres(database) => database.vault_id().await?.is_some(),
            Self::Sqlite(file) => file.exists(),
        })
    }
}

impl Opening<'_> {
    /// Locks the data directory, opens or makes root and store, and says aloud what protects them. None where the end was asked for
    /// before the root was there.
    pub(in crate::commands) async fn open(
        self,
        attestor: Arc<Attestor>,
        config: Config,
    ) -> Result<Option<(Arc<Vault>, DataDir)>> {
        let Self { place, sealer, imported, source, forgets_recovery } = self;
        let data_dir = DataDir::open(&place.data_dir).map_err(|error| match error {
            DataDirError::Locked(_) => {
                anyhow::Error::from(error).context(Hint("stop that server, or pass another --data-dir"))
            }
            other => other.into(),
        })?;
        let root_file = place.root_file.clone().unwrap_or_else(|| data_dir.root_file());
        let keeper = match sealer {
            Some(sealer) => Keeper::File { path: root_file.clone(), sealer },
            None => Keeper::Memory,
        };
        let reached = match &place.database {
            Some((url, options)) => {
                Reached::Postgres(PostgresDatabase::connect(url, options).await.map_err(database_hint)?)
            }
            None => Reached::Sqlite(data_dir.store_file()),
        };
        let opened = |opened: Result<Opened, RootError>| opened.map_err(|error| told(error, &root_file));
        let entitled = Entitled::from(&config.bound(KeyOrigin::Generated, keeper.protection()));
        // Who has the imported key has the root: it follows from it.
        let is_imported = match &imported {
            Some(key) => reached.vault_id().await? == Some(*Root::import(key).vault_id().as_bytes()),
            None => false,
        };
        let is_own = keeper.has_root()
            || is_imported
            || match source {
                Source::New => {
                    // Looked for again: another server may have made both in between.
                    if reached.is_somebodys().await? && !keeper.has_root() {
                        bail!(without_root(&place, &keeper, &root_file));
                    }
                    true
                }
                // The first start of an image whose settings say how each later one goes.
                Source::Recipient { .. } if !reached.is_somebodys().await? => {
                    crate::error::tell(format_args!(
                        "there is no store here whose root could be recovered: this is a new vault"
                    ));
                    true
                }
                Source::Recipient { .. } | Source::Replica(_) => false,
            };
        let (opened, store) = match source {
            Source::Replica(join) if !is_own => {
                let vault_id = whose(&reached, "--join").await?;
                let store = reached.open(&vault_id).await?;
                let configuration = config.bound(KeyOrigin::Generated, keeper.protection());
                let root = join.root(vault_id, configuration, Arc::clone(&attestor)).await?;
                (opened(keeper.keep(root, &entitled, &mut rng()))?, store)
            }
            Source::Recipient { listener, tls } if !is_own => {
                let vault_id = whose(&reached, "--recover").await?;
                let store = reached.open(&vault_id).await?;
                check_recovery(&*store, &config, forgets_recovery).await?;
                let envelope = store.recovery().await?.ok_or_else(|| {
                    anyhow!(Hint(
                        "restore the root file, or a backup of the store from when --recovery was set"
                    ))
                    .context("the store holds no envelope for a recovery: nobody can bring the root back")
                })?;
                let configuration = config.bound(KeyOrigin::Recovered, keeper.protection());
                let awaiting = Awaiting::new(vault_id, envelope, configuration);
                let Some(root) = brought(awaiting, listener, tls, &attestor).await? else { return Ok(None) };
                (opened(keeper.keep(root, &entitled, &mut rng()))?, store)
            }
            _ => {
                let opened = opened(keeper.open_or_create(imported, &entitled, &mut rng()))?;
                let store = reached.open(opened.root.vault_id().as_bytes()).await?;
                (opened, store)
            }
        };
        check_recovery(&*store, &config, forgets_recovery).await?;
        leave_envelope(&*store, &opened.root, &config.recovery).await?;
        tell(&opened, &attestor, &config);
        let clock = Arc::new(OffsetDateTime::now_utc);
        Ok(Some((Arc::new(Vault::new(opened, attestor, store, config, clock)), data_dir)))
    }
}

/// Whose root is to come.
async fn whose(reached: &Reached, flag: &str) -> Result<[u8; 32]> {
    reached.vault_id().await?.ok_or_else(|| {
        anyhow!(Hint("name the vault's database with --database-url, or the data directory with its store"))
            .context(format!("{flag}: there is no vault's store here"))
    })
}

/// Nobody who could bring the root back is forgotten by a flag that was left out.
async fn check_recovery(store: &dyn Store, config: &Config, forgets: bool) -> Result<()> {
    if config.recovery.is_empty() && !forgets && store.recovery().await?.is_some() {
        return Err(anyhow!(Hint(
            "name the recipients with --recovery 1:KEY as before, or take them away with --recovery none"
        ))
        .context("this vault's root can be recovered, and --recovery does not say by whom"));
    }
    Ok(())
}

/// Waits on a second handle of the listener, which goes on to be the vault's.
async fn brought(
    awaiting: Awaiting,
    listener: &TcpListener,
    tls: Option<Arc<Tls>>,
    attestor: &Arc<Attestor>,
) -> Result<Option<Root>> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let second = std::net::TcpListener::from(listener.as_fd().try_clone_to_owned()?);
    let second = TcpListener::from_std(second)?;
    crate::error::tell(format_args!(
        "waiting for the root on {scheme}://{}: a recipient brings it with `strongroom vault recover -i KEYFILE --server URL`",
        listener.local_addr()?
    ));
    Ok(awaiting.root(second, tls, Arc::clone(attestor), asked_to_end()?).await)
}

/// How the root is kept, and what vouches.
fn tell(opened: &Opened, attestor: &Attestor, config: &Config) {
    let bound = config.bound(opened.root.origin(), opened.protection);
    let kept = told_at_start(&bound);
    if is_insecure(&bound) {
        warn(&kept);
    } else {
        crate::error::tell(format_args!("{kept}"));
    }
    let platform = attestor.platform();
    if platform.is_none() {
        warn(
            "no TEE vouches for this server: clients refuse it unless they allow no TEE. For development only",
        );
    }
    tracing::info!(
        vault_id = ?opened.root.vault_id(),
        key = %opened.kem_key.encapsulation_key().id(),
        platform = platform.name(),
        "the vault is open"
    );
}

/// Why a root is not opened or kept, and what helps.
fn told(error: RootError, root_file: &Path) -> anyhow::Error {
    match error {
        RootError::KeysNotConfigured => anyhow::Error::from(error)
            .context(Hint("set ADMIN_MLKEM_PRIVATE_KEY, or ADMIN_MLKEM_PRIVATE_KEY_FILE")),
        RootError::ImportOverRoot => anyhow::Error::from(error).context(Hint(
            "unset ADMIN_MLKEM_PRIVATE_KEY to go on with this vault, or pass another --data-dir",
        )),
        other => root_hint(other).context(format!("cannot use {}", root_file.display())),
    }
}

/// What helps against a root file that does not open.
pub(in crate::commands) fn root_hint(error: RootError) -> anyhow::Error {
    let hint = match &error {
        RootError::OtherSealer { file: Protection::Passphrase, .. } => {
            "name the file that holds the root's passphrase with --root-passphrase-file"
        }
        RootError::OtherSealer { file: Protection::Pkcs11, .. } => {
            "name the token's module with --hsm-module, its key with --hsm-key-label and its PIN's file with --hsm-pin-file"
        }
        RootError::OtherSealer { .. } => {
            "name how this root is kept with --root-sealer to go on with it, or pass another --data-dir"
        }
        RootError::Sealer(SealerError::Elsewhere { .. }) => {
            "start it where it was sealed, or bring the root of this vault from there; nothing was changed"
        }
        RootError::Sealer(SealerError::Platform(PlatformError::NoSuchMethod(_))) => {
            "run dstack 0.5 or newer, or seal under a passphrase with --root-passphrase-file"
        }
        RootError::Sealer(SealerError::Token(error)) => token_hint(error),
        RootError::Sealer(_) => "once the platform gives its key again, start anew; nothing was changed",
        RootError::WrongKey(Protection::Passphrase) => {
            "look whether --root-passphrase-file names the file of this vault's passphrase; else restore root.sealed"
        }
        RootError::WrongKey(Protection::Pkcs11) => {
            "look whether this token has the key that sealed the root, and not another of its label; else restore root.sealed"
        }
        RootError::NotEntitled => {
            "name the same as when it was sealed, or fewer; others come by a recovery to these settings (docs/operations.md)"
        }
        RootError::Damaged => "restore root.sealed from where it is kept a second time",
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(Hint(hint))
}

fn without_root(place: &Place, keeper: &Keeper, root_file: &Path) -> anyhow::Error {
    let what = match place.database {
        Some(_) => "the database".to_owned(),
        None => place.data_dir.display().to_string(),
    };
    let missing = match keeper {
        Keeper::Memory => "it was in another process's memory alone".to_owned(),
        Keeper::File { .. } => format!("{} is not there", root_file.display()),
    };
    anyhow!(Hint(
        "restore the root file, or name it with --root-file; or let a recipient bring the root (--recover), or another replica (--join): without it nobody can read what the store holds"
    ))
    .context(format!("{what} holds a store and no root ({missing})"))
}

fn database_hint(error: StoreError) -> anyhow::Error {
    let hint = match &error {
        StoreError::ForeignVault => {
            "name the root file of this store's vault with --root-file, or another database; where two servers were started at once for the first time, move this one's new root file away, and share the other's or --join it"
        }
        StoreError::Unsafe(_) => "set it to on in postgresql.conf and restart the database",
        StoreError::Database(_) => {
            "check --database-url, and that the database runs and lets this user in; a certificate of its own goes into \
             --database-ca, or sslmode=disable into the URL"
        }
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(Hint(hint))
}
