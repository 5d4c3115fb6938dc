//! The command line with the roots of simulated platforms, for tests: whoever makes those roots can forge any evidence. It is an
//! example so that it is built with the tests and is in no release.
//!
//! `STRONGROOM_SIMULATED_ROOTS` names a folder with `intel.der`, `amd-milan.der` and `aws.der`; what is missing stays the maker's.

use std::path::PathBuf;
use std::process::ExitCode;
use strongroom_attest::Roots;
use strongroom_attest::roots::SnpProduct;

fn main() -> ExitCode {
    let folder = std::env::var_os("STRONGROOM_SIMULATED_ROOTS").expect("STRONGROOM_SIMULATED_ROOTS is set");
    let read = |name: &str| std::fs::read(PathBuf::from(&folder).join(name)).ok();
    let mut roots = Roots::default();
    if let Some(root) = read("intel.der") {
        roots.intel = root.into();
    }
    if let Some(root) = read("amd-milan.der") {
        roots.amd = vec![(SnpProduct::Milan, root.into())];
    }
    if let Some(root) = read("aws.der") {
        roots.aws = root.into();
    }
    strongroom_cli::main(&roots)
}
