//! The recipients that something is sealed for.
#![allow(rustdoc::bare_urls, rustdoc::broken_intra_doc_links, reason = "these comments are help texts")]

use crate::envelope_policy::PolicyArgs;
use crate::error::Hint;
use crate::files;
use crate::trust::Trust;
use anyhow::{Context, Result, anyhow, bail};
use std::path::PathBuf;
use strongroom::key::{EncapsulationKey, Recipient};
use strongroom::policy::EnvelopePolicy;
use strongroom::principal::Principal;
use strongroom_attest::TrustAnchors;
use strongroom_client::{Vault, VerifiedServer};

/// For whom something is sealed.
#[derive(clap::Args)]
pub(crate) struct Recipients {
    /// Seal for this public key (can be repeated)
    #[arg(short, long, value_name = "KEY")]
    pub(crate) recipient: Vec<String>,
    /// Seal for every public key in this file, one a line (can be repeated)
    #[arg(short = 'R', long, value_name = "FILE")]
    pub(crate) recipients_file: Vec<PathBuf>,
    /// Seal for this vault too, once it is verified: only it may open it, for the readers
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    #[command(flatten)]
    pub(crate) trust: Trust,
}

impl Recipients {
    pub(crate) fn is_given(&self) -> bool {
        !self.recipient.is_empty() || !self.recipients_file.is_empty() || self.server.is_some()
    }
}

/// The recipients, the vault among them, and the policy, with the vault as its audience.
pub(crate) fn of(
    recipients: &Recipients,
    policy: &PolicyArgs,
    roots: &TrustAnchors,
) -> Result<(Vec<Recipient>, EnvelopePolicy)> {
    let mut keys = read(&recipients.recipient, &recipients.recipients_file)?;
    let mut policy = policy.to_policy()?;
    if let Some(url) = &recipients.server {
        let vault = Vault::at(url)?.attest(&recipients.trust.policy(url, roots)?)?;
        add_vault(&mut keys, &mut policy, vault.server());
    } else if recipients.trust.is_given() {
        return Err(anyhow!(Hint("name the server with --server, or leave it out")).context(
            "--policy, --allow-no-tee and --allow-imported-key are about a server, and none is named",
        ));
    }
    Ok((keys, policy))
}

/// A vault opens nothing for nobody.
pub(crate) fn check_readers(recipients: &Recipients, readers: &[Principal]) -> Result<()> {
    if recipients.server.is_some() && readers.is_empty() {
        return Err(anyhow!(Hint("name the wallets that it may open it for with --reader 0x…"))
            .context("a vault opens nothing for nobody: --server needs --reader"));
    }
    Ok(())
}

/// Seals for a vault too, and for no other.
pub(crate) fn add_vault(keys: &mut Vec<Recipient>, policy: &mut EnvelopePolicy, server: &VerifiedServer) {
    add(keys, server.encapsulation_key().clone().into());
    policy.audience = Some(*server.vault_id());
}

/// The recipients of a w3pk payload, which knows ML-KEM-1024 alone.
pub(crate) fn for_w3pk(keys: Vec<Recipient>) -> Result<Vec<EncapsulationKey>> {
    keys.into_iter()
        .map(|key| match key {
            Recipient::MlKem1024(key) => Ok(key),
            other => Err(anyhow!(Hint("use ML-KEM-1024 keys, or the native format"))
                .context(format!("{} is a hybrid key, which a w3pk payload cannot have", other.id()))),
        })
        .collect()
}

/// The recipients of a flag, such as -r, each once.
pub(crate) fn named(flag: &str, texts: &[String]) -> Result<Vec<Recipient>> {
    let mut keys = Vec::new();
    for (number, text) in (1..).zip(texts) {
        // Not repeated: it might be a secret key by mistake.
        let key = text.parse::<Recipient>().with_context(|| format!("recipient {number} of {flag}"))?;
        add(&mut keys, key);
    }
    Ok(keys)
}

/// The recipients of `-r` and of the files of `-R`, each once.
pub(crate) fn read(texts: &[String], files: &[PathBuf]) -> Result<Vec<Recipient>> {
    let mut keys = named("-r", texts)?;
    for path in files {
        let bytes = files::read(Some(path))?;
        let text = std::str::from_utf8(&bytes).with_context(|| format!("{} is not text", path.display()))?;
        let mut named = (1..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
            .peekable();
        if named.peek().is_none() {
            bail!("{} names no recipient", path.display());
        }
        for (number, line) in named {
            let key = line.trim().parse().with_context(|| format!("{} line {number}", path.display()))?;
            add(&mut keys, key);
        }
    }
    Ok(keys)
}

/// Naming one's own key a second time is no mistake worth stopping for.
pub(crate) fn add(keys: &mut Vec<Recipient>, key: Recipient) {
    if !keys.contains(&key) {
        keys.push(key);
    }
}
