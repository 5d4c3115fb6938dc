//! The rounds of Keccak-p\[1600, 24\] (FIPS 202 §3.2 and §3.3), written once for words and for
//! vectors of words.

/// The round constants RC of ι (FIPS 202 §3.2.5).
pub(super) const ROUND_CONSTANTS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808A,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808B,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008A,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000A,
    0x0000_0000_8000_808B,
    0x8000_0000_0000_008B,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800A,
    0x8000_0000_8000_000A,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// Permutes `$a`, an array of 25 words or vectors. `$xor3` is x ⊕ y ⊕ z, `$chi` is x ⊕ (¬y ∧ z),
/// and `rol!` is a rotation to the left by a literal.
///
/// A round reads one array and writes another, a plane of five at a time. So few vectors are alive
/// at once that sixteen registers are nearly enough. The macro is used inside the function that
/// enables the processor's feature, where the intrinsics are safe to call.
macro_rules! permute {
    ($a:ident, $zero:expr, $xor:expr, $xor3:expr, $chi:expr, $rol:ident, $splat:expr) => {{
        use super::rounds::ROUND_CONSTANTS;
        macro_rules! plane {
            ($from:ident, $to:ident, $d:ident, $y:literal, [$i0:literal $x0:literal $r0:tt, $i1:literal $x1:literal $r1:tt,
              $i2:literal $x2:literal $r2:tt, $i3:literal $x3:literal $r3:tt, $i4:literal $x4:literal $r4:tt]) => {{
                let b0 = $rol!($xor($from[$i0], $d[$x0]), $r0);
                let b1 = $rol!($xor($from[$i1], $d[$x1]), $r1);
                let b2 = $rol!($xor($from[$i2], $d[$x2]), $r2);
                let b3 = $rol!($xor($from[$i3], $d[$x3]), $r3);
                let b4 = $rol!($xor($from[$i4], $d[$x4]), $r4);
                $to[$y] = $chi(b0, b1, b2);
                $to[$y + 1] = $chi(b1, b2, b3);
                $to[$y + 2] = $chi(b2, b3, b4);
                $to[$y + 3] = $chi(b3, b4, b0);
                $to[$y + 4] = $chi(b4, b0, b1);
            }};
        }
        macro_rules! round {
            ($from:ident, $to:ident, $constant:expr) => {{
                // θ
                let c: [_; 5] = core::array::from_fn(|x| {
                    $xor3($xor3($from[x], $from[x + 5], $from[x + 10]), $from[x + 15], $from[x + 20])
                });
                let d: [_; 5] = core::array::from_fn(|x| $xor(c[(x + 4) % 5], $rol!(c[(x + 1) % 5], 1)));
                // ρ, π and χ: word, column and rotation of what goes into each plane.
                plane!($from, $to, d, 0, [0 0 0, 6 1 44, 12 2 43, 18 3 21, 24 4 14]);
                plane!($from, $to, d, 5, [3 3 28, 9 4 20, 10 0 3, 16 1 45, 22 2 61]);
                plane!($from, $to, d, 10, [1 1 1, 7 2 6, 13 3 25, 19 4 8, 20 0 18]);
                plane!($from, $to, d, 15, [4 4 27, 5 0 36, 11 1 10, 17 2 15, 23 3 56]);
                plane!($from, $to, d, 20, [2 2 62, 8 3 55, 14 4 39, 15 0 41, 21 1 2]);
                // ι
                $to[0] = $xor($to[0], $splat($constant));
            }};
        }
        let mut other = [$zero; 25];
        let mut round = 0;
        while round < 22 {
            round!($a, other, ROUND_CONSTANTS[round]);
            round!(other, $a, ROUND_CONSTANTS[round + 1]);
            round += 2;
        }
        // The last rounds are not in the loop, so the compiler drops what the caller does not need
        // of them.
        round!($a, other, ROUND_CONSTANTS[22]);
        round!(other, $a, ROUND_CONSTANTS[23]);
    }};
}
pub(super) use permute;
