//! `strongroom serve`

use crate::env::Env;
use crate::error::Hint;
use crate::server::{
    ComingRoot, PUBLIC_HINT, VaultOpening, VaultPlace, asked_to_end, bind, find_platform, log_to_stderr,
    origin_of, runtime, sealer_hint,
};
use crate::settings::{CollateralFrom, Flags, Settings};
use anyhow::{Context, Result, anyhow};
use std::path::Path;
use std::sync::Arc;
use strongroom::sign_in::Origin;
use strongroom_root::collateral::{Collaterals, Services};
use strongroom_root::{Attestor, Platform, PlatformPaths, TlsKey};
use strongroom_server::config::sign_in_origins;
use strongroom_server::{Config, Listeners, Tls, serve};
use tokio::signal::unix::{SignalKind, signal};

const METRICS_HINT: &str = "pass another address with --metrics-listen, or port 0 for a free one";
/// The signal's number on Linux and the BSDs. POSIX defines only its name.
const SIGXFSZ: i32 = 25;

/// Run a vault
///
/// Example:  strongroom serve --listen 127.0.0.1:3000 --data-dir ./strongroom-data
///
/// No configuration is needed: the first start makes a root and a store in the data directory. An
/// imported key is read from ADMIN_MLKEM_PRIVATE_KEY, or from the file that
/// ADMIN_MLKEM_PRIVATE_KEY_FILE names. ADMIN_MLKEM_PUBLIC_KEY, if it is set, must fit it.
///
/// Each setting is also read from the environment, as STRONGROOM_LISTEN for --listen, and from
/// strongroom.toml, as listen; flags come first, the file last. `strongroom config check` names
/// every mistake at once.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) flags: Flags,
}

pub(crate) fn run(args: &Serve, env: &Env) -> Result<()> {
    let settings = Settings::read(&args.flags)?;
    allow_many_files();
    let _log = log_to_stderr();
    runtime()?.block_on(async {
        // A write beyond the limit of file sizes should fail with an error. Unless somebody listens
        // for the signal, it ends the process.
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
        let paths = PlatformPaths { nsm: env.nsm.clone(), ..settings.paths };
        let platform = find_platform(settings.platform, &paths)?;
        let sealer = settings.sealer.sealer(&platform).map_err(sealer_hint)?;
        let tls = match settings.tls {
            Some(tls) => Some(tls),
            None if settings.tls_in_tee && platform.is_none() => {
                return Err(anyhow!(Hint(
                    "leave out --tls-in-tee, or name a certificate and its key with --tls-cert and --tls-key"
                ))
                .context("--tls-in-tee needs a TEE, and there is no TEE here"));
            }
            None if settings.tls_in_tee => Some(Arc::new(make_tls_key(&platform, &origin)?)),
            None => None,
        };
        reload_at_hangup(tls.clone())?;
        let mut attestor = Attestor::new(platform)
            .with_collaterals(collaterals(&settings.collateral, &settings.data_dir)?)
            .with_roots(env.roots.clone());
        if let Some(spki_sha256) = tls.as_ref().and_then(|tls| tls.spki_sha256()) {
            attestor = attestor.with_tls_key(spki_sha256);
        }
        let opening = VaultOpening {
            place: VaultPlace {
                data_dir: settings.data_dir,
                root_file: settings.root_file,
                database: settings.database,
            },
            sealer,
            imported: settings.imported_key,
            root: match (settings.join, settings.recover) {
                (Some(url), _) => ComingRoot::Handoff { url, statements: settings.release_statements },
                (None, true) => ComingRoot::Recovery { listener: &listener, tls: tls.clone() },
                (None, false) => ComingRoot::New,
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

/// Reads certificate and key again at each SIGHUP, since certificates are renewed while a server
/// runs. A server without TLS ignores the signal, which would otherwise end it.
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

/// Raises the limit of open files to its maximum. Each connection is a file, and the usual limit is
/// low.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Makes the TLS key: one that never leaves this process, or one that dstack's agent makes for it.
fn make_tls_key(platform: &Platform, origin: &Origin) -> Result<Tls> {
    let host = origin.host();
    let key = match platform.tls_key(host).context("the platform gives no TLS key")? {
        Some(key) => key,
        None => TlsKey::generate(host).with_context(|| format!("a certificate cannot name {host}"))?,
    };
    Ok(Tls::in_tee(&key)?)
}

fn collaterals(from: &CollateralFrom, data_dir: &Path) -> Result<Collaterals> {
    match from {
        CollateralFrom::Bundle(file) => Collaterals::from_bundle(file)
            .with_context(|| format!("{} is not a bundle of collateral", file.display()))
            .context(Hint("write one with `strongroom attestation show --collateral URL`")),
        CollateralFrom::Services { intel, amd } => {
            Ok(Collaterals::from_services(Services::new(intel, amd), Some(&data_dir.join("collateral.json"))))
        }
    }
}
