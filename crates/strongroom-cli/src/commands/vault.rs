//! `strongroom vault status|recover|release`

use crate::error::{Hint, tell};
use crate::identities::Identities;
use crate::mnemonic_words::Words;
use crate::streams::{self, Kind};
use crate::times::parse_time;
use crate::trust::{self, Trust};
use anyhow::{Result, bail};
use serde_json::json;
use std::path::PathBuf;
use strongroom::backup::Keys;
use strongroom_attest::policy::Hex;
use strongroom_attest::root_transfer::recovery::RecoveryError;
use strongroom_attest::root_transfer::release_statement::ReleaseStatement;
use strongroom_attest::{Configuration, KeyOrigin, TrustAnchors};
use strongroom_client::{ClientError, RecoveryTarget, Vault};
use strongroom_root::{recipients, summary};
use time::{Duration, OffsetDateTime};

/// How long a release statement lets replicas in: an upgrade is done within it.
const DEFAULT_LIFETIME: Duration = Duration::days(7);

/// Look at what protects a vault; bring its root back, or say which code may have it
#[derive(clap::Subcommand)]
pub(crate) enum VaultCommand {
    Status(VaultStatus),
    Recover(VaultRecover),
    Release(VaultRelease),
}

pub(crate) fn run(args: &VaultCommand, roots: &TrustAnchors) -> Result<()> {
    match args {
        VaultCommand::Status(args) => status(args, roots),
        VaultCommand::Recover(args) => recover(args, roots),
        VaultCommand::Release(args) => release(args),
    }
}

/// Say how a vault's root is kept, who could recover it, and what takes it away
///
/// Example:  strongroom vault status https://vault.example
///
/// The server is verified first, and what it says of its settings is what its evidence binds.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct VaultStatus {
    #[command(flatten)]
    pub(crate) trust: Trust,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The server: https://host[:port], or http:// to this machine
    pub(crate) url: String,
}

fn status(args: &VaultStatus, roots: &TrustAnchors) -> Result<()> {
    let policy = args.trust.policy(&args.url, roots)?;
    let vault = Vault::at(&args.url)?.attest(&policy)?;
    let configuration = vault.configuration()?;
    let server = vault.server();
    let vault_id = hex::encode(server.vault_id());
    let text = if args.json {
        let status = json!({
            "vaultId": vault_id,
            "platform": server.platform(),
            "measurement": server.measurement(),
            "configuration": configuration,
        });
        format!("{}\n", serde_json::to_string_pretty(&status)?)
    } else {
        let rows = [("vault", vault_id.as_str()), ("platform", server.platform())];
        rows.iter().map(row).collect::<String>() + &table(&configuration)
    };
    streams::write(None, text.as_bytes(), Kind::Text)
}

fn row((name, value): &(&str, &str)) -> String {
    format!("{name:<12} {value}\n")
}

/// What is set, a line each.
fn table(configuration: &Configuration) -> String {
    let origins = configuration.sign_in_origins.join(" ");
    let rows = [
        ("key", origin(configuration.key_origin)),
        ("root", configuration.protection.meaning()),
        ("recovery", &recipients(configuration)),
        ("lost with", configuration.protection.lost_with()),
        ("handed to", &replicas(configuration)),
        ("sign-ins at", &origins),
        ("storing", if configuration.require_sign_in_to_store { "by who signs in" } else { "by anybody" }),
    ];
    rows.iter().map(row).collect()
}

fn origin(origin: KeyOrigin) -> &'static str {
    match origin {
        KeyOrigin::Imported => "imported: whoever exported it can read what is sealed for it",
        other => other.as_str(),
    }
}

fn replicas(configuration: &Configuration) -> String {
    match &configuration.release_key {
        None => "no other replica".to_owned(),
        Some(key) => format!("code that {} releases", key.owner()),
    }
}

/// Bring a vault's root to a server that waits for it with `strongroom serve --recover`
///
/// Example:  strongroom vault recover -i KEYFILE --server https://a.example --policy policy.toml
///
/// The server is verified first, by the vault's policy of before: the root is sealed to that code and
/// nobody else. Its settings must be those that the policy pins, since they decide who else gets the
/// root; that the key is a recovered one from now on, and the platform another, is no other setting.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct VaultRecover {
    #[command(flatten)]
    pub(crate) identities: Identities,
    /// The server that waits: https://host[:port], or http:// to this machine
    #[arg(long, value_name = "URL", default_value = "http://localhost:3000")]
    pub(crate) server: String,
    #[command(flatten)]
    pub(crate) trust: Trust,
}

/// Verifies the server that waits, opens the root, and brings it.
fn recover(args: &VaultRecover, roots: &TrustAnchors) -> Result<()> {
    let policy = args.trust.policy(&args.server, roots)?;
    let keys = args.identities.read()?;
    let waiting = RecoveryTarget::at(&args.server).map_err(|error| match error {
        ClientError::Refused { status: 404, .. } => anyhow::Error::from(error)
            .context(Hint("start it with `strongroom serve --recover`"))
            .context(format!("{} waits for no root", args.server)),
        other => other.into(),
    })?;
    let shown = waiting.configuration().clone();
    let waiting = waiting.verify(&policy).map_err(|error| match error {
        RecoveryError::Unpinned | RecoveryError::OtherConfiguration => {
            anyhow::Error::from(error).context(Hint(pinning(&shown)))
        }
        other => other.into(),
    })?;
    waiting.recover(&keys).map_err(|error| match error {
        ClientError::Recovery(_) => anyhow::Error::from(error)
            .context(Hint("pass the key of one who could recover it, as the settings name them, with -i")),
        other => other.into(),
    })?;
    let server = waiting.server();
    tell(format_args!(
        "vault {}: the root is back, on platform {}",
        hex::encode(server.vault_id()),
        server.platform()
    ));
    tell(format_args!("{}", summary(waiting.configuration())));
    Ok(())
}

/// How a recipient takes settings that his policy does not pin.
fn pinning(configuration: &Configuration) -> String {
    format!(
        "bring nothing, unless you know these for the vault's settings; then the policy has to say config_digests = [\"{}\"]\n{}",
        hex::encode(configuration.digest()),
        table(configuration).trim_end()
    )
}

/// Sign that the code which a policy takes may have a vault's root, as the vault's release key
///
/// Example:  strongroom vault release --mnemonic-file words.txt --policy new.toml --vault ID -o new.rel
///
/// The policy is what `strongroom attestation policy` drafts of the new image, or its build. A replica
/// shows the statement with `strongroom serve --join URL --release-statement FILE`. The key's public
/// half, for --release-key, is what `strongroom backup keys` shows of the mnemonic; give it words of its
/// own.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct VaultRelease {
    #[command(flatten)]
    pub(crate) words: Words,
    /// Which code: a policy file
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// The vault's id, 64 hex digits: `strongroom vault status` shows it
    #[arg(long, value_name = "HEX", value_parser = parse_vault_id)]
    pub(crate) vault: Hex<32>,
    /// The statement lets nobody in after this RFC 3339 time (default: a week from now)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) not_after: Option<time::OffsetDateTime>,
    /// Write to this file, in place of what is there (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

fn parse_vault_id(text: &str) -> Result<Hex<32>, String> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| "64 hex digits are expected".to_owned())?;
    Ok(Hex(bytes))
}

fn release(args: &VaultRelease) -> Result<()> {
    args.words.check_files(&[Some(&*args.policy)], args.output.as_deref())?;
    let policy = trust::read(&args.policy)?;
    let names_code = policy.intel_tdx.is_some() || policy.amd_sev_snp.is_some() || policy.aws_nitro.is_some();
    if !names_code {
        bail!("{} names no code: it has no [intel-tdx], [amd-sev-snp] or [aws-nitro]", args.policy.display());
    }
    let now = OffsetDateTime::now_utc();
    let not_after = args.not_after.unwrap_or(now + DEFAULT_LIFETIME);
    if not_after <= now {
        bail!("--not-after: this time is over");
    }
    let mnemonic = args.words.read()?;
    let keys = Keys::strongroom(&mnemonic, args.words.account);
    let statement = ReleaseStatement::sign(keys.signing_key(), args.vault.0, not_after, &policy);
    let json = serde_json::to_string(&statement)? + "\n";
    streams::write(args.output.as_deref(), json.as_bytes(), Kind::Text)?;
    tell(format_args!("signed by {}", keys.public_key()));
    Ok(())
}
