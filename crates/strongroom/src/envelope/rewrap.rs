//! Rewrapping: a new header for other recipients, before the same payload.

use super::authenticated_header::AuthenticatedHeader;
use super::file_key::FileKey;
use super::header::Stanza;
use super::sealer::{SealError, check_recipients};
use crate::key::{IdentityRef, KeyId, Recipient};
use crate::open_error::OpenError;
use rand_core::CryptoRng;
use std::io;

/// Why an envelope could not be rewrapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewrapError {
    /// None of the given keys opens it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new list of recipients is refused.
    #[error(transparent)]
    Recipients(#[from] SealError),
    /// A key is to be removed that is not among the recipients.
    #[error("{id} is not among the recipients: it cannot be removed")]
    NotARecipient {
        /// The id of that key.
        id: KeyId,
    },
    /// The input returned an error.
    #[error("the payload cannot be read")]
    Read(#[source] io::Error),
    /// The output returned an error.
    #[error("the envelope cannot be written")]
    Write(#[source] io::Error),
}

/// Makes the header for the recipients that stay and those that are added. Returns the file key
/// too.
pub(super) fn rewrapped<'k, K: Into<IdentityRef<'k>>>(
    head: &AuthenticatedHeader,
    keys: impl IntoIterator<Item = K>,
    add: &[Recipient],
    remove: &[KeyId],
    rng: &mut impl CryptoRng,
) -> Result<(AuthenticatedHeader, FileKey), RewrapError> {
    let present: Vec<KeyId> = head.header().stanzas().iter().map(Stanza::key_id).collect();
    if let Some(id) = remove.iter().find(|id| !present.contains(id)) {
        return Err(RewrapError::NotARecipient { id: *id });
    }
    let keeps = |id: &KeyId| !remove.contains(id);
    let kept = present.into_iter().filter(keeps);
    check_recipients(&kept.chain(add.iter().map(Recipient::id)).collect::<Vec<_>>())?;
    let file_key = head.open(keys.into_iter().map(Into::into))?;
    let head = head.rewrap(&file_key, add, |stanza| keeps(&stanza.key_id()), rng);
    Ok((head, file_key))
}
