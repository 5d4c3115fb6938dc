//! checks/instruction_counts.sh runs this under valgrind. Several keys sign the same digest, and
//! the number of executed instructions must not depend on the key.

use slh_shake::internals::{Backend, sign_digest};
use slh_shake::{ParameterSet, Shake128f};
use std::hint::black_box;

#[test]
#[ignore = "checks/instruction_counts.sh counts what it executes"]
fn sign_by_the_key_of_the_environment() {
    let variable = |name: &str| std::env::var(name).expect("set");
    let (name, key): (String, usize) =
        (variable("STRONGROOM_BACK_END"), variable("STRONGROOM_KEY").parse().expect("a number"));
    let backend = Backend::all()
        .into_iter()
        .find(|backend| backend.name() == name)
        .expect("a back end of this processor");
    // Keys that differ everywhere: all bits 0, all 1, and some.
    let private_key: Vec<u8> = match key {
        0 => vec![0; Shake128f::PRIVATE_KEY_BYTES],
        1 => vec![0xFF; Shake128f::PRIVATE_KEY_BYTES],
        seed => (0..Shake128f::PRIVATE_KEY_BYTES).map(|i| (i * i * seed + seed) as u8).collect(),
    };
    let signature = sign_digest::<Shake128f>(black_box(backend), black_box(&private_key), &[0xA7; 34]);
    assert_eq!(black_box(signature).len(), Shake128f::SIGNATURE_BYTES - Shake128f::N);
}
