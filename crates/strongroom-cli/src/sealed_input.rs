//! Inputs that hold something sealed: an envelope, in armor or not, or a w3pk payload.

use crate::error::Refused;
use crate::identities::Identities;
use crate::streams::Input;
use anyhow::{Context, Result};
use std::io::{BufReader, Cursor, Read};
use strongroom::envelope::armor::{ArmorReader, BEGIN};
use strongroom::envelope::{Envelope, EnvelopeError, MAGIC, Opener, ReadError};
use strongroom::key::Identity;
use strongroom::{OpenError, Plaintext, SealedSecret, w3pk};

/// How something sealed is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Armor,
    Envelope,
    Json,
}

impl Encoding {
    /// Tells the encoding by the first bytes. An envelope that is cut short, or of another version,
    /// is still reported as an envelope.
    fn of(beginning: &[u8]) -> Self {
        if beginning.starts_with(b"-----BEGIN") {
            Self::Armor
        } else if beginning.starts_with(&MAGIC[..5]) {
            Self::Envelope
        } else {
            Self::Json
        }
    }
}

/// An input that holds something sealed.
pub(crate) enum SealedInput {
    /// A payload's JSON, whole in memory.
    W3pk(zeroize::Zeroizing<Vec<u8>>),
    Envelope(Box<EnvelopeInput>),
}

/// An envelope that has been read up to its payload.
pub(crate) struct EnvelopeInput {
    pub(crate) opener: Opener<Box<dyn Read + Send>>,
    pub(crate) name: String,
    pub(crate) armored: bool,
    pub(crate) threads: std::num::NonZeroUsize,
}

impl EnvelopeInput {
    /// The first key of `-i` that opens it, or none.
    pub(crate) fn keys(&self, identities: &Identities) -> Result<Vec<Identity>> {
        identities.first_that(|identity| self.opener.header().stanza_for(identity).is_some())
    }
}

impl SealedInput {
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
            return Err(Refused(format!("{name} is empty: an envelope or a w3pk payload is expected")).into());
        }
        let encoding = Encoding::of(&begun);
        if encoding == Encoding::Json {
            return Ok(Self::W3pk(input.read_whole(&begun)?));
        }
        let armored = encoding == Encoding::Armor;
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
        Ok(Self::Envelope(Box::new(EnvelopeInput { opener, name, armored, threads })))
    }
}

/// The error of a stream that failed, or that holds armor which is not valid.
pub(crate) fn read_failed(error: std::io::Error, name: &str) -> anyhow::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<EnvelopeError>()) {
        Some(refusal) => (*refusal).into(),
        None => anyhow::Error::from(error).context(format!("cannot read {name}")),
    }
}

/// Parses something sealed that is whole in memory.
pub(crate) fn parse(bytes: &[u8]) -> Result<SealedSecret> {
    match Encoding::of(bytes) {
        Encoding::Armor => {
            let mut inner = Vec::new();
            ArmorReader::new(bytes).read_to_end(&mut inner).map_err(|_| EnvelopeError::Armor)?;
            Ok(Envelope::parse(inner)?.into())
        }
        Encoding::Envelope => Ok(Envelope::parse(bytes.to_vec())?.into()),
        Encoding::Json => Ok(SealedSecret::from_json(bytes)?),
    }
}

/// Opens something in memory with the first key that fits.
pub(crate) fn open(sealed: &SealedSecret, keys: &[Identity]) -> Result<Plaintext, OpenError> {
    match sealed {
        SealedSecret::Envelope(envelope) => envelope.open(keys),
        SealedSecret::W3pk(payload) => open_payload(payload, keys),
    }
}

/// Opens a w3pk payload with the first key that fits. An older payload does not name its key, so a
/// wrong key also fails as "damaged", and the next key is tried.
pub(crate) fn open_payload(sealed: &w3pk::AnyPayload, keys: &[Identity]) -> Result<Plaintext, OpenError> {
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
