//! The portable back end: one state in ordinary 64-bit words.

use super::permutation::Lanes;
use super::proof::Portable;
use super::rounds::permute;
use super::states::States;

impl Lanes<1> for Portable {
    #[inline(never)]
    fn permute<const ROWS: usize>(self, states: &mut States<1>, _: usize) {
        permute_words::<ROWS>(states.0.as_flattened_mut().try_into().expect("25 words"));
    }
}

/// Inlined, so a caller with more of the processor's instructions uses them here too.
#[inline(always)]
pub(super) fn permute_words<const ROWS: usize>(words: &mut [u64; 25]) {
    macro_rules! rol {
        ($x:expr, $n:literal) => {
            ($x).rotate_left($n)
        };
    }
    let mut a = *words;
    permute!(
        a,
        0_u64,
        |x: u64, y: u64| x ^ y,
        |x: u64, y: u64, z: u64| x ^ y ^ z,
        |x: u64, y: u64, z: u64| x ^ (!y & z),
        rol,
        |constant: u64| constant
    );
    words[..ROWS].copy_from_slice(&a[..ROWS]);
}
