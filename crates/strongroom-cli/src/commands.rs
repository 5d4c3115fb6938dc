//! One file a verb.

mod attestation;
mod backup;
mod config;
mod decrypt;
mod demo;
mod encrypt;
mod inspect;
mod keygen;
mod policies;
mod pubkey;
mod recipients;
mod rewrap;
mod secret;
pub(crate) mod serve;
mod store;
mod vault;

use crate::Surroundings;
use crate::args::{Args, Command};
use anyhow::Result;

/// Runs a verb.
pub(crate) fn run(args: Args, surroundings: &Surroundings) -> Result<()> {
    let roots = &surroundings.roots;
    match args.command {
        Command::Keygen(args) => keygen::run(&args),
        Command::Pubkey(args) => pubkey::run(&args),
        Command::Encrypt(args) => encrypt::run(&args, roots),
        Command::Decrypt(args) => decrypt::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Rewrap(args) => rewrap::run(&args, roots),
        Command::Secret(args) => secret::run(&args, roots),
        Command::Backup(args) => backup::run(&args, roots),
        Command::Attestation(args) => attestation::run(&args, roots),
        Command::Serve(args) => serve::run(&args, surroundings),
        Command::Config(args) => config::run(&args),
        Command::Store(args) => store::run(&args),
        Command::Vault(args) => vault::run(&args, roots),
        Command::Demo(args) => demo::run(&args, roots),
    }
}

/// The operating system's randomness.
fn rng() -> getrandom::rand_core::UnwrapErr<getrandom::SysRng> {
    getrandom::rand_core::UnwrapErr(getrandom::SysRng)
}
