//! Randomness that was drawn before, for vectors that record it.

use getrandom::rand_core::{TryCryptoRng, TryRng};
use std::convert::Infallible;

/// Gives these bytes in their order.
#[derive(Debug, Clone)]
pub struct Drawn(pub Vec<u8>);

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("bytes are drawn")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("bytes are drawn")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let rest = self.0.split_off(out.len());
        out.copy_from_slice(&std::mem::replace(&mut self.0, rest));
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}
