//! Why a handoff fails.

use crate::refusal::Refusal;
use crate::root_transfer::release_statement::ReleaseStatementError;
use crate::root_transfer::root_envelope::RootEnvelopeError;

/// The largest number of release statements in a request.
pub const MAX_STATEMENTS: usize = 4;

/// Why a root is not handed over, or not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandoffError {
    /// The field with this name has another size or encoding.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// The other replica's evidence passes no policy that the release key signed.
    #[error("the other replica is not trusted: {0}")]
    Untrusted(#[from] Refusal),
    /// The other replica shows settings whose digest is not the one in its evidence.
    #[error("the other replica shows other settings than its evidence binds")]
    Configuration,
    /// The other replica's settings would let other people get the root, or what it guards.
    #[error("the replicas' settings differ in what decides who gets the root or signs in")]
    NotAlike,
    /// The joiner does not show the donor's origin as one that was handed over, or the donor's key
    /// was imported.
    #[error("the key's origin is not the donor's, or the key was imported, which is not handed over")]
    Origin,
    /// The joiner's evidence binds another key than the one in its first message.
    #[error("the joiner's evidence binds another key than the one it came with")]
    EphemeralKey,
    /// The request brings more statements than are read.
    #[error("there are more than {MAX_STATEMENTS} release statements")]
    ManyStatements,
    /// A release statement in the request is malformed, not signed for this vault, or expired.
    #[error(transparent)]
    Statement(#[from] ReleaseStatementError),
    /// The donor's last message carries no root of this handoff.
    #[error(transparent)]
    Transfer(#[from] RootEnvelopeError),
}
