//! The `strongroom` binary, which trusts the platforms' makers alone.

use std::process::ExitCode;
use strongroom_cli::Surroundings;

fn main() -> ExitCode {
    strongroom_cli::main(&Surroundings::default())
}
