//! `strongroom serve`

use super::rng;
use super::vault::{is_insecure, told_at_start};
use crate::args::Serve;
use crate::error::Hint;
use crate::files;
use crate::sealing::token_hint;
use crate::settings::{CollateralFrom, Settings};
use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result, anyhow, bail};
use std::io::{BufWriter, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use strongroom::key::DecapsulationKey;
use strongroom::signin::Origin;
use strongroom_attest::Protection;
use strongroom_enclave::collateral::{Collaterals, Services};
use strongroom_enclave::{
    Choice, Places, Platform, PlatformError, RootError, Sealer, SealerError, TlsKey, open_or_create,
};
use strongroom_server::config::sign_in_origins;
use strongroom_server::{Attestor, Config, DataDir, DataDirError, Listeners, Tls, Vault, serve};
use strongroom_store::{DatabaseUrl, PostgresDatabase, PostgresOptions, SqliteStore, Store, StoreError};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;
use zeroize::Zeroizing;

pub(super) const PUBLIC_HINT: &str = "pass another address with --listen, or port 0 for a free one";
const METRICS_HINT: &str = "pass another address with --metrics-listen, or port 0 for a free one";
/// POSIX names it; Linux and the BSDs give it this number.
const SIGXFSZ: i32 = 25;
const LOG_BUFFER_BYTES: usize = 64 * 1024;
const PRIVATE_KEY: &str = "ADMIN_MLKEM_PRIVATE_KEY";
const PUBLIC_KEY: &str = "ADMIN_MLKEM_PUBLIC_KEY";

pub(super) fn run(args: &Serve) -> Result<()> {
    let settings = Settings::read(&args.flags)?;
    allow_many_files();
    let _log = log_to_stderr();
    runtime()?.block_on(async {
        // A write beyond a bound on files shall fail and not end the process, which is what the signal does unheard.
        let _too_large = signal(SignalKind::from_raw(SIGXFSZ)).context("cannot listen for SIGXFSZ")?;
        let listener = bind(settings.listen, PUBLIC_HINT).await?;
        let metrics = match settings.metrics_listen {
            Some(address) => Some(bind(address, METRICS_HINT).await?),
            None => None,
        };
        let address = listener.local_addr()?;
        let scheme = if settings.speaks_tls() { "https" } else { "http" };
        let origin = match &settings.public_url {
            Some(url) => url.clone(),
            None => origin_of(scheme, address)?,
        };
        let loopback = address.ip().is_loopback().then_some((scheme, address.port()));
        let config = Config {
            chain_ids: settings.chain_ids,
            require_sign_in_to_store: settings.require_sign_in_to_store,
            limits: settings.limits,
            cors_origins: settings.cors_origins,
            trusted_hops: settings.trusted_hops,
            https: origin.to_string().starts_with("https://"),
            ..Config::new(sign_in_origins(&origin, loopback, &settings.sign_in_origins))
        };
        let platform = find_platform(settings.platform, &settings.places)?;
        let sealer = settings.sealing.sealer(&platform)?;
        let tls = match settings.tls {
            Some(tls) => Some(tls),
            None if settings.tls_in_tee && platform.is_none() => {
                return Err(anyhow!(Hint(
                    "leave out --tls-in-tee, or name certificate and key with --tls-cert and --tls-key"
                ))
                .context("there is no TEE in which TLS could end"));
            }
            None if settings.tls_in_tee => Some(Arc::new(make_tls_key(&platform, &origin)?)),
            None => None,
        };
        reload_at_hangup(tls.clone())?;
        let mut attestor =
            Attestor::new(platform).with_collaterals(collaterals(&settings.collateral, &settings.data_dir)?);
        if let Some(spki_sha256) = tls.as_ref().and_then(|tls| tls.spki_sha256()) {
            attestor = attestor.with_tls_key(spki_sha256);
        }
        let place =
            Place { data_dir: settings.data_dir, root_file: settings.root_file, database: settings.database };
        let (vault, _data_dir) =
            open_vault(&place, &*sealer, settings.imported_key, attestor, config).await?;
        let shutdown = asked_to_end()?;
        if let Some(metrics) = &metrics {
            crate::error::tell(format_args!("metrics on http://{}/metrics", metrics.local_addr()?));
        }
        crate::error::tell(format_args!("listening on {scheme}://{address}"));
        serve(Listeners { public: listener, tls, metrics }, vault, shutdown).await;
        Ok(())
    })
}

/// Ends when somebody asks the server to end.
fn asked_to_end() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("shutting down: requests under way may finish");
    })
}

/// Certificates are renewed while a server runs. One without TLS has nothing to read again, and must not end by it.
fn reload_at_hangup(tls: Option<Arc<Tls>>) -> Result<()> {
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let Some(tls) = &tls else { continue };
            match tls.reload() {
                Ok(()) => tracing::info!("certificate and key were read again"),
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::from(error));
                    tracing::error!(error, "certificate and key stay as they were");
                }
            }
        }
    });
    Ok(())
}

/// A connection is a file, and the usual bound on those is low.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

pub(super) async fn bind(address: SocketAddr, in_use_hint: &'static str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let in_use = error.kind() == std::io::ErrorKind::AddrInUse;
        let error = anyhow::Error::from(error);
        let error = if in_use { error.context(Hint(in_use_hint)) } else { error };
        error.context(format!("cannot listen on {address}"))
    })
}

/// Where clients reach a server that listens on this address. An address of every interface names no host.
pub(super) fn origin_of(scheme: &str, address: SocketAddr) -> Result<Origin> {
    if address.ip().is_unspecified() {
        return Err(anyhow!(Hint("pass --public-url with the URL that clients use"))
            .context(format!("{address} does not say how clients reach this server")));
    }
    Ok(format!("{scheme}://{address}").parse()?)
}

/// Where a vault's root and store are.
pub(super) struct Place {
    pub(super) data_dir: PathBuf,
    /// Where it is not in the data directory.
    pub(super) root_file: Option<PathBuf>,
    /// Where it is not SQLite in the data directory.
    pub(super) database: Option<(DatabaseUrl, PostgresOptions)>,
}

/// Locks the data directory, opens or makes root and store, and says aloud what protects them.
pub(super) async fn open_vault(
    place: &Place,
    sealer: &dyn Sealer,
    imported: Option<DecapsulationKey>,
    attestor: Attestor,
    config: Config,
) -> Result<(Arc<Vault>, DataDir)> {
    let data_dir = DataDir::open(&place.data_dir).map_err(|error| match error {
        DataDirError::Locked(_) => {
            anyhow::Error::from(error).context(Hint("stop that server, or pass another --data-dir"))
        }
        other => other.into(),
    })?;
    let root_file = place.root_file.clone().unwrap_or_else(|| data_dir.root_file());
    let database = match &place.database {
        Some((url, options)) => {
            let database = PostgresDatabase::connect(url, options).await.map_err(database_hint)?;
            // Looked for again: another server may have made both in between.
            if !root_file.exists() && database.vault_id().await?.is_some() && !root_file.exists() {
                bail!(without_root("the database", &root_file));
            }
            Some(database)
        }
        None if data_dir.store_file().exists() && !root_file.exists() => {
            bail!(without_root(&place.data_dir.display().to_string(), &root_file));
        }
        None => None,
    };
    let opened = open_or_create(&root_file, sealer, imported, &mut rng()).map_err(|error| match error {
        RootError::KeysNotConfigured => anyhow::Error::from(error)
            .context(Hint("set ADMIN_MLKEM_PRIVATE_KEY, or ADMIN_MLKEM_PRIVATE_KEY_FILE")),
        RootError::ImportOverRoot => anyhow::Error::from(error).context(Hint(
            "unset ADMIN_MLKEM_PRIVATE_KEY to go on with this vault, or pass another --data-dir",
        )),
        other => root_hint(other).context(format!("cannot use {}", root_file.display())),
    })?;
    let vault_id = opened.root.vault_id();
    let store: Arc<dyn Store> = match database {
        Some(database) => Arc::new(database.open(vault_id.as_bytes()).await.map_err(database_hint)?),
        None => {
            let store = SqliteStore::open(&data_dir.store_file(), vault_id.as_bytes());
            Arc::new(store.map_err(|error| match error {
                StoreError::ForeignVault => anyhow::Error::from(error).context(Hint(
                    "root.sealed and vault.sqlite belong together: restore the one that was exchanged",
                )),
                other => other.into(),
            })?)
        }
    };
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
    let clock = Arc::new(OffsetDateTime::now_utc);
    tracing::info!(
        ?vault_id,
        key = %opened.kem_key.encapsulation_key().id(),
        platform = platform.name(),
        "the vault is open"
    );
    Ok((Arc::new(Vault::new(opened, attestor, store, config, clock)), data_dir))
}

/// What was asked for and is not there ends the start: nothing takes its place.
pub(super) fn find_platform(choice: Choice, places: &Places) -> Result<Platform> {
    let hint = match choice {
        Choice::Dstack => {
            "mount dstack's socket into the container (docs/deploy/phala.md), or name it with --dstack-endpoint"
        }
        Choice::IntelTdx | Choice::AmdSevSnp => {
            "mount configfs, load tsm, and run as a user who may write there (docs/deploy), or pass --platform none"
        }
        _ => "pass --platform none to run without a TEE",
    };
    Platform::find(choice, places).map_err(|error| {
        anyhow::Error::from(error).context(Hint(hint)).context("the platform cannot be used")
    })
}

/// A key that never leaves this process, or one that dstack's agent makes for it.
fn make_tls_key(platform: &Platform, origin: &Origin) -> Result<Tls> {
    let host = origin.host();
    let key = match platform.tls_key(host).context("no TLS key can be had")? {
        Some(key) => key,
        None => TlsKey::generate(host).with_context(|| format!("{host} cannot stand in a certificate"))?,
    };
    Ok(Tls::in_tee(&key)?)
}

fn collaterals(from: &CollateralFrom, data_dir: &Path) -> Result<Collaterals> {
    match from {
        CollateralFrom::Bundle(file) => Collaterals::from_bundle(file)
            .with_context(|| format!("{} is no bundle of collateral", file.display()))
            .context(Hint("write one with `strongroom attestation show --collateral URL`")),
        CollateralFrom::Services { intel, amd } => {
            Ok(Collaterals::from_services(Services::new(intel, amd), Some(&data_dir.join("collateral.json"))))
        }
    }
}

/// What helps against a root file that does not open.
pub(super) fn root_hint(error: RootError) -> anyhow::Error {
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
        RootError::Damaged => "restore root.sealed from where it is kept a second time",
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(Hint(hint))
}

fn without_root(what: &str, root_file: &Path) -> anyhow::Error {
    anyhow!(Hint(
        "restore the root file, or name it with --root-file: without it nobody can read what the store holds"
    ))
    .context(format!("{what} holds a store and no root ({} is not there)", root_file.display()))
}

fn database_hint(error: StoreError) -> anyhow::Error {
    let hint = match &error {
        StoreError::ForeignVault => {
            "name the root file of this store's vault with --root-file, or another database"
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

fn warn(what: &str) {
    let yellow = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
    crate::error::tell(format_args!("{yellow}warning:{yellow:#} {what}"));
}

/// The seeds' two variables. The private key may be in a file that its `_FILE` variable names.
pub(crate) fn imported_key() -> Result<Option<DecapsulationKey>> {
    let Some(private) = variable(PRIVATE_KEY)? else {
        if variable(PUBLIC_KEY)?.is_some() {
            bail!("{PUBLIC_KEY} is set without {PRIVATE_KEY}");
        }
        return Ok(None);
    };
    let key = DecapsulationKey::from_secret_text(private.trim())
        .with_context(|| format!("{PRIVATE_KEY} is no key"))?;
    if let Some(public) = variable(PUBLIC_KEY)?
        && public.trim() != key.encapsulation_key().to_base64()
    {
        bail!("{PUBLIC_KEY} is not the public key of {PRIVATE_KEY}");
    }
    Ok(Some(key))
}

fn variable(name: &str) -> Result<Option<Zeroizing<String>>> {
    let file = format!("{name}_FILE");
    match (std::env::var_os(name), std::env::var_os(&file)) {
        (Some(_), Some(_)) => bail!("{name} and {file} are both set"),
        // Set and empty is no choice for a new vault: more likely a secret that was not passed on.
        (Some(text), None) if text.is_empty() => {
            Err(anyhow!(Hint("unset it to run without an imported key"))
                .context(format!("{name} is set and empty")))
        }
        (Some(text), None) => match text.into_string() {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(_) => bail!("{name} is not text"),
        },
        (None, Some(path)) => {
            let bytes = files::read(Some(Path::new(&path))).context(file)?;
            let text =
                std::str::from_utf8(&bytes).with_context(|| format!("the file of {name} is not text"))?;
            Ok(Some(Zeroizing::new(text.to_owned())))
        }
        (None, None) => Ok(None),
    }
}

/// For people on a terminal, JSON for everything else; `RUST_LOG` chooses. A reader who stops reading, or goes, costs
/// lines and no request. What waits is written when the value is dropped.
fn log_to_stderr() -> WorkerGuard {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Lines that came together are written together; after them nothing stays behind.
    let lines = BufWriter::with_capacity(LOG_BUFFER_BYTES, std::io::stderr());
    let (writer, guard) = tracing_appender::non_blocking(lines);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_target(false)
        .log_internal_errors(false);
    if std::io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.json().flatten_event(true).with_span_list(false).init();
    }
    guard
}
