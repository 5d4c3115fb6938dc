//! Keccak-f\[1600\] (FIPS 202 §3.4) of several states at once, and its back ends.

pub(crate) mod backend;
mod permutation;
mod portable;
mod proof;
mod rounds;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
mod states;
#[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
mod x86;

pub(crate) use backend::{Backend, Kind, with_lanes};
pub(crate) use permutation::Lanes;
#[cfg(any(test, feature = "internals"))]
pub(crate) use proof::Portable;
pub(crate) use states::{ALL_ROWS, HASH_ROWS, Row, States};

#[cfg(all(test, feature = "internals"))]
mod tests {
    use super::{ALL_ROWS, Backend, Lanes, States, with_lanes};

    /// Each back end permutes other words in every lane, for each number of used lanes.
    /// RustCrypto's permutation gives the same.
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
