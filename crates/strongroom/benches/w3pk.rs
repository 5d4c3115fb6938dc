//! Sealing and opening w3pk payloads: the rows of docs/reference/performance.md (`rows`), and where
//! their time goes (`parts`). `bench/w3pk.sh` compares them with the npm package.
//!
//! The randomness is the operating system's, so each row pays for its system call.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand_core::Rng;
use std::hint::black_box;
use std::time::Duration;
use strongroom::key::{DecapsulationKey, EncapsulationKey};
use strongroom::w3pk::{self, AnyPayload, Generation, Payload};
use strongroom::{aead, encoding};
use strongroom_testkit::{older_payload_json, rng};

const GENERATIONS: [(&str, Generation); 2] = [("first", Generation::First), ("second", Generation::Second)];
const MIB: usize = 1 << 20;

struct Setup {
    mine: DecapsulationKey,
    recipients: Vec<EncapsulationKey>,
    small: Vec<u8>,
    large: Vec<u8>,
}

impl Setup {
    fn new() -> Self {
        let [mine, other] = [(); 2].map(|()| DecapsulationKey::generate(&mut rng()));
        let recipients = vec![other.encapsulation_key(), mine.encapsulation_key()];
        let random = |bytes| {
            let mut buffer = vec![0; bytes];
            rng().fill_bytes(&mut buffer);
            buffer
        };
        Self { mine, recipients, small: random(100), large: random(MIB) }
    }

    fn seal(&self, plaintext: &[u8], generation: Generation) -> Payload {
        w3pk::seal(plaintext, &self.recipients, generation, &mut rng()).expect("two recipients")
    }
}

fn rows(c: &mut Criterion) {
    let setup = Setup::new();
    let Setup { mine, recipients, small, large } = &setup;
    let packed: Vec<Vec<u8>> = recipients.iter().map(|key| key.as_bytes().to_vec()).collect();
    let mut seed = [0; 64];
    rng().fill_bytes(&mut seed);
    let seeded = DecapsulationKey::from_seed(&seed);
    let for_seeded = [recipients[0].clone(), seeded.encapsulation_key()];
    let expanded = mine.to_expanded();

    let mut group = c.benchmark_group("rows");
    for (name, generation) in GENERATIONS {
        group.bench_function(format!("seal_100_bytes_for_2_keys_from_bytes_{name}"), |b| {
            b.iter(|| {
                let parse = |key| EncapsulationKey::from_bytes(key).expect("a key");
                let recipients: Vec<_> = black_box(&packed).iter().map(|key| parse(key)).collect();
                w3pk::seal(black_box(small), &recipients, generation, &mut rng())
            });
        });
        group.bench_function(format!("seal_100_bytes_for_2_keys_known_{name}"), |b| {
            b.iter(|| setup.seal(black_box(small), generation));
        });
        let payload = setup.seal(small, generation);
        group.bench_function(format!("open_100_bytes_key_loaded_{name}"), |b| {
            b.iter(|| black_box(&payload).open(mine).expect("mine"));
        });
        let for_seeded = w3pk::seal(small, &for_seeded, generation, &mut rng()).expect("two recipients");
        group.bench_function(format!("open_100_bytes_key_from_seed_{name}"), |b| {
            b.iter(|| for_seeded.open(&DecapsulationKey::from_seed(black_box(&seed))).expect("mine"));
        });
        group.bench_function(format!("open_100_bytes_key_from_expanded_{name}"), |b| {
            b.iter(|| {
                let key = DecapsulationKey::from_expanded(black_box(&expanded[..])).expect("a key");
                payload.open(&key).expect("mine")
            });
        });
        group.bench_function(format!("seal_1_mib_for_2_to_json_{name}"), |b| {
            b.iter(|| setup.seal(black_box(large), generation).to_json());
        });
        let json = setup.seal(large, generation).to_json();
        group.bench_function(format!("open_1_mib_from_json_{name}"), |b| {
            b.iter(|| {
                AnyPayload::from_json(black_box(json.as_bytes())).expect("ours").open(mine).expect("mine")
            });
        });
    }
    group.finish();
}

fn parts(c: &mut Criterion) {
    let setup = Setup::new();
    let Setup { mine, recipients, small, large } = &setup;
    let mut group = c.benchmark_group("parts");

    group.bench_function("randomness_108_bytes", |b| {
        let mut bytes = [0; 108];
        b.iter(|| rng().fill_bytes(black_box(&mut bytes)));
    });

    // Keys.
    let (seed, expanded) = ([7; 64], mine.to_expanded());
    group.bench_function("encapsulation_key_from_bytes", |b| {
        b.iter(|| EncapsulationKey::from_bytes(black_box(recipients[0].as_bytes())));
    });
    group.bench_function("decapsulation_key_from_seed", |b| {
        b.iter(|| DecapsulationKey::from_seed(black_box(&seed)));
    });
    group.bench_function("decapsulation_key_from_expanded", |b| {
        b.iter(|| DecapsulationKey::from_expanded(black_box(&expanded[..])).is_ok());
    });

    // The difference of the two is one encapsulation and one wrap.
    for (name, generation) in GENERATIONS {
        for n in [1, 2] {
            group.bench_function(format!("seal_nothing_for_{n}_{name}"), |b| {
                b.iter(|| w3pk::seal(black_box(&[]), &recipients[..n], generation, &mut rng()));
            });
        }
    }
    // One decapsulation, and the tag of no data.
    let older = older_payload_json(mine.encapsulation_key().as_bytes(), b"");
    let older = AnyPayload::from_json(older.as_bytes()).expect("the older shape");
    group.bench_function("decapsulate_and_no_data", |b| {
        b.iter(|| black_box(&older).open(mine).expect("mine"));
    });

    let payload = setup.seal(small, Generation::Second);
    let json = payload.to_json();
    group.bench_function("json_write_2_recipients", |b| b.iter(|| black_box(&payload).to_json()));
    group.bench_function("json_read_2_recipients", |b| {
        b.iter(|| AnyPayload::from_json(black_box(json.as_bytes())).expect("ours"));
    });

    let (key, nonce) = ([1; aead::KEY_BYTES], [2; aead::NONCE_BYTES]);
    for (name, data) in [("100_bytes", small), ("1_mib", large)] {
        group.throughput(Throughput::Bytes(data.len() as u64));
        let mut sealed = data.clone();
        let tag = aead::seal_in_place(&key, &nonce, &[], &mut sealed);
        group.bench_function(format!("aes_gcm_seal_{name}"), |b| {
            let mut data = data.clone();
            b.iter(|| aead::seal_in_place(&key, &nonce, &[], black_box(&mut data)));
        });
        group.bench_function(format!("aes_gcm_open_{name}"), |b| {
            b.iter(|| aead::open(&key, &nonce, &[], black_box(&sealed), &tag).expect("ours"));
        });
    }
    group.bench_function("copy_1_mib", |b| b.iter(|| black_box(large).clone()));
    let text = encoding::base64(large);
    group.bench_function("base64_write_1_mib", |b| b.iter(|| encoding::base64(black_box(large))));
    group.bench_function("base64_read_1_mib", |b| b.iter(|| encoding::from_base64(black_box(&text))));
    group.bench_function("seal_1_mib_for_2", |b| {
        b.iter(|| setup.seal(black_box(large), Generation::Second));
    });
    let payload = setup.seal(large, Generation::Second);
    let json = payload.to_json();
    group.bench_function("json_write_1_mib", |b| b.iter(|| black_box(&payload).to_json()));
    group.bench_function("json_read_1_mib", |b| {
        b.iter(|| AnyPayload::from_json(black_box(json.as_bytes())).expect("ours"));
    });
    group.bench_function("open_1_mib", |b| b.iter(|| black_box(&payload).open(mine).expect("mine")));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = rows, parts
}
criterion_main!(benches);
