//! The archive in a native backup's envelope: manifest and data (spec/backup.md#archive).

use super::archive::UnixSeconds;
use super::keys::Keys;
use super::restore_error::RestoreError;
use super::statement::MAX_COUNTER;
use crate::envelope::{self, Envelope};
use crate::key::Recipient;
use crate::policy::{EnvelopePolicy, MAX_UNIX_SECONDS};
use minicbor::{Decoder, Encoder};
use rand_core::CryptoRng;
use std::convert::Infallible;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const MAX_MANIFEST_BYTES: usize = 1024;
const CONTENT_TYPE: &str = "application/json";

/// Describes the data, and precedes it in the envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) created: UnixSeconds,
    pub(super) counter: u64,
    /// SHA-256 of the data.
    pub(super) sha256: [u8; 32],
}

impl Manifest {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(80);
        let mut e = Encoder::new(&mut bytes);
        let written: Result<_, minicbor::encode::Error<Infallible>> = (|| {
            e.array(5)?.u8(VERSION)?.u64(self.created)?.u64(self.counter)?;
            e.bytes(&self.sha256)?.str(CONTENT_TYPE)?.ok()
        })();
        written.expect("writing to memory does not fail");
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut d = Decoder::new(bytes);
        if (d.array().ok()?, d.u8().ok()?) != (Some(5), VERSION) {
            return None;
        }
        let (created, counter) = (d.u64().ok()?, d.u64().ok()?);
        let sha256 = d.bytes().ok()?.try_into().ok()?;
        let manifest = Self { created, counter, sha256 };
        let bounded = created <= MAX_UNIX_SECONDS && (1..=MAX_COUNTER).contains(&counter);
        // This check covers the content type too: it has one value until there is a second kind of
        // archive.
        (bounded && manifest.to_bytes() == bytes).then_some(manifest)
    }
}

pub(super) fn seal(
    manifest: &Manifest,
    data: &[u8],
    recipient: &Recipient,
    rng: &mut impl CryptoRng,
) -> Envelope {
    let manifest = manifest.to_bytes();
    let length = u32::try_from(manifest.len()).expect("a manifest is short");
    let mut plaintext = Zeroizing::new(Vec::with_capacity(4 + manifest.len() + data.len()));
    plaintext.extend_from_slice(&length.to_be_bytes());
    plaintext.extend_from_slice(&manifest);
    plaintext.extend_from_slice(data);
    envelope::seal(&plaintext, std::slice::from_ref(recipient), EnvelopePolicy::default(), rng)
        .expect("one recipient and no policy are within every bound")
}

pub(super) fn open(envelope: &Envelope, keys: &Keys) -> Result<(Manifest, Zeroizing<Vec<u8>>), RestoreError> {
    let plaintext = envelope.open([&keys.ml_kem_1024()])?;
    let split = || {
        let (length, rest) = plaintext.expose().split_first_chunk()?;
        let length = u32::from_be_bytes(*length) as usize;
        let (manifest, data) = rest.split_at_checked(length).filter(|_| length <= MAX_MANIFEST_BYTES)?;
        Some((Manifest::from_bytes(manifest)?, Zeroizing::new(data.to_vec())))
    };
    split().ok_or(RestoreError::NoArchive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_has_one_encoding_and_bounds() {
        let manifest = Manifest { created: 1_800_000_000, counter: 7, sha256: [1; 32] };
        let bytes = manifest.to_bytes();
        assert_eq!(Manifest::from_bytes(&bytes), Some(manifest.clone()));
        for cut in 0..bytes.len() {
            assert_eq!(Manifest::from_bytes(&bytes[..cut]), None, "{cut} bytes");
        }
        assert_eq!(Manifest::from_bytes(&[&bytes[..], &[0]].concat()), None);
        for wrong in [
            Manifest { counter: 0, ..manifest.clone() },
            Manifest { counter: MAX_COUNTER + 1, ..manifest.clone() },
            Manifest { created: MAX_UNIX_SECONDS + 1, ..manifest.clone() },
        ] {
            assert_eq!(Manifest::from_bytes(&wrong.to_bytes()), None);
        }
        let text = [&bytes[..bytes.len() - 4], b"text"].concat();
        assert_eq!(Manifest::from_bytes(&text), None, "another content type");
    }
}
