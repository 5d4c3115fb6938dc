//! Trials of the real binary: what it does under load, when it is killed, when its database goes away; and how fast.
//!
//! `tests/` are short and part of `./check`. The programs are long, and give the figures of
//! docs/explanation/reliability.md and docs/reference/performance.md.
#![allow(
    clippy::missing_errors_doc,
    reason = "they are those of the network and the server's, told as they come"
)]

pub mod bench;
pub mod client;
pub mod kill;
pub mod kill_pushes;
pub mod ledger;
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
