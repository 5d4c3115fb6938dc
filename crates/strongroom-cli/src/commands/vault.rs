//! `strongroom vault status|recover|release`

use crate::cli::vault::{Vault, VaultRecover, VaultRelease, VaultStatus};
use crate::error::{Hint, tell};
use crate::files;
use crate::streams::{self, Kind};
use crate::trust as policies;
use anyhow::{Result, bail};
use serde_json::json;
use std::path::Path;
use strongroom::backup::Keys;
use strongroom_attest::root_transfer::recovery::RecoveryError;
use strongroom_attest::root_transfer::release_statement::ReleaseStatement;
use strongroom_attest::{Configuration, KeyOrigin, TrustAnchors};
use strongroom_client::{ClientError, Waiting};
use strongroom_root::{recipients, summary};
use time::{Duration, OffsetDateTime};

/// How long a release statement lets replicas in: an upgrade is done within it.
const DEFAULT_LIFETIME: Duration = Duration::days(7);

pub(super) fn run(args: &Vault, roots: &TrustAnchors) -> Result<()> {
    match args {
        Vault::Status(args) => status(args, roots),
        Vault::Recover(args) => recover(args, roots),
        Vault::Release(args) => release(args),
    }
}

fn status(args: &VaultStatus, roots: &TrustAnchors) -> Result<()> {
    let policy = args.trust.policy(&args.url, roots)?;
    let vault = strongroom_client::Vault::at(&args.url)?.attest(&policy)?;
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

/// Verifies the server that waits, opens the root, and brings it.
fn recover(args: &VaultRecover, roots: &TrustAnchors) -> Result<()> {
    let policy = args.trust.policy(&args.server, roots)?;
    let keys = files::identities(&args.identities)?;
    let waiting = Waiting::at(&args.server).map_err(|error| match error {
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

fn release(args: &VaultRelease) -> Result<()> {
    let secrets = [args.words.mnemonic_file.as_deref(), args.words.mnemonic_passphrase_file.as_deref()];
    let secrets: Vec<&Path> = secrets.into_iter().flatten().collect();
    streams::refuse_stdin_twice(secrets.iter().copied().map(Some).chain([Some(&*args.policy)]))?;
    files::refuse_overwriting(&secrets, args.output.as_deref())?;
    let policy = policies::read(&args.policy)?;
    let names_code = policy.intel_tdx.is_some() || policy.amd_sev_snp.is_some() || policy.aws_nitro.is_some();
    if !names_code {
        bail!("{} names no code: it has no [intel-tdx], [amd-sev-snp] or [aws-nitro]", args.policy.display());
    }
    let now = OffsetDateTime::now_utc();
    let not_after = args.not_after.unwrap_or(now + DEFAULT_LIFETIME);
    if not_after <= now {
        bail!("--not-after: this time is over");
    }
    let mnemonic = files::read_mnemonic(
        args.words.mnemonic_file.as_deref(),
        args.words.mnemonic_passphrase_file.as_deref(),
    )?;
    let keys = Keys::strongroom(&mnemonic, args.words.account);
    let statement = ReleaseStatement::sign(keys.signing_key(), args.vault.0, not_after, &policy);
    let json = serde_json::to_string(&statement)? + "\n";
    streams::write(args.output.as_deref(), json.as_bytes(), Kind::Text)?;
    tell(format_args!("signed by {}", keys.public_key()));
    Ok(())
}
