//! What the vault verbs take.

use super::backup::Words;
use super::{Identities, Trust};
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;
use strongroom_attest::policy::Hex;

/// Look at what protects a vault; bring its root back, or say which code may have it
#[derive(Subcommand)]
pub(crate) enum Vault {
    Status(VaultStatus),
    Recover(VaultRecover),
    Release(VaultRelease),
}

/// Say how a vault's root is kept, who could recover it, and what takes it away
///
/// Example:  strongroom vault status https://vault.example
///
/// The server is verified first, and what it says of its settings is what its evidence binds.
#[derive(ClapArgs)]
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

/// Bring a vault's root to a server that waits for it with `strongroom serve --recover`
///
/// Example:  strongroom vault recover -i KEYFILE --server https://a.example --policy policy.toml
///
/// The server is verified first, by the vault's policy of before: the root is sealed to that code and
/// nobody else. Its settings must be those that the policy pins, since they decide who else gets the
/// root; that the key is a recovered one from now on, and the platform another, is no other setting.
#[derive(ClapArgs)]
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

/// Sign that the code which a policy takes may have a vault's root, as the vault's release key
///
/// Example:  strongroom vault release --mnemonic-file words.txt --policy new.toml --vault ID -o new.rel
///
/// The policy is what `strongroom attestation policy` drafts of the new image, or its build. A replica
/// shows the statement with `strongroom serve --join URL --release-statement FILE`. The key's public
/// half, for --release-key, is what `strongroom backup keys` shows of the mnemonic; give it words of its
/// own.
#[derive(ClapArgs)]
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
    #[arg(long, value_name = "TIME", value_parser = super::parse_time)]
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
