//! The settings of a server, from flags, environment and `strongroom.toml` by one table. Every
//! mistake is reported at once.

mod imported_key;
mod read;
mod table;

pub(crate) use imported_key::imported_key;
pub(crate) use read::Mistakes;
use read::Reader;
pub(crate) use table::{Flags, SETTINGS};

use crate::files;
use crate::passphrases::read_passphrase;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use strongroom::key::{DecapsulationKey, Recipient};
use strongroom::sign_in::Origin;
use strongroom::slh_dsa::PublicKey;
use strongroom_attest::root_transfer::handoff::MAX_STATEMENTS;
use strongroom_attest::root_transfer::release_statement::ReleaseStatement;
use strongroom_root::collateral::{AMD_URL, INTEL_URL};
use strongroom_root::{PlatformChoice, PlatformPaths, SealerChoice, TokenKey};
use strongroom_server::Tls;
use strongroom_server::config::CorsOrigin;
use strongroom_server::limits::{Limits, Rate};
use strongroom_store::{DatabaseUrl, PostgresOptions};
use zeroize::Zeroizing;

const MAX_BODIES_BYTES: u64 = 16 << 30;
/// The most recipients that can recover a root.
const MAX_RECIPIENTS: usize = 16;

/// The settings of a server, checked.
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) data_dir: PathBuf,
    pub(crate) root_file: Option<PathBuf>,
    pub(crate) sealer: SealerChoice,
    pub(crate) recovery: Option<Recovery>,
    pub(crate) recover: bool,
    pub(crate) release_key: Option<PublicKey>,
    pub(crate) join: Option<String>,
    pub(crate) release_statements: Vec<ReleaseStatement>,
    pub(crate) database: Option<(DatabaseUrl, PostgresOptions)>,
    pub(crate) public_url: Option<Origin>,
    pub(crate) sign_in_origins: Vec<Origin>,
    pub(crate) chain_ids: Vec<u64>,
    pub(crate) require_sign_in_to_store: bool,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) tls_in_tee: bool,
    pub(crate) platform: PlatformChoice,
    pub(crate) paths: PlatformPaths,
    pub(crate) collateral: CollateralFrom,
    pub(crate) cors_origins: Vec<CorsOrigin>,
    pub(crate) trusted_hops: usize,
    pub(crate) limits: Limits,
    pub(crate) imported_key: Option<DecapsulationKey>,
    /// Each setting that was set: its name, its value, and where it was set. Secrets are not shown.
    pub(crate) shown: Vec<(&'static str, String, String)>,
}

/// The source of the collateral of the platform's report.
pub(crate) enum CollateralFrom {
    /// A bundle in a file.
    Bundle(PathBuf),
    /// The URLs of Intel's and AMD's services.
    Services { intel: String, amd: String },
}

impl Settings {
    /// Whether this server itself ends the clients' TLS.
    pub(crate) fn speaks_tls(&self) -> bool {
        self.tls.is_some() || self.tls_in_tee
    }

    /// Reads what is set: flags first, then the environment, then the file.
    ///
    /// # Errors
    /// All mistakes together.
    pub(crate) fn read(flags: &Flags) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(flags);
        let settings = Self::read_all(&mut reader);
        Ok(Self { shown: reader.finish()?, ..settings })
    }

    /// Variables of the environment that look like settings, but name no setting.
    pub(crate) fn unknown_variables() -> Vec<String> {
        Reader::unknown_variables()
    }

    fn read_all(reader: &mut Reader<'_>) -> Self {
        let listen = reader.one("listen").unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 3000)));
        let public_url: Option<Origin> = reader.one("public-url");
        if listen.ip().is_unspecified() && public_url.is_none() {
            reader.mistake(format!(
                "listen: {listen} does not say how clients reach this server: set the URL that they use with --public-url"
            ));
        }
        let tls = tls(reader);
        let tls_in_tee = reader.one("tls-in-tee").unwrap_or(false);
        if tls_in_tee && tls.is_some() {
            reader.mistake(
                "tls-in-tee, tls-cert: a key from a file was not made in the TEE: leave one of the two out"
                    .to_owned(),
            );
        }
        if let Some(url) = public_url.as_ref().filter(|_| tls.is_some() || tls_in_tee)
            && !url.to_string().starts_with("https://")
        {
            let name = if tls_in_tee { "tls-in-tee" } else { "tls-cert" };
            reader.mistake(format!("public-url: {url} is not an https:// URL, and {name} is set"));
        }
        let metrics_listen: Option<SocketAddr> = reader.one("metrics-listen");
        if metrics_listen == Some(listen) && listen.port() != 0 {
            reader.mistake(format!(
                "metrics-listen: {listen} is the address of --listen: another address is expected"
            ));
        }
        let imported_key = imported_key().unwrap_or_else(|error| {
            reader.mistake(format!("{error:#}"));
            None
        });
        let recovery: Option<Recovery> = reader.one("recovery");
        let recover = reader.one("recover").unwrap_or(false);
        let release_key: Option<PublicKey> = reader.one("release-key");
        let database = database(reader);
        let join: Option<String> = reader.one("join");
        if recover && join.is_some() {
            reader.mistake("recover, join: both are set, and only one of them can bring the root".to_owned());
        }
        if join.is_some() {
            for (name, is_set) in
                [("release-key", release_key.is_some()), ("database-url", database.is_some())]
            {
                if !is_set {
                    reader.mistake(format!("join: it needs {name}, set as at the other replica"));
                }
            }
        }
        if imported_key.is_some() {
            for name in ["recovery", "recover", "release-key", "join"] {
                if reader.is_set(name) {
                    reader.mistake(format!(
                        "{name}: it cannot be set with an imported key (ADMIN_MLKEM_PRIVATE_KEY): give that key to each replica instead"
                    ));
                }
            }
        }
        Self {
            listen,
            metrics_listen,
            data_dir: reader.one("data-dir").unwrap_or_else(|| PathBuf::from("strongroom-data")),
            root_file: reader.one("root-file"),
            sealer: sealer(reader),
            recovery,
            recover,
            release_key,
            release_statements: release_statements(reader, join.is_some()),
            join,
            database,
            public_url,
            sign_in_origins: reader.many("sign-in-origin"),
            chain_ids: reader.many("chain-id"),
            require_sign_in_to_store: reader.one("require-sign-in-to-store").unwrap_or(false),
            tls,
            tls_in_tee,
            platform: reader.one("platform").unwrap_or_default(),
            paths: paths(reader),
            collateral: collateral(reader),
            cors_origins: reader.many("cors-origin"),
            trusted_hops: reader.bounded("trusted-hops", 0..=16).unwrap_or(0),
            limits: limits(reader),
            imported_key,
            shown: Vec::new(),
        }
    }
}

fn sealer(reader: &mut Reader<'_>) -> SealerChoice {
    let asked = reader.one("root-sealer").unwrap_or_default();
    let passphrase = first_line(reader, "root-passphrase-file");
    let (module, key_label) = (reader.one("hsm-module"), reader.one("hsm-key-label"));
    let pin = first_line(reader, "hsm-pin-file");
    let token = reader.one("hsm-token");
    let choice = passphrase.and_then(|passphrase| {
        let token = TokenKey::new(module, key_label, pin?, token).map_err(|error| error.to_string())?;
        SealerChoice::new(asked, passphrase, token).map_err(|error| error.to_string())
    });
    choice.unwrap_or_else(|mistake| {
        reader.mistake(mistake);
        SealerChoice::default()
    })
}

fn release_statements(reader: &mut Reader<'_>, joins: bool) -> Vec<ReleaseStatement> {
    let files: Vec<PathBuf> = reader.many("release-statement");
    if !files.is_empty() && !joins {
        reader.mistake("release-statement: it is set without join".to_owned());
    }
    if files.len() > MAX_STATEMENTS {
        reader.mistake(format!(
            "release-statement: {} files are named, and {MAX_STATEMENTS} is the most",
            files.len()
        ));
    }
    let read = |file: PathBuf| {
        let statement = files::read(Some(&file)).and_then(|json| Ok(ReleaseStatement::from_json(&json)?));
        statement.map_err(|error| format!("release-statement: {}: {error:#}", file.display()))
    };
    let (mut statements, mut mistakes) = (Vec::new(), Vec::new());
    for file in files {
        match read(file) {
            Ok(statement) => statements.push(statement),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    mistakes.into_iter().for_each(|mistake| reader.mistake(mistake));
    statements
}

/// What `--recovery` takes: `1:KEY,KEY…`, or `none`.
pub(crate) struct Recovery(pub(crate) Vec<Recipient>);

impl FromStr for Recovery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        let (threshold, keys) = text.split_once(':').ok_or("1:KEY, 1:KEY,KEY… or none is expected")?;
        if threshold != "1" {
            return Err(
                "any one of the recipients can bring the root back: write 1 before the colon".to_owned()
            );
        }
        let mut recipients = Vec::new();
        for key in keys.split(',') {
            let recipient: Recipient =
                key.trim().parse().map_err(|error| format!("one of its keys: {error}"))?;
            if recipients.contains(&recipient) {
                return Err("it names a key twice".to_owned());
            }
            recipients.push(recipient);
        }
        if recipients.len() > MAX_RECIPIENTS {
            return Err(format!("it names {} keys, and {MAX_RECIPIENTS} is the most", recipients.len()));
        }
        Ok(Self(recipients))
    }
}

/// The first line of the file that a setting names, if it is set.
fn first_line(reader: &mut Reader<'_>, name: &'static str) -> Result<Option<Zeroizing<String>>, String> {
    let file: Option<PathBuf> = reader.one(name);
    file.map(|file| read_passphrase(&file)).transpose().map_err(|error| format!("{name}: {error:#}"))
}

fn paths(reader: &mut Reader<'_>) -> PlatformPaths {
    let defaults = PlatformPaths::default();
    let (dstack, tsm) = (reader.one("dstack-endpoint"), reader.one("tsm-dir"));
    PlatformPaths { dstack, tsm: tsm.unwrap_or(defaults.tsm), ..PlatformPaths::default() }
}

fn collateral(reader: &mut Reader<'_>) -> CollateralFrom {
    let file: Option<PathBuf> = reader.one("collateral-file");
    let mut service = |name, default: &str| {
        let url: String = reader.one(name).unwrap_or_else(|| default.to_owned());
        if !url.starts_with("https://") && !url.starts_with("http://") {
            reader.mistake(format!("{name}: {url:?}: an https:// or http:// URL is expected"));
        }
        url
    };
    let (intel, amd) = (service("collateral-url", INTEL_URL), service("amd-kds-url", AMD_URL));
    match file {
        None => CollateralFrom::Services { intel, amd },
        Some(file) => {
            for name in ["collateral-url", "amd-kds-url"] {
                if reader.is_set(name) {
                    reader.mistake(format!(
                        "{name}: it is of no use with collateral-file, which fetches nothing"
                    ));
                }
            }
            CollateralFrom::Bundle(file)
        }
    }
}

fn tls(reader: &mut Reader<'_>) -> Option<Arc<Tls>> {
    let certificate: Option<PathBuf> = reader.one("tls-cert");
    let key: Option<PathBuf> = reader.one("tls-key");
    match (certificate, key) {
        (Some(certificate), Some(key)) => match Tls::load(&certificate, &key) {
            Ok(tls) => Some(Arc::new(tls)),
            Err(error) => {
                reader.mistake(format!("tls-cert, tls-key: {:#}", anyhow::Error::from(error)));
                None
            }
        },
        (None, None) => None,
        _ => {
            reader.mistake("tls-cert, tls-key: one is set without the other".to_owned());
            None
        }
    }
}

fn database(reader: &mut Reader<'_>) -> Option<(DatabaseUrl, PostgresOptions)> {
    let url: Option<DatabaseUrl> = reader.one("database-url");
    if url.as_ref().is_some_and(DatabaseUrl::has_password) && reader.is_flag("database-url") {
        reader.mistake(
            "database-url: it holds a password, and every user can see a process's arguments: set STRONGROOM_DATABASE_URL, \
             or --database-url-file"
                .to_owned(),
        );
    }
    let defaults = PostgresOptions::default();
    let authorities: Option<PathBuf> = reader.one("database-ca");
    let connections = reader.bounded("database-connections", 1..=1000).unwrap_or(defaults.max_connections);
    if url.is_none() {
        for name in ["database-ca", "database-connections"] {
            if reader.is_set(name) {
                reader.mistake(format!("{name}: it is set without database-url"));
            }
        }
    }
    if let Some(path) = authorities.as_deref().filter(|path| !is_readable(path)) {
        reader.mistake(format!("database-ca: {} cannot be read", path.display()));
    }
    Some((url?, PostgresOptions { max_connections: connections, authorities }))
}

fn is_readable(path: &Path) -> bool {
    std::fs::File::open(path).is_ok()
}

fn limits(reader: &mut Reader<'_>) -> Limits {
    let defaults = Limits::default();
    let rate = |reader: &mut Reader<'_>, name, default| {
        let given = reader.bounded(name, 0..=1_000_000);
        given.map_or(default, |per_second| Rate::new(u32::try_from(per_second).unwrap_or(u32::MAX)))
    };
    let mut bytes = |name, default| match reader.size(name) {
        Some(bytes @ 1..=MAX_BODIES_BYTES) => bytes as usize,
        Some(_) => {
            reader.mistake(format!("{name}: a size from 1 byte to 16GiB is expected"));
            default
        }
        None => default,
    };
    let max_body_bytes = bytes("max-body", defaults.max_body_bytes);
    let max_bodies_bytes = bytes("max-bodies", defaults.max_bodies_bytes);
    if max_bodies_bytes < max_body_bytes {
        reader.mistake("max-bodies: it is less than max-body, so no body of that size would fit".to_owned());
    }
    Limits {
        address_rate: rate(reader, "address-rate", defaults.address_rate),
        wallet_rate: rate(reader, "wallet-rate", defaults.wallet_rate),
        verification_rate: rate(reader, "verification-rate", defaults.verification_rate),
        backups_an_hour: match reader.bounded("backup-rate", 0..=1_000_000) {
            None => defaults.backups_an_hour,
            Some(uploads) => NonZeroU32::new(u32::try_from(uploads).unwrap_or(u32::MAX)),
        },
        backup_bytes: match reader.size("backup-quota") {
            None => defaults.backup_bytes,
            Some(0) => None,
            bytes => bytes,
        },
        backup_user_ids: defaults.backup_user_ids,
        backup_versions: reader
            .bounded("backup-versions", 1..=1000)
            .and_then(|versions| NonZeroU32::new(u32::try_from(versions).ok()?))
            .unwrap_or(defaults.backup_versions),
        anonymous_bytes_a_day: match reader.size("anonymous-quota") {
            None => defaults.anonymous_bytes_a_day,
            Some(0) => None,
            bytes => bytes,
        },
        anonymous_lifetime: reader.duration("anonymous-lifetime"),
        max_body_bytes,
        max_bodies_bytes,
        max_active: reader.bounded("max-active", 1..=100_000).unwrap_or(defaults.max_active),
        max_waiting: reader.bounded("max-waiting", 0..=1_000_000).unwrap_or(defaults.max_waiting),
        max_connections: reader.bounded("max-connections", 1..=1_000_000).unwrap_or(defaults.max_connections),
        max_connections_per_address: reader
            .bounded("max-connections-per-address", 1..=1_000_000)
            .unwrap_or(defaults.max_connections_per_address),
    }
}
