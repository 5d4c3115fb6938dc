//! The command line with the certificate roots of simulated platforms, for tests. Anyone who holds
//! such a root can forge evidence. It is an example, so it is built with the tests and is in no
//! release.
//!
//! `STRONGROOM_SIMULATED_ROOTS` names a folder with `intel.der`, `amd-milan.der` and `aws.der`; for
//! a file that is missing, the maker's root stays. If `nsm.sock` is in it, that socket is asked in
//! place of `/dev/nsm`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use strongroom_attest::trust_anchors::SnpProduct;
use strongroom_cli::Env;
use strongroom_root::{PlatformError, SecureModule};
use strongroom_testkit::tee::nsm;

#[derive(Debug)]
struct Socket(PathBuf);

impl SecureModule for Socket {
    fn document(&self, user_data: &[u8; 64], nonce: &[u8; 32]) -> Result<Vec<u8>, PlatformError> {
        nsm::ask(&self.0, user_data, nonce)
            .map_err(|source| PlatformError::Io { path: self.0.clone(), source })
    }
}

fn main() -> ExitCode {
    let folder = std::env::var_os("STRONGROOM_SIMULATED_ROOTS").expect("STRONGROOM_SIMULATED_ROOTS is set");
    let folder = PathBuf::from(folder);
    let read = |name: &str| std::fs::read(folder.join(name)).ok();
    let mut env = Env::default();
    let roots = &mut env.roots;
    if let Some(root) = read("intel.der") {
        roots.intel = root.into();
    }
    if let Some(root) = read("amd-milan.der") {
        roots.amd = vec![(SnpProduct::Milan, root.into())];
    }
    if let Some(root) = read("aws.der") {
        roots.aws = root.into();
    }
    let socket = folder.join("nsm.sock");
    if socket.exists() {
        env.nsm = Some(Arc::new(Socket(socket)));
    }
    strongroom_cli::main(&env)
}
