//! `strongroom decrypt`

use crate::cli::{Decrypt, Identities};
use crate::commands::encrypt::streams_failed;
use crate::error::Refused;
use crate::files;
use crate::streams::{self, Input, Kind, Output};
use anyhow::{Context, Result};
use std::io::{BufReader, Cursor, Read};
use strongroom::envelope::armor::{ArmorReader, BEGIN};
use strongroom::envelope::{EnvelopeError, MAGIC, Opener, ReadError};
use strongroom::key::Identity;
use strongroom::{OpenError, Plaintext, SealedSecret, w3pk};

pub(crate) fn run(args: &Decrypt) -> Result<()> {
    let output = args.output.as_deref();
    // An older payload does not say which key it is for: then all are tried.
    let source = Source::open(args.input.as_deref())?;
    match source {
        Source::W3pk(bytes) => {
            let keys = files::identities(&args.identities)?;
            let opened = open_payload(&w3pk::AnyPayload::from_json(&bytes)?, &keys)?;
            streams::write(output, opened.expose(), Kind::Opened)
        }
        Source::Envelope(envelope) => {
            let keys = envelope.keys(&args.identities)?;
            let mut output = Output::create(output, Kind::Opened)?;
            let to = output.name().to_owned();
            envelope
                .opener
                .open(&keys, &mut output, envelope.threads)
                .map_err(|error| streams_failed(error, &envelope.name, &to))?;
            output.commit()
        }
    }
}

/// Something sealed, by how it begins.
pub(crate) enum Source {
    /// Whole, in memory.
    W3pk(zeroize::Zeroizing<Vec<u8>>),
    Envelope(Box<EnvelopeSource>),
}

/// An envelope up to its payload.
pub(crate) struct EnvelopeSource {
    pub(crate) opener: Opener<Box<dyn Read + Send>>,
    pub(crate) name: String,
    pub(crate) armored: bool,
    threads: std::num::NonZeroUsize,
}

impl EnvelopeSource {
    /// The key of `-i` that opens it.
    pub(crate) fn keys(&self, identities: &Identities) -> Result<Vec<Identity>> {
        files::identity_for(identities, |identity| self.opener.header().stanza_for(identity).is_some())
    }
}

/// A stream that failed, or armor in it that is none.
pub(crate) fn read_failed(error: std::io::Error, name: &str) -> anyhow::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<EnvelopeError>()) {
        Some(refusal) => (*refusal).into(),
        None => anyhow::Error::from(error).context(format!("cannot read {name}")),
    }
}

impl Source {
    pub(crate) fn open(path: Option<&std::path::Path>) -> Result<Self> {
        let mut input = Input::open(path)?;
        let (name, threads) = (input.name().to_owned(), input.threads());
        let mut begun = Vec::with_capacity(BEGIN.len());
        input
            .by_ref()
            .take(BEGIN.len() as u64)
            .read_to_end(&mut begun)
            .with_context(|| format!("cannot read {name}"))?;
        if begun.is_empty() {
            return Err(Refused(format!("{name} is empty: there is nothing sealed in it")).into());
        }
        let armored = begun.starts_with(b"-----BEGIN");
        // An envelope that is cut, or of another version, is told as one.
        if !armored && !begun.starts_with(&MAGIC[..5]) {
            return Ok(Self::W3pk(input.read_whole(&begun)?));
        }
        let all = Cursor::new(begun).chain(input.with_progress());
        let stream: Box<dyn Read + Send> = if armored {
            Box::new(ArmorReader::new(BufReader::with_capacity(64 * 1024, all)))
        } else {
            Box::new(all)
        };
        let opener = Opener::new(stream).map_err(|error| match error {
            ReadError::Io(error) => anyhow::Error::from(error).context(format!("cannot read {name}")),
            ReadError::Parse(error) => error.into(),
            other => other.into(),
        })?;
        Ok(Self::Envelope(Box::new(EnvelopeSource { opener, name, armored, threads })))
    }
}

/// Opens something in memory with the first key that fits.
pub(crate) fn open(sealed: &SealedSecret, keys: &[Identity]) -> Result<Plaintext, OpenError> {
    match sealed {
        SealedSecret::Envelope(envelope) => envelope.open(keys),
        SealedSecret::W3pk(payload) => open_payload(payload, keys),
    }
}

/// Opens with the first key that fits. An older payload does not say whom it is for, so there "damaged" may mean
/// the next key as well.
fn open_payload(sealed: &w3pk::AnyPayload, keys: &[Identity]) -> Result<Plaintext, OpenError> {
    let mut failure = OpenError::NotMine;
    let keys = keys.iter().filter_map(Identity::ml_kem_1024);
    for key in keys {
        match (sealed.open(key), sealed) {
            (Ok(plaintext), _) => return Ok(plaintext),
            (Err(OpenError::NotMine), _) => {}
            (Err(error), w3pk::AnyPayload::Older(_)) => failure = error,
            (Err(error), w3pk::AnyPayload::Payload(_)) => return Err(error),
        }
    }
    Err(failure)
}
