//! Sealing and opening native envelopes of 100 B to 1 GiB for 1, 2 and 64 recipients
//! (docs/reference/performance.md). Keys are loaded before. Up to 1 MB is sealed in memory; 1 GiB
//! is a stream on one thread, from memory to memory. For files there is `bench/files.sh`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::time::Duration;
use strongroom::envelope::{self, Opener, Sealer};
use strongroom::key::{DecapsulationKey, HybridDecapsulationKey, Identity, Recipient};
use strongroom::policy::EnvelopePolicy;
use strongroom_testkit::rng;

const SIZES: [(&str, usize); 3] = [("100_B", 100), ("10_KB", 10_000), ("1_MB", 1_000_000)];
const RECIPIENTS: [usize; 3] = [1, 2, 64];
const GIB: u64 = 1 << 30;

/// So many keys, the last of which opens.
fn keys(count: usize) -> (Identity, Vec<Recipient>) {
    let identity = Identity::from(DecapsulationKey::generate(&mut rng()));
    let others = (1..count).map(|_| DecapsulationKey::generate(&mut rng()).encapsulation_key().into());
    let recipients = others.chain([identity.recipient()]).collect();
    (identity, recipients)
}

fn in_memory(c: &mut Criterion) {
    let mut group = c.benchmark_group("envelope");
    for (name, bytes) in SIZES {
        let plaintext = vec![7; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        for count in RECIPIENTS {
            let (identity, recipients) = keys(count);
            let seal =
                || envelope::seal(black_box(&plaintext), &recipients, EnvelopePolicy::default(), &mut rng());
            group.bench_function(BenchmarkId::new(format!("seal_{name}"), count), |b| b.iter(seal));
            let sealed = seal().expect("recipients").as_bytes().to_vec();
            group.bench_function(BenchmarkId::new(format!("open_{name}"), count), |b| {
                b.iter(|| {
                    let envelope = envelope::Envelope::parse(black_box(&sealed).clone()).expect("our own");
                    envelope.open([&identity]).expect("its recipient")
                });
            });
        }
    }
    let identity = Identity::from(HybridDecapsulationKey::generate(&mut rng()));
    let recipients = [identity.recipient()];
    let seal = || envelope::seal(&[7; 100], &recipients, EnvelopePolicy::default(), &mut rng());
    group.bench_function("hybrid_seal_100_B", |b| b.iter(seal));
    let sealed = seal().expect("a recipient");
    group
        .bench_function("hybrid_open_100_B", |b| b.iter(|| sealed.open([&identity]).expect("its recipient")));
}

fn streams(c: &mut Criterion) {
    let mut group = c.benchmark_group("envelope");
    group.sample_size(10).measurement_time(Duration::from_secs(6)).throughput(Throughput::Bytes(GIB));
    for count in RECIPIENTS {
        let (identity, recipients) = keys(count);
        let sealer = || Sealer::new(&recipients, EnvelopePolicy::default(), &mut rng()).expect("recipients");
        group.bench_function(BenchmarkId::new("seal_1_GiB", count), |b| {
            b.iter(|| sealer().seal(io::repeat(7).take(GIB), io::sink(), NonZeroUsize::MIN).expect("sealed"));
        });
        let mut sealed = Vec::with_capacity(GIB as usize + (GIB as usize >> 9));
        sealer().seal(io::repeat(7).take(GIB), &mut sealed, NonZeroUsize::MIN).expect("sealed");
        group.bench_function(BenchmarkId::new("open_1_GiB", count), |b| {
            b.iter(|| {
                let opener = Opener::new(&sealed[..]).expect("our own");
                opener.open([&identity], io::sink(), NonZeroUsize::MIN).expect("its recipient")
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = in_memory, streams
}
criterion_main!(benches);
