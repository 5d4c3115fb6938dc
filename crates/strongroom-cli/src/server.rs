//! What a server needs before it can serve: its platform, listeners, log, root and store.

mod hints;
mod listen;
mod log;
mod opening;
mod platform;

pub(crate) use hints::{root_hint, sealer_hint};
pub(crate) use listen::{PUBLIC_HINT, asked_to_end, bind, origin_of, runtime};
pub(crate) use log::log_to_stderr;
pub(crate) use opening::{ComingRoot, VaultOpening, VaultPlace};
pub(crate) use platform::find_platform;
