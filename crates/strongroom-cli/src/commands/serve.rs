//! `strongroom serve`

mod join;
mod opening;

use crate::Surroundings;
use crate::args::Serve;
use crate::error::Hint;
use crate::files;
use crate::settings::{CollateralFrom, Settings};
use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result, anyhow, bail};
use std::io::{BufWriter, IsTerminal};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use strongroom::key::DecapsulationKey;
use strongroom::signin::Origin;
use strongroom_root::collateral::{Collaterals, Services};
use strongroom_root::{Choice, Places, Platform, TlsKey};
use strongroom_server::config::sign_in_origins;
use strongroom_server::{Attestor, Config, Listeners, Tls, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;
use zeroize::Zeroizing;

use join::Join;
pub(super) use opening::{Opening, Place, Source, root_hint};

pub(super) const PUBLIC_HINT: &str = "pass another address with --listen, or port 0 for a free one";
const METRICS_HINT: &str = "pass another address with --metrics-listen, or port 0 for a free one";
/// POSIX names it; Linux and the BSDs give it this number.
const SIGXFSZ: i32 = 25;
const LOG_BUFFER_BYTES: usize = 64 * 1024;
const PRIVATE_KEY: &str = "ADMIN_MLKEM_PRIVATE_KEY";
const PUBLIC_KEY: &str = "ADMIN_MLKEM_PUBLIC_KEY";

pub(super) fn run(args: &Serve, surroundings: &Surroundings) -> Result<()> {
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
            recovery: settings.recovery.as_ref().map_or(Vec::new(), |recovery| recovery.0.clone()),
            release_key: settings.release_key,
            ..Config::new(sign_in_origins(&origin, loopback, &settings.sign_in_origins))
        };
        let places = Places { nsm: surroundings.nsm.clone(), ..settings.places };
        let platform = find_platform(settings.platform, &places)?;
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
        let mut attestor = Attestor::new(platform)
            .with_collaterals(collaterals(&settings.collateral, &settings.data_dir)?)
            .with_roots(surroundings.roots.clone());
        if let Some(spki_sha256) = tls.as_ref().and_then(|tls| tls.spki_sha256()) {
            attestor = attestor.with_tls_key(spki_sha256);
        }
        let opening = Opening {
            place: Place {
                data_dir: settings.data_dir,
                root_file: settings.root_file,
                database: settings.database,
            },
            sealer,
            imported: settings.imported_key,
            source: match (settings.join, settings.recover) {
                (Some(url), _) => Source::Replica(Join { url, statements: settings.release_statements }),
                (None, true) => Source::Recipient { listener: &listener, tls: tls.clone() },
                (None, false) => Source::New,
            },
            forgets_recovery: settings.recovery.is_some() && config.recovery.is_empty(),
        };
        let Some((vault, _data_dir)) = opening.open(Arc::new(attestor), config).await? else {
            return Ok(());
        };
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

/// What was asked for and is not there ends the start: nothing takes its place.
pub(super) fn find_platform(choice: Choice, places: &Places) -> Result<Platform> {
    let hint = match choice {
        Choice::Dstack => {
            "mount dstack's socket into the container (docs/deploy/phala.md), or name it with --dstack-endpoint"
        }
        Choice::IntelTdx | Choice::AmdSevSnp => {
            "mount configfs, load tsm, and run as a user who may write there (docs/deploy), or pass --platform none"
        }
        Choice::AwsNitro => "run it inside the enclave (docs/deploy/nitro.md), or pass --platform none",
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
