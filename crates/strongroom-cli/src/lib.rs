//! The command line of `strongroom`.
//!
//! Data goes to standard output, and talk to standard error. The exit code is 0 for success, 1 for
//! a refusal, and 2 for a usage or I/O error.

mod cli;
mod commands;
mod env;
mod envelope_policy;
mod error;
mod files;
mod format;
mod identities;
mod mnemonic_words;
mod passphrases;
mod recipients;
mod sealed_input;
mod server;
mod settings;
mod streams;
mod times;
mod trust;

use clap::Parser;
use std::process::ExitCode;

pub use env::Env;

/// Forbids core dumps, which would hold keys. Where the limit cannot be set, the operating system's
/// own limit stays.
fn forbid_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// Runs the command line.
#[must_use]
pub fn main(env: &Env) -> ExitCode {
    forbid_core_dumps();
    let args = cli::Args::parse();
    match args.run(env) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error::report(&error),
    }
}
