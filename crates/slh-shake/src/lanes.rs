//! Keccak-f\[1600\] (FIPS 202 §3.4) of several states at once, and which back end does it.

mod portable;
mod rounds;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
mod x86;

pub(crate) use portable::Portable;

use crate::address::Places;
use crate::hash::{Nodes, fill, squeeze};
use crate::params::ParameterSet;
use zeroize::Zeroize;

/// One 64-bit word of each of `LANES` states.
pub(crate) type Row<const LANES: usize> = [u64; LANES];

/// `LANES` Keccak states, word by word: row `5y + x` has lane (x, y) of each.
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

/// Rows of a state, and those that hold the longest hash.
pub(crate) const ALL_ROWS: usize = 25;
pub(crate) const HASH_ROWS: usize = 4;

/// A way to permute `LANES` states at once.
pub(crate) trait Lanes<const LANES: usize>: Copy + Send + Sync {
    /// Keccak-p\[1600, 24\] of the first `used` states, of which there is at least one: of the result the first `ROWS` rows. What the other
    /// rows and states are afterwards is open.
    fn permute<const ROWS: usize>(self, states: &mut States<LANES>, used: usize);

    /// The hash of `node`, and of one more, in its place. Back ends do all of it in one function that has their vectors: what is stored in
    /// halves and loaded whole waits for the store.
    #[inline(always)]
    fn hash<P: ParameterSet, const M: usize>(
        self,
        states: &mut States<LANES>,
        places: &Places<LANES>,
        node: &mut Nodes<LANES>,
        more: [&Nodes<LANES>; M],
        used: usize,
    ) {
        fill::<P, LANES, M>(states, places, node, more);
        self.permute::<HASH_ROWS>(states, used);
        squeeze::<P, LANES>(states, node);
    }
}

/// What permutes: found out once, and a proof that this processor has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backend(pub(crate) Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Portable(Portable),
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Two(simd128::Two),
    #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
    Four(x86::Four),
    #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
    Eight(x86::Eight),
}

impl Backend {
    /// The fastest that this processor has.
    #[must_use]
    pub fn fastest() -> Self {
        #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
        if let Some(eight) = x86::Eight::avx512() {
            return Self(Kind::Eight(eight));
        } else if let Some(four) = x86::Four::avx2() {
            return Self(Kind::Four(four));
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        let kind = Kind::Two(simd128::Two);
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        let kind = Kind::Portable(Portable);
        Self(kind)
    }

    /// All that this processor has, the slowest first.
    #[cfg(feature = "internals")]
    #[must_use]
    pub fn all() -> alloc::vec::Vec<Self> {
        let mut all = alloc::vec![Self(Kind::Portable(Portable))];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        all.push(Self(Kind::Two(simd128::Two)));
        #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
        {
            let fours = [x86::Four::avx2(), x86::Four::avx512vl()];
            all.extend(fours.into_iter().flatten().map(|four| Self(Kind::Four(four))));
            all.extend(x86::Eight::avx512().map(|eight| Self(Kind::Eight(eight))));
        }
        all
    }

    /// Its name, and how many states it permutes at once.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable(_) => "portable, 1 lane",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Kind::Two(_) => "simd128, 2 lanes",
            #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
            Kind::Four(four) => four.name(),
            #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
            Kind::Eight(_) => "AVX-512, 8 lanes",
        }
    }
}

/// Runs what is written once for whatever number of lanes a back end has.
macro_rules! with_lanes {
    ($backend:expr, |$lanes:ident, $n:ident| $body:expr) => {{
        use crate::lanes::Kind;
        match $backend.0 {
            Kind::Portable($lanes) => {
                const $n: usize = 1;
                $body
            }
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Kind::Two($lanes) => {
                const $n: usize = 2;
                $body
            }
            #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
            Kind::Four($lanes) => {
                const $n: usize = 4;
                $body
            }
            #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
            Kind::Eight($lanes) => {
                const $n: usize = 8;
                $body
            }
        }
    }};
}
pub(crate) use with_lanes;

#[cfg(all(test, feature = "internals"))]
mod tests {
    use super::*;

    /// Other words in every lane, permuted by each back end for each number of used lanes, against RustCrypto's permutation.
    #[test]
    fn every_lane_of_every_back_end_is_keccak() {
        for backend in Backend::all() {
            println!("{}", backend.name());
            with_lanes!(backend, |lanes, LANES| for used in 1..=LANES {
                let mut states = States::<LANES>::new();
                for (i, row) in states.0.iter_mut().enumerate() {
                    for (lane, word) in row.iter_mut().enumerate() {
                        *word = ((25 * lane + i) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    }
                }
                let mut expected: [[u64; 25]; LANES] =
                    core::array::from_fn(|lane| core::array::from_fn(|i| states.0[i][lane]));
                for _ in 0..3 {
                    lanes.permute::<ALL_ROWS>(&mut states, used);
                    for state in &mut expected[..used] {
                        keccak::Keccak::new().with_f1600(|f| f(state));
                    }
                }
                for (lane, state) in expected[..used].iter().enumerate() {
                    let found: [u64; 25] = core::array::from_fn(|i| states.0[i][lane]);
                    assert_eq!(found, *state, "{}, lane {lane} of {used}", backend.name());
                }
            });
        }
    }
}
