//! Why a call failed.

use strongroom::backup::VerifyError;
use strongroom::{OpenError, SealedSecretError};
use strongroom_attest::Refusal;
use strongroom_attest::root_transfer::root_envelope::RootEnvelopeError;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Not `https://host[:port]`, or `http://` to this machine.
    #[error("{0} is no vault's URL: https://host[:port], or http:// to this machine")]
    Url(String),
    /// Nobody answers, or not as HTTP.
    #[error("the vault cannot be reached")]
    Transport(#[source] Box<ureq::Error>),
    /// Its certificate is not good, and no evidence binds its key.
    #[error("the server's certificate is not trusted, and its evidence binds no TLS key")]
    Certificate(#[source] rustls::Error),
    /// Nobody answered within a minute.
    #[error("the vault did not answer within 60 seconds")]
    Timeout,
    /// The vault said no.
    #[error("{message} ({code})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The stable code of spec/http.md §9.
        code: String,
        /// For people.
        message: String,
        /// What the vault's log calls the request.
        request_id: String,
    },
    /// The server's evidence fails the policy.
    #[error("the server is not trusted")]
    Untrusted(#[from] Refusal),
    /// A time that RFC 3339 cannot write.
    #[error("the expiry is after the year 9999")]
    Expiry,
    /// The server answers something that a vault does not.
    #[error("the server's answer is not a vault's: {0}")]
    Answer(&'static str),
    /// What the server says of its settings is not what its evidence binds.
    #[error("the server shows other settings than its evidence binds")]
    Configuration,
    /// The envelope of the root is damaged, of another vault, or for none of the keys.
    #[error("the root cannot be brought back")]
    Recovery(#[source] RootEnvelopeError),
    /// The server's payload is none.
    #[error("what the server keeps is no sealed secret")]
    SealedSecret(#[from] SealedSecretError),
    /// The server's backup is not the owner's, or not the one that was asked for.
    #[error("the server's backup is refused")]
    Backup(#[source] VerifyError),
    /// What the server sealed to our key does not open with it.
    #[error("the server's answer, which is sealed to us, does not open")]
    Answered(#[from] OpenError),
}

impl ClientError {
    /// The vault's code, where it refused.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}
