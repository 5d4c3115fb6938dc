//! Two states in WebAssembly's vectors. A build must enable them (`-C target-feature=+simd128`),
//! since a module cannot ask at run time.

use super::permutation::Lanes;
use super::proof::Two;
use super::rounds::permute;
use super::states::States;
use core::arch::wasm32::{
    u64x2, u64x2_extract_lane, u64x2_shl, u64x2_shr, u64x2_splat, v128, v128_andnot, v128_or, v128_xor,
};

impl Lanes<2> for Two {
    #[inline(never)]
    fn permute<const ROWS: usize>(self, states: &mut States<2>, _: usize) {
        macro_rules! rol {
            ($x:expr, $n:literal) => {{
                let x = $x;
                v128_or(u64x2_shl(x, $n), u64x2_shr(x, (64 - $n) % 64))
            }};
        }
        let mut a: [v128; 25] = states.0.map(|[first, second]| u64x2(first, second));
        permute!(
            a,
            u64x2_splat(0),
            |x, y| v128_xor(x, y),
            |x, y, z| v128_xor(v128_xor(x, y), z),
            |x, y, z| v128_xor(x, v128_andnot(z, y)),
            rol,
            |constant: u64| u64x2_splat(constant)
        );
        for (row, word) in states.0.iter_mut().zip(a).take(ROWS) {
            *row = [u64x2_extract_lane::<0>(word), u64x2_extract_lane::<1>(word)];
        }
    }
}
