//! The parts of an access, each measured by itself.

use crate::client::Client;
use anyhow::{Context, Result};
use std::fs::File;
use std::hint::black_box;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use strongroom::key::DecapsulationKey;
use strongroom::sign_in::{Act, Origin, Rules, WalletStatement};
use strongroom::w3pk::{self, AnyPayload, Generation};
use strongroom::wallet::WalletSignature;
use strongroom::{SlotId, aead, encoding};
use time::OffsetDateTime;

/// Medians, all in microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    /// To parse the statement, check it and recover the signer.
    pub statement: f64,
    /// To parse the payload, decapsulate and open it.
    pub payload: f64,
    /// To unseal the record.
    pub record: f64,
}

/// Measures them on a payload of this many bytes.
pub fn measure(plaintext_bytes: usize) -> Result<Parts> {
    let wallet = crate::client::wallet(1);
    let slot = SlotId::from_bytes([7; 32]);
    let headers = Client::sign(&wallet, &"0".repeat(80), &[Act::Access(slot)])?;
    let text =
        String::from_utf8(encoding::from_base64(&headers[0].1).context("the sign-in header is not base64")?)?;
    let signature: WalletSignature = headers[1].1.parse()?;
    let rules = Rules { origins: vec!["http://localhost".parse::<Origin>()?], chain_ids: vec![] };
    let statement = median(|| {
        let statement = WalletStatement::parse(&text).expect("a statement");
        let now = OffsetDateTime::now_utc();
        black_box(statement.verify(&signature, &Act::Access(slot), &rules, now).expect("signed"));
    });
    let key = DecapsulationKey::from_seed(&[1; 64]);
    let sealed = w3pk::seal(
        &vec![b'x'; plaintext_bytes],
        &[key.encapsulation_key()],
        Generation::Second,
        &mut crate::rng(),
    )?;
    let json = sealed.to_json();
    let payload = median(|| {
        let sealed = AnyPayload::from_json(json.as_bytes()).expect("a payload");
        black_box(sealed.open(&key).expect("opened").expose().len());
    });
    let mut record = json.into_bytes();
    let tag = aead::seal_in_place(&[2; 32], &[0; 12], b"", &mut record);
    let record = median(|| {
        black_box(aead::open(&[2; 32], &[0; 12], b"", &record, &tag).expect("unsealed").len());
    });
    Ok(Parts { statement, payload, record })
}

fn median(mut work: impl FnMut()) -> f64 {
    let mut times: Vec<Duration> = (0..2000)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// The median of fdatasync after 8 KiB written, in microseconds.
pub fn fdatasync(folder: &Path) -> Result<f64> {
    let mut file = File::create(folder.join("fdatasync"))?;
    file.write_all(&vec![0; 64 * 1024])?;
    file.sync_all()?;
    let mut times = Vec::new();
    for n in 0..300_u64 {
        file.seek(SeekFrom::Start(n % 8 * 8192))?;
        file.write_all(&[n as u8; 8192])?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64() * 1e6)
}
