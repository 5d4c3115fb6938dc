//! Wallet backups: a wallet's JSON, sealed to its own ML-KEM key and signed with its own SLH-DSA key (spec/backup.md).
//!
//! ```text
//! Archive -sign-> SignedBackup -verify-> VerifiedBackup -restore-> Archive
//! ```
//!
//! Anybody can parse a [`SignedBackup`]; only one that its owner signed becomes a [`VerifiedBackup`], and only that can be restored.
//!
//! ```
//! use strongroom::backup::{Archive, Keys, Position, SignedBackup, UserId};
//! use strongroom::mnemonic::Mnemonic;
//! # let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
//!
//! let words = "legal winner thank year wave sausage worth useful legal winner thank yellow";
//! let keys = Keys::strongroom(&Mnemonic::parse(words, "")?, 0);
//! let archive = Archive::from_json(br#"{"accounts":[]}"#)?;
//! let first = Position::first(UserId::of_owner(keys.public_key().owner()));
//! let text = archive.sign(&keys, &first, 1_800_000_000, &mut rng).to_json();
//!
//! let verified = SignedBackup::from_json(text.as_bytes())?.verify(&keys.public_key())?;
//! assert_eq!(verified.restore(&keys)?.archive.sha256(), archive.sha256());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compatible;
mod dated;
mod keys;
mod native;
mod statement;
mod user_id;

use crate::encoding;
use crate::envelope::{self, Envelope};
use crate::json::{self, JsonError, Object};
use crate::open_error::OpenError;
use crate::slh_dsa::{self, BadSignature, Context, Owner, PublicKey, Signature};
use native::Manifest;
use rand_core::CryptoRng;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};
use sha3::Keccak256;
use std::borrow::Cow;
use zeroize::Zeroizing;

pub use compatible::{Cipher, Kem};
pub use dated::{DatedMessage, Spelling};
pub use keys::Keys;
pub use statement::{MAX_COUNTER, Position, Statement, StatementError};
pub use user_id::{UserId, UserIdError};

/// Seconds since 1970, UTC.
pub type UnixSeconds = u64;

/// The bytes are no JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no JSON text: line {line}, column {column}")]
pub struct ArchiveError {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
}

/// Why a text is no signed backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
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
    Signature(slh_dsa::ParseError),
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
    Envelope(envelope::ParseError),
    /// Its payload is none.
    #[error("envelope: its payload is cut short")]
    EnvelopeCut,
    /// No statement.
    #[error("statement: {0}")]
    Statement(StatementError),
}

/// Why a backup is not its owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The statement names another owner than the key.
    #[error("the statement is another owner's")]
    Owner,
    /// The statement is about another envelope.
    #[error("the statement is about another envelope")]
    Envelope,
    /// The signature is another key's, or over something else.
    #[error(transparent)]
    Signature(#[from] BadSignature),
}

/// Why a verified backup gives no archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// It does not open with these keys.
    #[error("it is signed by these keys, and does not open with them")]
    Open(OpenError),
    /// The payload is not what the compatible form has (spec/backup.md §2).
    #[error("the payload is none: {0}")]
    Payload(&'static str),
    /// What the envelope holds does not begin with a manifest.
    #[error("the envelope holds no archive")]
    NoArchive,
    /// The manifest's counter is not the statement's.
    #[error("the archive has the counter {archive}, and its statement {statement}")]
    Counter {
        /// Of the manifest.
        archive: u64,
        /// Of the statement.
        statement: u64,
    },
    /// The data's SHA-256 is not the manifest's.
    #[error("the archive's SHA-256 is not that of its manifest")]
    Sha256,
    /// What came out is no JSON.
    #[error("the archive is {0}")]
    Archive(#[from] ArchiveError),
}

impl From<OpenError> for RestoreError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

/// A wallet's data: a JSON text, kept byte for byte, wiped on drop.
pub struct Archive(Zeroizing<Vec<u8>>);

impl Archive {
    /// Takes in a JSON text (RFC 8259) as it is.
    ///
    /// # Errors
    /// [`ArchiveError`], which repeats nothing of it.
    pub fn from_json(text: &[u8]) -> Result<Self, ArchiveError> {
        Self::from_wiped(Zeroizing::new(text.to_vec()))
    }

    fn from_wiped(text: Zeroizing<Vec<u8>>) -> Result<Self, ArchiveError> {
        match json::from_slice::<IgnoredAny>(&text) {
            Ok(_) => Ok(Self(text)),
            Err(JsonError { line, column }) => Err(ArchiveError { line, column }),
        }
    }

    /// The text. Keep the borrow short.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// What the compatible form leaves to the wallet to keep, and to compare after a restore.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

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
        let envelope = native::seal(&manifest, &self.0, &keys.recipient(), rng);
        let statement =
            Statement::new(keys.public_key().owner(), position, Sha256::digest(envelope.as_bytes()).into());
        let signature = keys.signing_key().sign(Context::BACKUP, &statement.to_bytes());
        SignedBackup { content: Content::Native { envelope: Box::new(envelope), statement }, signature }
    }

    /// The form that wallets in the field read. Takes 32 bytes and a nonce from `rng`.
    #[must_use]
    pub fn sign_compatible(
        &self,
        keys: &Keys,
        kem: Kem,
        cipher: Cipher,
        rng: &mut impl CryptoRng,
    ) -> SignedBackup {
        let payload = compatible::seal(&self.0, keys, kem, cipher, rng);
        let signature = keys.signing_key().sign(Context::NONE, &Keccak256::digest(&payload));
        SignedBackup { content: Content::Compatible { payload }, signature }
    }
}

/// A backup as it is stored and sent. Who signed it is not known before [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBackup {
    content: Content,
    signature: Signature,
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
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
        statement: Statement,
    },
}

impl SignedBackup {
    /// A backup of its parts.
    #[must_use]
    pub fn from_parts(content: Content, signature: Signature) -> Self {
        Self { content, signature }
    }

    /// Reads the JSON of either form; unknown fields are dropped.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn from_json(text: &[u8]) -> Result<Self, ParseError> {
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
        let Object(raw): Object<Raw<'_>> =
            json::from_slice(text).map_err(|JsonError { line, column }| ParseError::Json { line, column })?;
        let signature = raw.signature.ok_or(ParseError::Fields)?;
        let signature = signature.parse().map_err(ParseError::Signature)?;
        let base64 = |field, text: &str| encoding::from_base64(text).ok_or(ParseError::Base64 { field });
        let content = match (&raw.payload, &raw.envelope, &raw.statement) {
            (Some(payload), None, None) => {
                let payload = encoding::from_prefixed_hex(payload).ok_or(ParseError::Payload)?;
                // A signature without context could be over anything: what is kept looks like a payload at least.
                json::from_slice::<Object<IgnoredAny>>(&payload).map_err(|_| ParseError::PayloadNotJson)?;
                Content::Compatible { payload }
            }
            (None, Some(envelope), Some(statement)) => {
                let envelope =
                    Envelope::parse(base64("envelope", envelope)?).map_err(ParseError::Envelope)?;
                envelope.plaintext_bytes().ok_or(ParseError::EnvelopeCut)?;
                let statement =
                    Statement::from_bytes(&base64("statement", statement)?).map_err(ParseError::Statement)?;
                Content::Native { envelope: Box::new(envelope), statement }
            }
            _ => return Err(ParseError::Fields),
        };
        Ok(Self { content, signature })
    }

    /// The fields of its JSON, in their order, as text.
    #[must_use]
    pub fn to_fields(&self) -> Vec<(&'static str, String)> {
        let signature = ("signature", self.signature.to_string());
        match &self.content {
            Content::Compatible { payload } => {
                vec![signature, ("payload", encoding::prefixed_hex(payload))]
            }
            Content::Native { envelope, statement } => vec![
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
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The statement of a native backup.
    #[must_use]
    pub fn statement(&self) -> Option<&Statement> {
        match &self.content {
            Content::Compatible { .. } => None,
            Content::Native { statement, .. } => Some(statement),
        }
    }

    /// What tells one backup of an owner from another: the Keccak-256 of a compatible payload, the SHA-256 of a native envelope.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        match &self.content {
            Content::Compatible { payload } => Keccak256::digest(payload).into(),
            Content::Native { envelope, .. } => Sha256::digest(envelope.as_bytes()).into(),
        }
    }

    /// Whether the owner of this key signed it. The only way to a [`VerifiedBackup`].
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(self, public_key: &PublicKey) -> Result<VerifiedBackup, VerifyError> {
        match &self.content {
            Content::Compatible { .. } => {
                public_key.verify(Context::NONE, &self.digest(), &self.signature)?;
            }
            Content::Native { statement, .. } => {
                // Before the signature, which costs a thousand times as much.
                if statement.owner() != public_key.owner() {
                    return Err(VerifyError::Owner);
                }
                if *statement.envelope_sha256() != self.digest() {
                    return Err(VerifyError::Envelope);
                }
                public_key.verify(Context::BACKUP, &statement.to_bytes(), &self.signature)?;
            }
        }
        Ok(VerifiedBackup { owner: public_key.owner(), backup: self })
    }
}

/// A backup that its owner signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBackup {
    owner: Owner,
    backup: SignedBackup,
}

/// What a backup held.
pub struct Restored {
    /// The wallet's data.
    pub archive: Archive,
    /// When a native backup was made, by the clock of who made it.
    pub created: Option<UnixSeconds>,
}

impl VerifiedBackup {
    /// Who signed it.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// What was verified.
    #[must_use]
    pub fn backup(&self) -> &SignedBackup {
        &self.backup
    }

    /// Opens it. Of a native backup, counter and SHA-256 are compared with the manifest's.
    ///
    /// # Errors
    /// [`RestoreError`].
    pub fn restore(&self, keys: &Keys) -> Result<Restored, RestoreError> {
        match &self.backup.content {
            Content::Compatible { payload } => {
                let archive = Archive::from_wiped(compatible::open(payload, keys)?)?;
                Ok(Restored { archive, created: None })
            }
            Content::Native { envelope, statement } => {
                let (manifest, data) = native::open(envelope, keys)?;
                if manifest.counter != statement.counter() {
                    let (archive, statement) = (manifest.counter, statement.counter());
                    return Err(RestoreError::Counter { archive, statement });
                }
                let archive = Archive::from_wiped(data)?;
                if archive.sha256() != manifest.sha256 {
                    return Err(RestoreError::Sha256);
                }
                Ok(Restored { archive, created: Some(manifest.created) })
            }
        }
    }
}

#[cfg(test)]
mod tests;
