//! The operating system's randomness, for callers that are not pure. The library itself takes
//! randomness as an argument.

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;

/// The operating system's randomness.
///
/// # Panics
/// When it is read and the system has none. No key could be made then.
#[must_use]
pub fn os_rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}
