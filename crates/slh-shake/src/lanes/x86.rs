//! Four states in AVX2's or AVX-512VL's registers, eight in AVX-512F's.
#![expect(
    unsafe_code,
    reason = "functions that need a feature of the processor, and vector loads and stores"
)]

use super::portable::permute_words;
use super::rounds::permute;
use super::{Lanes, States};
use core::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi64, _mm256_andnot_si256, _mm256_loadu_si256, _mm256_or_si256,
    _mm256_rol_epi64, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_slli_epi64, _mm256_srli_epi64,
    _mm256_storeu_si256, _mm256_ternarylogic_epi64, _mm256_xor_si256, _mm512_loadu_si512, _mm512_rol_epi64,
    _mm512_set1_epi64, _mm512_setzero_si512, _mm512_storeu_si512, _mm512_ternarylogic_epi64,
    _mm512_xor_si512,
};

/// Whether the processor and its system have it: asked at run time where there is `std`, else known from the compiler's target.
macro_rules! has {
    ($($feature:tt),+) => {{
        #[cfg(feature = "std")]
        let has = $(std::arch::is_x86_feature_detected!($feature))&&+;
        #[cfg(not(feature = "std"))]
        let has = cfg!(all($(target_feature = $feature),+));
        has
    }};
}

/// A processor with AVX2, BMI1 and BMI2: the value is the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx2(());

/// A processor with AVX-512F and AVX-512VL: the value is the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx512Vl(());

/// A processor with AVX-512F and AVX-512VL, of which the longest vectors are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx512(Avx512Vl);

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        has!("avx2", "bmi1", "bmi2").then_some(Self(()))
    }
}

impl Avx512Vl {
    pub(super) fn detect() -> Option<Self> {
        has!("avx512f", "avx512vl").then_some(Self(()))
    }
}

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        Avx512Vl::detect().map(Self)
    }
}

impl Lanes<4> for Avx2 {
    fn permute(self, states: &mut States<4>, used: usize) {
        if used == 1 {
            let mut words = states.0.map(|row| row[0]);
            // SAFETY: a value of this type is made only where the processor has BMI1 and BMI2.
            unsafe { one_bmi(&mut words) };
            for (row, word) in states.0.iter_mut().zip(words) {
                row[0] = word;
            }
        } else {
            // SAFETY: a value of this type is made only where the processor has AVX2.
            unsafe { four_avx2(states) };
        }
    }
}

impl Lanes<4> for Avx512Vl {
    fn permute(self, states: &mut States<4>, _: usize) {
        // SAFETY: a value of this type is made only where the processor has AVX-512F and AVX-512VL.
        unsafe { four_avx512vl(states) };
    }
}

impl Lanes<8> for Avx512 {
    fn permute(self, states: &mut States<8>, used: usize) {
        if used <= 4 {
            // SAFETY: as below.
            unsafe { four_avx512vl(states) };
        } else {
            // SAFETY: a value of this type is made only where the processor has AVX-512F and AVX-512VL.
            unsafe { eight_avx512(states) };
        }
    }
}

/// One state, with ANDN and RORX.
#[target_feature(enable = "bmi1,bmi2")]
fn one_bmi(words: &mut [u64; 25]) {
    permute_words(words);
}

/// The first four words of each row.
#[target_feature(enable = "avx2")]
fn load_four<const N: usize>(states: &States<N>) -> [__m256i; 25] {
    const { assert!(N >= 4) };
    // SAFETY: a row has at least 32 bytes; the load asks for no alignment.
    core::array::from_fn(|i| unsafe { _mm256_loadu_si256(states.0[i].as_ptr().cast()) })
}

#[target_feature(enable = "avx2")]
fn store_four<const N: usize>(states: &mut States<N>, words: [__m256i; 25]) {
    const { assert!(N >= 4) };
    for (row, word) in states.0.iter_mut().zip(words) {
        // SAFETY: a row has at least 32 bytes; the store asks for no alignment.
        unsafe { _mm256_storeu_si256(row.as_mut_ptr().cast(), word) };
    }
}

#[target_feature(enable = "avx2")]
fn four_avx2(states: &mut States<4>) {
    macro_rules! rol {
        ($x:expr, 0) => {
            $x
        };
        // Additions run where shifts do not.
        ($x:expr, 1) => {{
            let x = $x;
            _mm256_or_si256(_mm256_add_epi64(x, x), _mm256_srli_epi64::<63>(x))
        }};
        ($x:expr, $n:literal) => {{
            let x = $x;
            _mm256_or_si256(_mm256_slli_epi64::<$n>(x), _mm256_srli_epi64::<{ 64 - $n }>(x))
        }};
    }
    let mut a = load_four(states);
    permute!(
        a,
        _mm256_setzero_si256(),
        |x, y| _mm256_xor_si256(x, y),
        |x, y, z| _mm256_xor_si256(_mm256_xor_si256(x, y), z),
        |x, y, z| _mm256_xor_si256(x, _mm256_andnot_si256(y, z)),
        rol,
        |constant: u64| _mm256_set1_epi64x(constant.cast_signed())
    );
    store_four(states, a);
}

/// The truth tables of x ⊕ y ⊕ z and of x ⊕ (¬y ∧ z), for VPTERNLOG.
const XOR3: i32 = 0x96;
const CHI: i32 = 0xD2;

#[target_feature(enable = "avx512f,avx512vl")]
fn four_avx512vl<const N: usize>(states: &mut States<N>) {
    macro_rules! rol {
        ($x:expr, $n:literal) => {
            _mm256_rol_epi64::<$n>($x)
        };
    }
    let mut a = load_four(states);
    permute!(
        a,
        _mm256_setzero_si256(),
        |x, y| _mm256_xor_si256(x, y),
        |x, y, z| _mm256_ternarylogic_epi64::<XOR3>(x, y, z),
        |x, y, z| _mm256_ternarylogic_epi64::<CHI>(x, y, z),
        rol,
        |constant: u64| _mm256_set1_epi64x(constant.cast_signed())
    );
    store_four(states, a);
}

#[target_feature(enable = "avx512f")]
fn eight_avx512(states: &mut States<8>) {
    macro_rules! rol {
        ($x:expr, $n:literal) => {
            _mm512_rol_epi64::<$n>($x)
        };
    }
    // SAFETY: a row has 64 bytes; the load asks for no alignment.
    let mut a: [__m512i; 25] =
        core::array::from_fn(|i| unsafe { _mm512_loadu_si512(states.0[i].as_ptr().cast()) });
    permute!(
        a,
        _mm512_setzero_si512(),
        |x, y| _mm512_xor_si512(x, y),
        |x, y, z| _mm512_ternarylogic_epi64::<XOR3>(x, y, z),
        |x, y, z| _mm512_ternarylogic_epi64::<CHI>(x, y, z),
        rol,
        |constant: u64| _mm512_set1_epi64(constant.cast_signed())
    );
    for (row, word) in states.0.iter_mut().zip(a) {
        // SAFETY: a row has 64 bytes; the store asks for no alignment.
        unsafe { _mm512_storeu_si512(row.as_mut_ptr().cast(), word) };
    }
}
