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

/// How long a release statement lets replicas in by default: an upgrade takes less.
const DEFAULT_LIFETIME: Duration = Duration::days(7);

/// See what protects a vault, bring its root back, or sign which code may have it
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

/// Show how a vault's root is kept, who can recover it, and how it would be lost
///
/// Example:  strongroom vault status https://vault.example
///
/// The server is verified first, and the settings that it shows must be those that its evidence
/// binds.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct VaultStatus {
    #[command(flatten)]
    pub(crate) trust: Trust,
    /// Write JSON
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

/// The settings as text, one on each line.
fn table(configuration: &Configuration) -> String {
    let origins = configuration.sign_in_origins.join(" ");
    let rows = [
        ("key", origin(configuration.key_origin)),
        ("root", configuration.protection.meaning()),
        ("recovery", &recipients(configuration)),
        ("lost with", configuration.protection.lost_with()),
        ("handed to", &replicas(configuration)),
        ("sign-ins at", &origins),
        ("storing", if configuration.require_sign_in_to_store { "only with a sign-in" } else { "by anyone" }),
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
        Some(key) => format!("code that {} signed for", key.owner()),
    }
}

/// Bring a vault's root to a server that waits for it with `strongroom serve --recover`
///
/// Example:  strongroom vault recover -i KEYFILE --server https://a.example --policy policy.toml
///
/// The server is verified first, by the policy that the vault had before: the root is sealed only
/// to that code. Its settings must be those that the policy pins, since they decide who else gets
/// the root. Two things may differ: the key counts as recovered from now on, and the platform may
/// be new.
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

/// Verifies the server that waits, opens the root, and sends it.
fn recover(args: &VaultRecover, roots: &TrustAnchors) -> Result<()> {
    let policy = args.trust.policy(&args.server, roots)?;
    let keys = args.identities.read()?;
    let waiting = RecoveryTarget::at(&args.server).map_err(|error| match error {
        ClientError::Refused { status: 404, .. } => anyhow::Error::from(error)
            .context(Hint("start it with `strongroom serve --recover`"))
            .context(format!("{} does not wait for a root", args.server)),
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
            .context(Hint("pass the key of a recovery recipient with -i; the settings name the recipients")),
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

/// Tells a recipient how to accept settings that their policy does not pin.
fn pinning(configuration: &Configuration) -> String {
    format!(
        "bring nothing, unless you know that these are the vault's settings; then the policy has to say config_digests = [\"{}\"]\n{}",
        hex::encode(configuration.digest()),
        table(configuration).trim_end()
    )
}

/// Sign with a vault's release key that the code which a policy accepts may have the vault's root
///
/// Example:  strongroom vault release --mnemonic-file words.txt --policy new.toml \
///               --vault ID -o new.rel
///
/// The policy is drafted by `strongroom attestation policy` from the new image, or by its build. A
/// replica shows the statement with `strongroom serve --join URL --release-statement FILE`. The
/// public half of the key, for --release-key, is shown by `strongroom backup keys`. Use a mnemonic
/// that serves only for this.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct VaultRelease {
    #[command(flatten)]
    pub(crate) words: Words,
    /// A policy file that names the code
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// The vault's id, 64 hex digits: `strongroom vault status` shows it
    #[arg(long, value_name = "HEX", value_parser = parse_vault_id)]
    pub(crate) vault: Hex<32>,
    /// The RFC 3339 time when the statement expires (default: a week from now)
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
        bail!(
            "{} names no code: a policy with [intel-tdx], [amd-sev-snp] or [aws-nitro] is expected",
            args.policy.display()
        );
    }
    let now = OffsetDateTime::now_utc();
    let not_after = args.not_after.unwrap_or(now + DEFAULT_LIFETIME);
    if not_after <= now {
        bail!("--not-after: this time is in the past");
    }
    let mnemonic = args.words.read()?;
    let keys = Keys::strongroom(&mnemonic, args.words.account);
    let statement = ReleaseStatement::sign(keys.signing_key(), args.vault.0, not_after, &policy);
    let json = serde_json::to_string(&statement)? + "\n";
    streams::write(args.output.as_deref(), json.as_bytes(), Kind::Text)?;
    tell(format_args!("signed by {}", keys.public_key()));
    Ok(())
}
