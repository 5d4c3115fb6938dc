//! Why a handoff fails.

use crate::refusal::Refusal;
use crate::root_transfer::release_statement::ReleaseStatementError;
use crate::root_transfer::root_envelope::RootEnvelopeError;

/// Statements that a request brings at most.
pub const MAX_STATEMENTS: usize = 4;

/// Why a root is not handed over, or not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandoffError {
    /// A field is of another size or encoding.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// The other's evidence passes no policy that the release key signed.
    #[error("the other replica is not trusted: {0}")]
    Untrusted(#[from] Refusal),
    /// It shows other settings than its evidence binds.
    #[error("the other replica shows other settings than its evidence binds")]
    Configuration,
    /// Its settings would let other people at the root, or at what it guards.
    #[error("the replicas' settings differ in what decides who gets the root or signs in")]
    NotAlike,
    /// The key's origin is not the donor's, handed over; or the donor's was imported.
    #[error("the key's origin is not the donor's, or the key was imported, which is not handed over")]
    Origin,
    /// The evidence is for another key than the joiner's first message.
    #[error("the joiner's evidence binds another key than the one it came with")]
    EphemeralKey,
    /// More statements than are looked at.
    #[error("there are more than {MAX_STATEMENTS} release statements")]
    ManyStatements,
    /// A statement that came along does not count.
    #[error(transparent)]
    Statement(#[from] ReleaseStatementError),
    /// The donor's last message carries no root of this handoff.
    #[error(transparent)]
    Transfer(#[from] RootEnvelopeError),
}
