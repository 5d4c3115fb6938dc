//! The `strongroom` binary, which trusts the platforms' makers alone.

use std::process::ExitCode;
use strongroom_cli::Env;

fn main() -> ExitCode {
    strongroom_cli::main(&Env::default())
}
