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
    #[error("{0} is not the URL of a vault: https://host[:port], or http:// to this machine, is expected")]
    Url(String),
    /// No server answers, or the answer is not HTTP.
    #[error("the vault cannot be reached")]
    Transport(#[source] Box<ureq::Error>),
    /// No public authority vouches for the server's certificate, and no evidence binds its key.
    #[error("the server's certificate is not trusted, and its evidence binds no TLS key")]
    Certificate(#[source] rustls::Error),
    /// No answer came within a minute.
    #[error("the vault did not answer within 60 seconds")]
    Timeout,
    /// The vault refused the request.
    #[error("{message} ({code})")]
    Refused {
        /// The HTTP status, from 400 to 599.
        status: u16,
        /// The stable code of spec/http.md §9.
        code: String,
        /// The reason, for people; at most 300 characters without control characters.
        message: String,
        /// The id of the request in the vault's log.
        request_id: String,
    },
    /// The server's evidence fails the policy, by this rule.
    #[error("the server is not trusted")]
    Untrusted(#[from] Refusal),
    /// The expiry is a time that RFC 3339 cannot write.
    #[error("the expiry is after the year 9999: an earlier one is expected")]
    Expiry,
    /// The server's answer is not one that a vault gives.
    #[error("the server's answer is not a vault's: {0}")]
    Answer(&'static str),
    /// The settings that the server shows are not those that its evidence binds.
    #[error("the server shows other settings than its evidence binds")]
    Configuration,
    /// The root's envelope is damaged, belongs to another vault, or is sealed for none of the keys.
    #[error("the root cannot be brought back")]
    Recovery(#[source] RootEnvelopeError),
    /// The server's answer does not hold an envelope or a w3pk payload.
    #[error("the server's answer is not a sealed secret")]
    SealedSecret(#[from] SealedSecretError),
    /// The server's backup was not signed by its owner, or was altered.
    #[error("the server's backup is refused")]
    Backup(#[source] VerifyError),
    /// The answer that the server sealed to the client's key does not open with it.
    #[error("the server's answer, which is sealed to this client, does not open")]
    Answered(#[from] OpenError),
}

impl ClientError {
    /// The vault's stable code (spec/http.md §9), if it refused the request.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}
