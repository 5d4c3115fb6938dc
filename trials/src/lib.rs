//! Trials of the real binary: under load, when it or its database is killed, and how fast it is.
//!
//! `tests/` are short and part of `./check`. The programs are long, and give
//! docs/explanation/reliability.md and docs/reference/performance.md their figures.
#![allow(
    clippy::missing_errors_doc,
    reason = "they are those of the network and the server's, told as they come"
)]

pub mod client;
pub mod kill;
pub mod kill_pushes;
pub mod ledger;
pub mod load;
pub mod programs;
pub mod server;
pub mod store;
pub mod wallets;

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;

/// The operating system's randomness.
fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}
