//! Whether the time of a signature depends on the key, after dudect: signatures of one digest by a key that is always the same and by keys that
//! are not, in random order, on each back end of this processor; Welch's t of the two kinds, of all times and of those below percentiles, which
//! leave out what the system does in between. |t| above 4.5 would be a finding.
//!
//!     cargo bench -p slh-shake --bench timing [-- SAMPLES]

use getrandom::SysRng;
use getrandom::rand_core::{Rng, UnwrapErr};
use slh_shake::internals::{Backend, sign_digest, slh_keygen_internal};
use slh_shake::{ParameterSet, Shake128f};
use std::hint::black_box;
use std::time::Instant;

type Set = Shake128f;

/// Welch's t of the times of two kinds that are below a limit.
fn welch(times: &[(bool, f64)], limit: f64) -> f64 {
    let moments = |kind: bool| {
        let times: Vec<f64> =
            times.iter().filter(|(of, time)| *of == kind && *time <= limit).map(|(_, time)| *time).collect();
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((fixed, fixed_error), (random, random_error)) = (moments(true), moments(false));
    (fixed - random) / (fixed_error + random_error).sqrt()
}

fn main() {
    let samples = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(2000);
    let mut rng = UnwrapErr(SysRng);
    let mut random_key = || {
        let mut key = vec![0; Set::PRIVATE_KEY_BYTES];
        rng.fill_bytes(&mut key);
        let root =
            slh_keygen_internal::<Set>(Backend::fastest(), &key[..Set::N], &key[2 * Set::N..3 * Set::N]);
        key[3 * Set::N..].copy_from_slice(&root);
        key
    };
    let fixed = vec![0; Set::PRIVATE_KEY_BYTES];
    let digest = [0xA7; 34];
    for backend in Backend::all() {
        let mut times: Vec<(bool, f64)> = (0..samples)
            .map(|_| {
                // Both kinds make a key, and copy it, before the clock starts.
                let random = random_key();
                let kind = random[0] & 1 == 0;
                let key = if kind { fixed.clone() } else { random };
                let start = Instant::now();
                black_box(sign_digest::<Set>(backend, black_box(&key), &digest));
                (kind, start.elapsed().as_secs_f64() * 1e6)
            })
            .collect();
        // The first ones warm up.
        times.drain(..samples / 20);
        let mut sorted: Vec<f64> = times.iter().map(|(_, time)| *time).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let percentile = |percent: usize| sorted[(sorted.len() - 1) * percent / 100];
        print!("{}: {samples} signatures, median {:.0} µs; t", backend.name(), percentile(50));
        for percent in [100, 95, 80, 50] {
            print!(", {percent} %: {:+.2}", welch(&times, percentile(percent)));
        }
        println!();
    }
}
