//! Signed backups: signing an archive, and the JSON of the result, which is read strictly and
//! written in one way.

use super::archive::{Archive, UnixSeconds};
use super::compatible::{self, CapsuleKem, PayloadCipher};
use super::keys::Keys;
use super::native::{self, Manifest};
use super::statement::{BackupStatement, BackupStatementError, Position};
use crate::encoding;
use crate::envelope::{self, Envelope};
use crate::json::Object;
use crate::slh_dsa::{self, Context, Signature};
use rand_core::CryptoRng;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};
use sha3::Keccak256;
use std::borrow::Cow;

/// Why a text cannot be read as a signed backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignedBackupError {
    /// Not JSON, or a field is not a string, or is there twice.
    #[error("not a JSON object of strings: line {line}, column {column}")]
    Json {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// The fields are neither `signature` and `payload`, nor `signature`, `statement` and
    /// `envelope`.
    #[error(
        "wrong fields: a backup has `signature` and `payload`, or `signature`, `statement` and `envelope`"
    )]
    Fields,
    /// The signature is not hex, or has another length.
    #[error("signature: {0}")]
    Signature(slh_dsa::FormatError),
    /// The payload is not `0x` and an even number of hex digits.
    #[error("payload: not hex: 0x and an even number of hex digits are expected")]
    Payload,
    /// The payload is not a JSON object. The key may have signed it for some other purpose.
    #[error("payload: not a JSON object: the hex of one is expected")]
    PayloadNotJson,
    /// A field is not base64.
    #[error("{field}: not base64: the standard, padded form is expected")]
    Base64 {
        /// `envelope` or `statement`.
        field: &'static str,
    },
    /// The envelope cannot be read.
    #[error("envelope: {0}")]
    Envelope(envelope::EnvelopeError),
    /// The envelope's payload has a length that no payload has.
    #[error("envelope: its payload is cut short")]
    EnvelopeCut,
    /// The statement cannot be read.
    #[error("statement: {0}")]
    Statement(BackupStatementError),
}

/// A backup as it is stored and sent. Its signature has not been checked: [`verify`](Self::verify)
/// does that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBackup {
    content: BackupContent,
    signature: Signature,
}

/// The signed content, in one of two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupContent {
    /// The form of wallets in the field (spec/backup-compatible.md).
    Compatible {
        /// A JSON object, encrypted inside; servers do not interpret it.
        payload: Vec<u8>,
    },
    /// The form of this project (spec/backup.md#native).
    Native {
        /// The sealed archive.
        envelope: Box<Envelope>,
        /// The signed content, in one of two forms.
        statement: BackupStatement,
    },
}

impl SignedBackup {
    /// Puts a backup together. Nothing is checked here.
    #[must_use]
    pub fn from_parts(content: BackupContent, signature: Signature) -> Self {
        Self { content, signature }
    }

    /// Reads the JSON of either form, and ignores unknown fields.
    ///
    /// # Errors
    /// [`SignedBackupError`].
    pub fn from_json(text: &[u8]) -> Result<Self, SignedBackupError> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow)]
            signature: Option<Cow<'a, str>>,
            #[serde(borrow)]
            payload: Option<Cow<'a, str>>,
            #[serde(borrow)]
            envelope: Option<Cow<'a, str>>,
            #[serde(borrow)]
            statement: Option<Cow<'a, str>>,
        }
        let Object(raw): Object<Raw<'_>> = serde_json::from_slice(text)
            .map_err(|error| SignedBackupError::Json { line: error.line(), column: error.column() })?;
        let signature = raw.signature.ok_or(SignedBackupError::Fields)?;
        let signature = signature.parse().map_err(SignedBackupError::Signature)?;
        let base64 =
            |field, text: &str| encoding::from_base64(text).ok_or(SignedBackupError::Base64 { field });
        let content = match (&raw.payload, &raw.envelope, &raw.statement) {
            (Some(payload), None, None) => {
                let payload = encoding::from_prefixed_hex(payload).ok_or(SignedBackupError::Payload)?;
                // A signature without a context could be over anything, so only what looks like a
                // payload is kept.
                serde_json::from_slice::<Object<IgnoredAny>>(&payload)
                    .map_err(|_| SignedBackupError::PayloadNotJson)?;
                BackupContent::Compatible { payload }
            }
            (None, Some(envelope), Some(statement)) => {
                let envelope =
                    Envelope::parse(base64("envelope", envelope)?).map_err(SignedBackupError::Envelope)?;
                envelope.plaintext_bytes().ok_or(SignedBackupError::EnvelopeCut)?;
                let statement = BackupStatement::from_bytes(&base64("statement", statement)?)
                    .map_err(SignedBackupError::Statement)?;
                BackupContent::Native { envelope: Box::new(envelope), statement }
            }
            _ => return Err(SignedBackupError::Fields),
        };
        Ok(Self { content, signature })
    }

    /// The names and values of the JSON's fields, in the order in which they are written.
    #[must_use]
    pub fn to_fields(&self) -> Vec<(&'static str, String)> {
        let signature = ("signature", self.signature.to_string());
        match &self.content {
            BackupContent::Compatible { payload } => {
                vec![signature, ("payload", encoding::prefixed_hex(payload))]
            }
            BackupContent::Native { envelope, statement } => vec![
                ("envelope", encoding::base64(envelope.as_bytes())),
                ("statement", encoding::base64(&statement.to_bytes())),
                signature,
            ],
        }
    }

    /// Writes the JSON that [`from_json`](Self::from_json) reads.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Hex and base64 contain nothing that JSON escapes.
        let fields: Vec<String> =
            self.to_fields().iter().map(|(name, text)| format!(r#""{name}":"{text}""#)).collect();
        format!("{{{}}}", fields.join(","))
    }

    /// The signed content, in one of two forms.
    #[must_use]
    pub fn content(&self) -> &BackupContent {
        &self.content
    }

    /// The signature: over the Keccak-256 of a compatible payload, or over a native statement.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The statement, which only a native backup has.
    #[must_use]
    pub fn statement(&self) -> Option<&BackupStatement> {
        match &self.content {
            BackupContent::Compatible { .. } => None,
            BackupContent::Native { statement, .. } => Some(statement),
        }
    }

    /// Identifies a backup among those of its owner: the Keccak-256 of a compatible payload, or the
    /// SHA-256 of a native envelope.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        match &self.content {
            BackupContent::Compatible { payload } => Keccak256::digest(payload).into(),
            BackupContent::Native { envelope, .. } => Sha256::digest(envelope.as_bytes()).into(),
        }
    }
}

impl Archive {
    /// Makes a native backup: sealed to the ML-KEM-1024 key, and signed for a position among the
    /// owner's versions. Takes from `rng` what [`envelope::seal`] takes.
    #[must_use]
    pub fn sign(
        &self,
        keys: &Keys,
        position: &Position,
        created: UnixSeconds,
        rng: &mut impl CryptoRng,
    ) -> SignedBackup {
        let manifest = Manifest { created, counter: position.counter(), sha256: self.sha256() };
        let envelope = native::seal(&manifest, self.expose(), &keys.recipient(), rng);
        let statement = BackupStatement::new(
            keys.public_key().owner(),
            position,
            Sha256::digest(envelope.as_bytes()).into(),
        );
        let signature = keys.signing_key().sign(Context::BACKUP, &statement.to_bytes());
        SignedBackup { content: BackupContent::Native { envelope: Box::new(envelope), statement }, signature }
    }

    /// Makes a compatible backup, which wallets in the field can read. Takes 32 bytes and a nonce
    /// of 24 or 12 bytes from `rng`.
    #[must_use]
    pub fn sign_compatible(
        &self,
        keys: &Keys,
        kem: CapsuleKem,
        cipher: PayloadCipher,
        rng: &mut impl CryptoRng,
    ) -> SignedBackup {
        let payload = compatible::seal(self.expose(), keys, kem, cipher, rng);
        let signature = keys.signing_key().sign(Context::NONE, &Keccak256::digest(&payload));
        SignedBackup { content: BackupContent::Compatible { payload }, signature }
    }
}
