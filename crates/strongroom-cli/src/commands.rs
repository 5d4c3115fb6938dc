//! One file a verb.

mod attestation;
mod backup;
mod config;
mod demo;
pub(crate) mod encrypt;
mod inspect;
mod keygen;
mod pubkey;
mod rewrap;
mod secret;
mod serve;
mod store;
mod vault;

use crate::cli::{Args, Command};
use crate::env::Env;
use anyhow::Result;

/// Runs a verb.
pub(crate) fn run(args: Args, env: &Env) -> Result<()> {
    let roots = &env.roots;
    match args.command {
        Command::Keygen(args) => keygen::run(&args),
        Command::Pubkey(args) => pubkey::run(&args),
        Command::Encrypt(args) => encrypt::run(&args, roots),
        Command::Decrypt(args) => crate::sealed_input::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Rewrap(args) => rewrap::run(&args, roots),
        Command::Secret(args) => secret::run(&args, roots),
        Command::Backup(args) => backup::run(&args, roots),
        Command::Attestation(args) => attestation::run(&args, roots),
        Command::Serve(args) => serve::run(&args, env),
        Command::Config(args) => config::run(&args),
        Command::Store(args) => store::run(&args),
        Command::Vault(args) => vault::run(&args, roots),
        Command::Demo(args) => demo::run(&args, roots),
    }
}
