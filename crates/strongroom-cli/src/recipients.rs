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

/// The recipients that something is sealed for.
#[derive(clap::Args)]
pub(crate) struct Recipients {
    /// Seal for this public key (can be repeated)
    #[arg(short, long, value_name = "KEY")]
    pub(crate) recipient: Vec<String>,
    /// Seal for every public key in this file, one on each line (can be repeated)
    #[arg(short = 'R', long, value_name = "FILE")]
    pub(crate) recipients_file: Vec<PathBuf>,
    /// Seal for this vault too, once it is verified; the vault opens it only for the readers, and
    /// no other vault opens it
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

/// Gives the recipients and the policy. A vault that is named is verified, added to the recipients,
/// and made the policy's audience.
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
        return Err(anyhow!(Hint("name the server with --server, or leave these flags out")).context(
            "--policy, --allow-no-tee and --allow-imported-key apply to a server, and no server is named",
        ));
    }
    Ok((keys, policy))
}

/// Refuses a vault as a recipient where no reader is named: it could open the envelope for nobody.
pub(crate) fn check_readers(recipients: &Recipients, readers: &[Principal]) -> Result<()> {
    if recipients.server.is_some() && readers.is_empty() {
        return Err(anyhow!(Hint("name each wallet that the vault may open it for with --reader 0x…"))
            .context("--server needs at least one --reader"));
    }
    Ok(())
}

/// Adds a vault to the recipients and makes it the policy's audience, so no other vault may open
/// the envelope.
pub(crate) fn add_vault(keys: &mut Vec<Recipient>, policy: &mut EnvelopePolicy, server: &VerifiedServer) {
    add(keys, server.encapsulation_key().clone().into());
    policy.audience = Some(*server.vault_id());
}

/// The recipients of a w3pk payload, which takes only ML-KEM-1024 keys.
pub(crate) fn for_w3pk(keys: Vec<Recipient>) -> Result<Vec<EncapsulationKey>> {
    keys.into_iter()
        .map(|key| match key {
            Recipient::MlKem1024(key) => Ok(key),
            other => Err(anyhow!(Hint("use ML-KEM-1024 keys, or leave out --format")).context(format!(
                "{} is a hybrid key, and a w3pk payload takes only ML-KEM-1024 keys",
                other.id()
            ))),
        })
        .collect()
}

/// Parses the public keys that a flag such as `-r` names. A key that is named twice is kept once.
pub(crate) fn named(flag: &str, texts: &[String]) -> Result<Vec<Recipient>> {
    let mut keys = Vec::new();
    for (number, text) in (1..).zip(texts) {
        // The error does not repeat the text, which might be a secret key by mistake.
        let key = text.parse::<Recipient>().with_context(|| format!("recipient {number} of {flag}"))?;
        add(&mut keys, key);
    }
    Ok(keys)
}

/// Parses the public keys of `-r` and of the files of `-R`. A key that is named twice is kept once.
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
            bail!("{} names no recipient: a public key on each line is expected", path.display());
        }
        for (number, line) in named {
            let key = line.trim().parse().with_context(|| format!("{} line {number}", path.display()))?;
            add(&mut keys, key);
        }
    }
    Ok(keys)
}

/// Adds a key unless it is there. People name their own key twice, and that harms nothing.
pub(crate) fn add(keys: &mut Vec<Recipient>, key: Recipient) {
    if !keys.contains(&key) {
        keys.push(key);
    }
}
