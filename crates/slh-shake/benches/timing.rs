//! Tests whether the time of a signature depends on the key, by the method of dudect. One digest is
//! signed by a key that is always the same and by random keys, in random order, on each back end of
//! this processor. Welch's t compares the times of the two kinds: all times, and those below some
//! percentiles, which leave out interruptions by the system. A value of |t| above 4.5 in two runs
//! is a failure.
//!
//!     cargo bench -p slh-shake --bench timing [-- SAMPLES]

use getrandom::SysRng;
use getrandom::rand_core::{Rng, UnwrapErr};
use slh_shake::internals::{Backend, sign_digest};
use slh_shake::{ParameterSet, Shake128f};
use std::hint::black_box;
use std::time::Instant;

type Set = Shake128f;
const THRESHOLD: f64 = 4.5;

/// Welch's t of the times of the two kinds, of those below a limit.
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
    let samples: usize = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(2000);
    assert!(samples >= 100, "a hundred signatures at least");
    // A finding by chance does not repeat.
    let findings =
        Backend::all().into_iter().filter(|backend| found(*backend, samples) && found(*backend, samples));
    let findings: Vec<&str> = findings.map(Backend::name).collect();
    assert!(findings.is_empty(), "the time depends on the key: {findings:?}");
}

/// Whether |t| is above the threshold.
fn found(backend: Backend, samples: usize) -> bool {
    let mut rng = UnwrapErr(SysRng);
    let (fixed, digest) = (vec![0; Set::PRIVATE_KEY_BYTES], [0xA7; 34]);
    let mut key = fixed.clone();
    let mut times: Vec<(bool, f64)> = (0..samples)
        .map(|_| {
            // Before the clock starts, both kinds make a random key and copy their key to the same
            // place.
            let mut random = vec![0; Set::PRIVATE_KEY_BYTES];
            rng.fill_bytes(&mut random);
            let kind = rng.next_u32() & 1 == 0;
            key.copy_from_slice(if kind { &fixed } else { &random });
            let start = Instant::now();
            black_box(sign_digest::<Set>(backend, black_box(&key), &digest));
            (kind, start.elapsed().as_secs_f64() * 1e6)
        })
        .collect();
    // The first times are left out: they warm up caches.
    times.drain(..samples / 20);
    let mut sorted: Vec<f64> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let percentile = |percent: usize| sorted[(sorted.len() - 1) * percent / 100];
    print!("{}: {samples} signatures, median {:.0} µs; t", backend.name(), percentile(50));
    let mut found = false;
    for percent in [100, 95, 80, 50] {
        let t = welch(&times, percentile(percent));
        print!(", {percent} %: {t:+.2}");
        found |= t.is_nan() || t.abs() > THRESHOLD;
    }
    println!();
    found
}
