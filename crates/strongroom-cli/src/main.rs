//! The `strongroom` binary. stdout is data, stderr is talk; 0 is success, 1 refused, 2 usage or I/O.

mod args;
mod commands;
mod error;
mod files;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = args::Args::parse();
    match commands::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error::report(&error),
    }
}
