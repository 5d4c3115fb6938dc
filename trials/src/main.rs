//! The long trials, as one program. `cargo build --release` builds it and the binary that it tries.
//!
//!     trials soak sqlite|postgres KILLS [backups]     docs/explanation/reliability.md
//!     trials http [SECONDS [store]]                   docs/reference/performance.md
//!     trials backups [SECONDS]                        docs/reference/performance.md
//!     trials curve sqlite|postgres [LARGEST]          docs/reference/performance.md
//!     trials sign_ins ADDRESS COUNT                   for checks/schemathesis.sh

use anyhow::{Result, bail};
use std::process::ExitCode;
use strongroom_trials::load::peers::{ECHO, echo};
use strongroom_trials::programs::{backups, curve, http, sign_ins, soak};
use tokio::runtime::Builder;

fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    // A load of one thread leaves the other cores to what it measures. The other programs run as a
    // server would.
    let mut runtime = match name.as_str() {
        "http" | "curve" | "backups" => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    runtime.enable_all().build()?.block_on(async {
        match name.as_str() {
            "soak" => soak::run(arguments).await,
            "http" => http::run(arguments).await,
            "backups" => backups::run(arguments).await,
            "curve" => curve::run(arguments).await,
            "sign_ins" => sign_ins::run(arguments).await,
            ECHO => echo().await.map(|()| ExitCode::SUCCESS),
            _ => bail!("{name:?} is not a trial: soak, http, backups, curve or sign_ins is expected"),
        }
    })
}
