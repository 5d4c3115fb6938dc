//! `strongroom vault status`

use crate::args::{Vault, VaultStatus};
use crate::streams::{self, Kind};
use anyhow::Result;
use serde_json::json;
use strongroom_attest::{Configuration, KeyOrigin, Protection, Roots};

pub(super) fn run(args: &Vault, roots: &Roots) -> Result<()> {
    match args {
        Vault::Status(args) => status(args, roots),
    }
}

fn status(args: &VaultStatus, roots: &Roots) -> Result<()> {
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
        let origins = configuration.sign_in_origins.join(" ");
        let rows = [
            ("vault", vault_id.as_str()),
            ("platform", server.platform()),
            ("key", origin(configuration.key_origin)),
            ("root", configuration.protection.meaning()),
            ("recovery", recovery(configuration.key_origin)),
            ("lost with", configuration.protection.lost_with()),
            ("sign-ins at", &origins),
            (
                "storing",
                if configuration.require_sign_in_to_store { "by who signs in" } else { "by anybody" },
            ),
        ];
        rows.iter().map(|(name, value)| format!("{name:<12} {value}\n")).collect()
    };
    streams::write(None, text.as_bytes(), Kind::Text)
}

/// How a server keeps its root, who could bring it back, and what takes it away: on one line, at each start.
pub(super) fn told_at_start(configuration: &Configuration) -> String {
    let Configuration { protection, key_origin, .. } = configuration;
    format!(
        "the root is kept {}; {} could recover it; lost with {}",
        protection.meaning(),
        recovery(*key_origin),
        protection.lost_with()
    )
}

/// Whether it has to be warned of.
pub(super) fn is_insecure(configuration: &Configuration) -> bool {
    configuration.protection == Protection::Plain
}

fn origin(origin: KeyOrigin) -> &'static str {
    match origin {
        KeyOrigin::Imported => "imported: whoever exported it can read what is sealed for it",
        other => other.as_str(),
    }
}

fn recovery(origin: KeyOrigin) -> &'static str {
    match origin {
        KeyOrigin::Imported => "who has the imported key",
        _ => "nobody",
    }
}
