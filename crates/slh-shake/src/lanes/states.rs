//! Several Keccak states, word by word.

use zeroize::Zeroize;

/// One 64-bit word of each of `LANES` states.
pub(crate) type Row<const LANES: usize> = [u64; LANES];

/// `LANES` Keccak states, word by word. Row `5y + x` has lane (x, y) of each state.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct States<const LANES: usize>(pub(crate) [Row<LANES>; 25]);

impl<const LANES: usize> States<LANES> {
    pub(crate) const fn new() -> Self {
        Self([[0; LANES]; 25])
    }
}

impl<const LANES: usize> Zeroize for States<LANES> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// Rows of a whole state.
pub(crate) const ALL_ROWS: usize = 25;
/// Rows that hold the longest hash, 32 bytes.
pub(crate) const HASH_ROWS: usize = 4;
