//! The `strongroom` binary, which trusts the platforms' makers alone.

use std::process::ExitCode;
use strongroom_attest::Roots;

fn main() -> ExitCode {
    strongroom_cli::main(&Roots::default())
}
