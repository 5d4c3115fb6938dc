//! What the tests of several crates share. It depends on none of these crates, and is in no
//! release.

pub mod canned;
pub mod drawn;
pub mod postgres;
pub mod recording_vfs;
pub mod seeded_random;
pub mod tee;

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use base64ct::{Base64, Encoding};
use getrandom::{SysRng, rand_core::UnwrapErr};
use ml_kem::{EncapsulationKey, MlKem1024, kem::Encapsulate};
use std::path::{Path, PathBuf};

/// The operating system's randomness.
#[must_use]
pub fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// The older payload (spec/w3pk.md#older) of `plaintext`, made by other libraries than the
/// product's.
///
/// # Panics
/// If `encapsulation_key` is not valid.
#[must_use]
pub fn older_payload_json(encapsulation_key: &[u8; 1568], plaintext: &[u8]) -> String {
    let key = EncapsulationKey::<MlKem1024>::new(encapsulation_key.into()).expect("an encapsulation key");
    let (kem_ciphertext, shared_secret) = key.encapsulate_with_rng(&mut rng());
    let iv = [0x42; 12];
    let mut data = plaintext.to_vec();
    let tag = Aes256Gcm::new(&shared_secret)
        .encrypt_inout_detached(&iv.into(), &[], data.as_mut_slice().into())
        .expect("short data");
    format!(
        r#"{{"ciphertext":"{}","encryptedData":"{}","iv":"{}","authTag":"{}"}}"#,
        Base64::encode_string(&kem_ciphertext),
        Base64::encode_string(&data),
        Base64::encode_string(&iv),
        Base64::encode_string(&tag),
    )
}

/// The folder of a package that this workspace depends on. Some packages ship vectors.
///
/// # Panics
/// If cargo does not know the package.
#[must_use]
pub fn package_dir(name: &str) -> PathBuf {
    package_dir_of(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), &["--offline"], name)
}

/// The folder of a package that testdata/packages names. Cargo fetches it if it is not there.
///
/// # Panics
/// If it cannot be fetched.
#[must_use]
pub fn fetched_package_dir(name: &str) -> PathBuf {
    package_dir_of(
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/packages/Cargo.toml"),
        &["--locked"],
        name,
    )
}

fn package_dir_of(manifest: &str, options: &[&str], name: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").expect("cargo runs the tests");
    let output = std::process::Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--filter-platform",
            "host-tuple",
            "--manifest-path",
            manifest,
        ])
        .args(options)
        .output()
        .expect("cargo metadata runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let package = packages.iter().find(|package| package["name"] == name).expect("a dependency");
    let manifest = package["manifest_path"].as_str().expect("a path");
    Path::new(manifest).parent().expect("a manifest is in a folder").to_owned()
}
