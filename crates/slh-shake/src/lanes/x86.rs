//! The back ends of x86-64: four states in registers of AVX2 or AVX-512VL, eight in those of
//! AVX-512F.
#![expect(
    unsafe_code,
    reason = "functions that need a feature of the processor, and vector loads and stores"
)]

use super::permutation::Lanes;
use super::portable::permute_words;
use super::proof::{Eight, Feature, Four};
use super::rounds::permute;
use super::states::{HASH_ROWS, States};
use crate::address::Places;
use crate::block::{fill, squeeze};
use crate::node::Nodes;
use crate::params::ParameterSet;
use core::arch::x86_64::{
    __m256i, __m512i, _mm256_andnot_si256, _mm256_loadu_si256, _mm256_or_si256, _mm256_rol_epi64,
    _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_slli_epi64, _mm256_srli_epi64, _mm256_storeu_si256,
    _mm256_ternarylogic_epi64, _mm256_xor_si256, _mm512_loadu_si512, _mm512_rol_epi64, _mm512_set1_epi64,
    _mm512_setzero_si512, _mm512_storeu_si512, _mm512_ternarylogic_epi64, _mm512_xor_si512,
};

impl Lanes<4> for Four {
    fn permute<const ROWS: usize>(self, states: &mut States<4>, used: usize) {
        match self.feature() {
            // SAFETY: this value is made only where the processor has AVX2, BMI1 and BMI2.
            Feature::Avx2 => unsafe { permute_avx2::<ROWS>(states, used) },
            // SAFETY: this value is made only where the processor has AVX-512F and AVX-512VL.
            Feature::Avx512Vl => unsafe { four_avx512vl::<4, ROWS>(states) },
        }
    }

    fn hash<P: ParameterSet, const M: usize>(
        self,
        states: &mut States<4>,
        places: &Places<4>,
        node: &mut Nodes<4>,
        more: [&Nodes<4>; M],
        used: usize,
    ) {
        match self.feature() {
            // SAFETY: as in `permute`.
            Feature::Avx2 => unsafe { hash_avx2::<P, M>(states, places, node, more, used) },
            // SAFETY: as in `permute`.
            Feature::Avx512Vl => unsafe { hash_avx512vl::<P, M>(states, places, node, more) },
        }
    }
}

impl Lanes<8> for Eight {
    fn permute<const ROWS: usize>(self, states: &mut States<8>, used: usize) {
        // SAFETY: a value of this type is made only where the processor has AVX-512F and AVX-512VL.
        unsafe { permute_avx512::<ROWS>(states, used) };
    }

    fn hash<P: ParameterSet, const M: usize>(
        self,
        states: &mut States<8>,
        places: &Places<8>,
        node: &mut Nodes<8>,
        more: [&Nodes<8>; M],
        used: usize,
    ) {
        // SAFETY: as in `permute`.
        unsafe { hash_avx512::<P, M>(states, places, node, more, used) };
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn hash_avx2<P: ParameterSet, const M: usize>(
    states: &mut States<4>,
    places: &Places<4>,
    node: &mut Nodes<4>,
    more: [&Nodes<4>; M],
    used: usize,
) {
    fill::<P, 4, M>(states, places, node, more);
    permute_avx2::<HASH_ROWS>(states, used);
    squeeze::<P, 4>(states, node);
}

#[target_feature(enable = "avx512f,avx512vl")]
fn hash_avx512vl<P: ParameterSet, const M: usize>(
    states: &mut States<4>,
    places: &Places<4>,
    node: &mut Nodes<4>,
    more: [&Nodes<4>; M],
) {
    fill::<P, 4, M>(states, places, node, more);
    four_avx512vl::<4, HASH_ROWS>(states);
    squeeze::<P, 4>(states, node);
}

#[target_feature(enable = "avx512f,avx512vl")]
fn hash_avx512<P: ParameterSet, const M: usize>(
    states: &mut States<8>,
    places: &Places<8>,
    node: &mut Nodes<8>,
    more: [&Nodes<8>; M],
    used: usize,
) {
    fill::<P, 8, M>(states, places, node, more);
    permute_avx512::<HASH_ROWS>(states, used);
    squeeze::<P, 8>(states, node);
}

/// A single state takes less time in words, with ANDN and RORX, than in vectors.
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn permute_avx2<const ROWS: usize>(states: &mut States<4>, used: usize) {
    if used > 1 {
        return four_avx2::<ROWS>(states);
    }
    let mut words = states.0.map(|row| row[0]);
    permute_words::<ROWS>(&mut words);
    for (row, word) in states.0.iter_mut().zip(words).take(ROWS) {
        row[0] = word;
    }
}

/// Up to four states take less time in vectors of half the width.
#[target_feature(enable = "avx512f,avx512vl")]
fn permute_avx512<const ROWS: usize>(states: &mut States<8>, used: usize) {
    if used > 4 { eight_avx512::<ROWS>(states) } else { four_avx512vl::<8, ROWS>(states) }
}

/// The first four words of each row.
#[target_feature(enable = "avx2")]
fn load_four<const LANES: usize>(states: &States<LANES>) -> [__m256i; 25] {
    const { assert!(LANES >= 4) };
    // SAFETY: a row has at least 32 bytes; the load asks for no alignment.
    core::array::from_fn(|i| unsafe { _mm256_loadu_si256(states.0[i].as_ptr().cast()) })
}

#[target_feature(enable = "avx2")]
fn store_four<const LANES: usize, const ROWS: usize>(states: &mut States<LANES>, words: [__m256i; 25]) {
    const { assert!(LANES >= 4) };
    for (row, word) in states.0.iter_mut().zip(words).take(ROWS) {
        // SAFETY: a row has at least 32 bytes; the store asks for no alignment.
        unsafe { _mm256_storeu_si256(row.as_mut_ptr().cast(), word) };
    }
}

#[target_feature(enable = "avx2")]
fn four_avx2<const ROWS: usize>(states: &mut States<4>) {
    macro_rules! rol {
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
    store_four::<_, ROWS>(states, a);
}

/// The truth tables of x ⊕ y ⊕ z and of x ⊕ (¬y ∧ z), for VPTERNLOG.
const XOR3: i32 = 0x96;
const CHI: i32 = 0xD2;

#[target_feature(enable = "avx512f,avx512vl")]
fn four_avx512vl<const LANES: usize, const ROWS: usize>(states: &mut States<LANES>) {
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
    store_four::<_, ROWS>(states, a);
}

#[target_feature(enable = "avx512f")]
fn eight_avx512<const ROWS: usize>(states: &mut States<8>) {
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
    for (row, word) in states.0.iter_mut().zip(a).take(ROWS) {
        // SAFETY: a row has 64 bytes; the store asks for no alignment.
        unsafe { _mm512_storeu_si512(row.as_mut_ptr().cast(), word) };
    }
}
