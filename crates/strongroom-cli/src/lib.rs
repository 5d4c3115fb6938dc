//! The command line of `strongroom`. stdout is data, stderr is talk; 0 is success, 1 refused, 2 usage or I/O.

mod args;
mod commands;
mod error;
mod files;
mod sealing;
mod settings;
mod streams;

use clap::Parser;
use std::process::ExitCode;
use std::sync::Arc;
use strongroom_attest::Roots;
use strongroom_root::SecureModule;

/// A core dump would hold keys. Where the limit cannot be set, the operating system's stands.
fn forbid_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// What the command line trusts and runs on. The default is the world as it is; tests have another.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Who vouches for the platforms of servers.
    pub roots: Roots,
    /// What stands in for `/dev/nsm`.
    pub nsm: Option<Arc<dyn SecureModule>>,
}

/// Runs the command line.
#[must_use]
pub fn main(surroundings: &Surroundings) -> ExitCode {
    forbid_core_dumps();
    let args = args::Args::parse();
    match commands::run(args, surroundings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error::report(&error),
    }
}
