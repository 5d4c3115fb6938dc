//! The content of a slot's record (spec/storage.md §3). storage/records.rs seals it.

use crate::error::{ApiError, Code};
use strongroom::envelope::Envelope;
use strongroom::principal::Principal;
use strongroom::{SealedSecret, SealedSecretError, w3pk};
use strongroom_store::UnixSeconds;

/// Version 1 was only in development builds. It had one owner and no envelopes.
const CONTENT_VERSION: u8 = 2;
/// The JSON of a w3pk payload, of either shape.
const FORMAT_W3PK: u8 = 1;
/// The bytes of a native envelope.
const FORMAT_ENVELOPE: u8 = 2;

/// A sealed secret as a slot keeps it. Each secret is written in one way only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeptSecret {
    /// The JSON of a w3pk payload.
    W3pk(String),
    /// The bytes of a native envelope.
    Envelope(Vec<u8>),
}

impl KeptSecret {
    /// Converts a sealed secret to the form in which a slot keeps it.
    pub(crate) fn of(sealed: &SealedSecret) -> Self {
        match sealed {
            SealedSecret::W3pk(payload) => Self::W3pk(payload.to_json()),
            SealedSecret::Envelope(envelope) => Self::Envelope(envelope.as_bytes().to_vec()),
        }
    }

    fn parts(&self) -> (u8, &[u8]) {
        match self {
            Self::W3pk(json) => (FORMAT_W3PK, json.as_bytes()),
            Self::Envelope(bytes) => (FORMAT_ENVELOPE, bytes),
        }
    }

    fn from_parts(format: u8, bytes: &[u8]) -> Option<Self> {
        match format {
            FORMAT_W3PK => String::from_utf8(bytes.to_vec()).ok().map(Self::W3pk),
            FORMAT_ENVELOPE => Some(Self::Envelope(bytes.to_vec())),
            _ => None,
        }
    }
}

/// A slot's secret, and the people that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The sealed secret.
    pub(crate) kept: KeptSecret,
    /// Principals that may read, in ascending order, each once.
    pub(crate) readers: Vec<Principal>,
    /// Principals that may replace and delete, in ascending order, each once.
    pub(crate) owners: Vec<Principal>,
    /// When the slot was first stored.
    pub(crate) created_at: UnixSeconds,
    /// When the slot expires, if it does.
    pub(crate) expires_at: Option<UnixSeconds>,
    /// Whether the vault is among the recipients, and can open the secret.
    pub(crate) openable: bool,
}

impl Record {
    /// Whether the slot has expired.
    #[must_use]
    pub(crate) fn has_expired(&self, now: UnixSeconds) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether a principal may know of the slot, as a reader or an owner.
    #[must_use]
    pub(crate) fn concerns(&self, principal: Principal) -> bool {
        self.readers.contains(&principal) || self.owners.contains(&principal)
    }

    /// Reads the sealed secret.
    ///
    /// # Errors
    /// Never for a record that this code has written.
    pub(crate) fn sealed(&self) -> Result<SealedSecret, SealedSecretError> {
        Ok(match &self.kept {
            KeptSecret::W3pk(json) => SealedSecret::W3pk(w3pk::AnyPayload::from_json(json.as_bytes())?),
            KeptSecret::Envelope(bytes) => SealedSecret::Envelope(Envelope::parse(bytes.clone())?),
        })
    }

    /// The record as CBOR.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (format, bytes) = self.kept.parts();
        let mut out = Vec::with_capacity(bytes.len() + 64 + 36 * (self.readers.len() + self.owners.len()));
        let mut e = minicbor::Encoder::new(&mut out);
        let written: Result<_, minicbor::encode::Error<std::convert::Infallible>> = (|| {
            e.array(8)?.u8(CONTENT_VERSION)?.u8(format)?.bytes(bytes)?;
            e.encode(&self.readers)?.encode(&self.owners)?;
            e.i64(self.created_at)?.encode(self.expires_at)?.bool(self.openable)?.ok()
        })();
        written.expect("writing to memory does not fail");
        out
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut d = minicbor::Decoder::new(bytes);
        if (d.array().ok()?, d.u8().ok()?) != (Some(8), CONTENT_VERSION) {
            return None;
        }
        let format = d.u8().ok()?;
        let record = Self {
            kept: KeptSecret::from_parts(format, d.bytes().ok()?)?,
            readers: d.decode().ok()?,
            owners: d.decode().ok()?,
            created_at: d.i64().ok()?,
            expires_at: d.decode().ok()?,
            openable: d.bool().ok()?,
        };
        (d.position() == bytes.len()).then_some(record)
    }
}

/// The sealed secret of a record. It was read once before it was kept, so it can be read again.
pub(super) fn reread(record: &Record) -> Result<SealedSecret, ApiError> {
    record.sealed().map_err(|error| Code::Internal.because("internal error").caused_by(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom::wallet::WalletAddress;

    #[test]
    fn all_fields_come_back() {
        let wallet = |n| Principal::from(WalletAddress::from_bytes([n; 20]));
        let record = Record {
            kept: KeptSecret::W3pk("{}".to_owned()),
            readers: vec![wallet(2), wallet(3)],
            owners: vec![wallet(2)],
            created_at: 1,
            expires_at: None,
            openable: true,
        };
        assert_eq!(Record::decode(&record.encode()), Some(record.clone()));
        let kept = KeptSecret::Envelope(vec![0, 255]);
        let full = Record { kept, owners: vec![], expires_at: Some(-5), openable: false, ..record };
        assert_eq!(Record::decode(&full.encode()), Some(full.clone()));
        let mut longer = full.encode();
        longer.push(0);
        assert_eq!(Record::decode(&longer), None);
    }
}
