//! The `strongroom` binary, which trusts only the certificate roots of the platforms' makers.

use std::process::ExitCode;
use strongroom_cli::Env;

fn main() -> ExitCode {
    strongroom_cli::main(&Env::default())
}
