//! The name that a backup is kept under.

use strongroom::backup::{Keys, UserId, UserIdError};

/// Parses a UUID in either case, since other programs write capitals.
pub(super) fn parse_user_id(text: &str) -> Result<UserId, UserIdError> {
    text.to_ascii_lowercase().parse()
}

pub(super) fn own_user_id(keys: &Keys) -> UserId {
    UserId::of_owner(keys.public_key().owner())
}
