//! A signed backup: how an archive becomes one, and its JSON, read strictly and written in one way.

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

/// Why a text is no signed backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignedBackupError {
    /// Not JSON, or a field that is no string, or one twice.
    #[error("no JSON object of strings: line {line}, column {column}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Neither signature and payload, nor signature, statement and envelope.
    #[error("a backup has signature and payload, or signature, statement and envelope")]
    Fields,
    /// Not hex, or of another length.
    #[error("signature: {0}")]
    Signature(slh_dsa::FormatError),
    /// Not `0x` and an even number of hex digits.
    #[error("payload: 0x and an even number of hex digits is expected")]
    Payload,
    /// Not the bytes of a JSON object: perhaps something else that the key signed.
    #[error("payload: the hex of a JSON object is expected")]
    PayloadNotJson,
    /// No base64.
    #[error("{field}: base64 is expected")]
    Base64 {
        /// Which.
        field: &'static str,
    },
    /// No envelope.
    #[error("envelope: {0}")]
    Envelope(envelope::EnvelopeError),
    /// Its payload is none.
    #[error("envelope: its payload is cut short")]
    EnvelopeCut,
    /// No statement.
    #[error("statement: {0}")]
    Statement(BackupStatementError),
}

/// A backup as it is stored and sent. Who signed it is not known before [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBackup {
    content: BackupContent,
    signature: Signature,
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupContent {
    /// spec/backup.md §2.
    Compatible {
        /// The bytes of a JSON text, which nobody but its owner looks into.
        payload: Vec<u8>,
    },
    /// spec/backup.md §3.
    Native {
        /// What the statement is about.
        envelope: Box<Envelope>,
        /// What is signed.
        statement: BackupStatement,
    },
}

impl SignedBackup {
    /// A backup of its parts.
    #[must_use]
    pub fn from_parts(content: BackupContent, signature: Signature) -> Self {
        Self { content, signature }
    }

    /// Reads the JSON of either form; unknown fields are dropped.
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
                // A signature without context could be over anything: what is kept looks like a payload at least.
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

    /// The fields of its JSON, in their order, as text.
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
        // Hex and base64 need no escapes.
        let fields: Vec<String> =
            self.to_fields().iter().map(|(name, text)| format!(r#""{name}":"{text}""#)).collect();
        format!("{{{}}}", fields.join(","))
    }

    /// What is signed.
    #[must_use]
    pub fn content(&self) -> &BackupContent {
        &self.content
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The statement of a native backup.
    #[must_use]
    pub fn statement(&self) -> Option<&BackupStatement> {
        match &self.content {
            BackupContent::Compatible { .. } => None,
            BackupContent::Native { statement, .. } => Some(statement),
        }
    }

    /// What tells one backup of an owner from another: the Keccak-256 of a compatible payload, the SHA-256 of a native envelope.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        match &self.content {
            BackupContent::Compatible { payload } => Keccak256::digest(payload).into(),
            BackupContent::Native { envelope, .. } => Sha256::digest(envelope.as_bytes()).into(),
        }
    }
}

impl Archive {
    /// The native form: sealed to the keys' ML-KEM-1024 key, signed for a position among its owner's versions. Takes from `rng` as
    /// [`envelope::seal`] does.
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

    /// The form that wallets in the field read. Takes 32 bytes and a nonce from `rng`.
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
