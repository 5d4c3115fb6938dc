//! The same envelope for other recipients: a new header over the payload as it is.

use super::authenticated_header::AuthenticatedHeader;
use super::file_key::FileKey;
use super::header::Stanza;
use super::sealer::{SealError, check_recipients};
use crate::key::{IdentityRef, KeyId, Recipient};
use crate::open_error::OpenError;
use rand_core::CryptoRng;
use std::io;

/// Why an envelope was not rewrapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewrapError {
    /// It does not open with the keys at hand.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new list of recipients is none.
    #[error(transparent)]
    Recipients(#[from] SealError),
    /// Somebody is to be removed who is not there.
    #[error("{id} is not among the recipients")]
    NotARecipient {
        /// Who.
        id: KeyId,
    },
    /// The input failed.
    #[error("the payload cannot be read")]
    Read(#[source] io::Error),
    /// The output failed.
    #[error("the envelope cannot be written")]
    Write(#[source] io::Error),
}

/// The header for the recipients that stay and those that are added, and the file key.
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
