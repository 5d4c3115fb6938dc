//! The command line: its verbs, and which file runs each.

use crate::commands::attestation::{self, AttestationCommand};
use crate::commands::backup::{self, BackupCommand};
use crate::commands::config::{self, ConfigCommand};
use crate::commands::decrypt::{self, Decrypt};
use crate::commands::demo::{self, Demo};
use crate::commands::encrypt::{self, Encrypt};
use crate::commands::inspect::{self, Inspect};
use crate::commands::keygen::{self, Keygen};
use crate::commands::pubkey::{self, Pubkey};
use crate::commands::rewrap::{self, Rewrap};
use crate::commands::secret::{self, SecretCommand};
use crate::commands::serve::{self, Serve};
use crate::commands::store::{self, StoreCommand};
use crate::commands::vault::{self, VaultCommand};
use crate::env::Env;
use anyhow::Result;
use clap::{Parser, Subcommand};

/// A post-quantum secret vault: seal secrets with ML-KEM-1024, keep them in a vault that proves
/// which code it runs.
#[derive(Parser)]
#[command(name = "strongroom", version, arg_required_else_help = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 refused (no key fits, damaged, not trusted, not allowed), 2 usage or I/O."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Keygen(Keygen),
    Pubkey(Pubkey),
    Encrypt(Encrypt),
    Decrypt(Decrypt),
    Inspect(Inspect),
    Rewrap(Rewrap),
    #[command(subcommand)]
    Secret(SecretCommand),
    #[command(subcommand)]
    Backup(BackupCommand),
    #[command(subcommand)]
    Attestation(AttestationCommand),
    Serve(Serve),
    #[command(subcommand)]
    Config(ConfigCommand),
    #[command(subcommand)]
    Store(StoreCommand),
    #[command(subcommand)]
    Vault(VaultCommand),
    Demo(Demo),
}

impl Args {
    /// Runs the verb that was given.
    pub(crate) fn run(&self, env: &Env) -> Result<()> {
        let roots = &env.roots;
        match &self.command {
            Command::Keygen(args) => keygen::run(args),
            Command::Pubkey(args) => pubkey::run(args),
            Command::Encrypt(args) => encrypt::run(args, roots),
            Command::Decrypt(args) => decrypt::run(args),
            Command::Inspect(args) => inspect::run(args),
            Command::Rewrap(args) => rewrap::run(args, roots),
            Command::Secret(args) => secret::run(args, roots),
            Command::Backup(args) => backup::run(args, roots),
            Command::Attestation(args) => attestation::run(args, roots),
            Command::Serve(args) => serve::run(args, env),
            Command::Config(args) => config::run(args),
            Command::Store(args) => store::run(args),
            Command::Vault(args) => vault::run(args, roots),
            Command::Demo(args) => demo::run(args, roots),
        }
    }
}
