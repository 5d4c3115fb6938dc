//! One file a verb.

mod backup;
mod config;
mod decrypt;
mod demo;
mod encrypt;
mod inspect;
mod keygen;
mod pubkey;
mod recipients;
mod rewrap;
mod secret;
pub(crate) mod serve;
mod store;

use crate::args::{Args, Command};
use anyhow::Result;

pub(crate) fn run(args: Args) -> Result<()> {
    match args.command {
        Command::Keygen(args) => keygen::run(&args),
        Command::Pubkey(args) => pubkey::run(&args),
        Command::Encrypt(args) => encrypt::run(&args),
        Command::Decrypt(args) => decrypt::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Rewrap(args) => rewrap::run(&args),
        Command::Secret(args) => secret::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Store(args) => store::run(&args),
        Command::Demo(args) => demo::run(&args),
    }
}

/// The operating system's randomness.
fn rng() -> getrandom::rand_core::UnwrapErr<getrandom::SysRng> {
    getrandom::rand_core::UnwrapErr(getrandom::SysRng)
}
