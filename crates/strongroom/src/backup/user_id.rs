//! User ids: the names under which owners keep backups.

use crate::slh_dsa::Owner;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// The text is not a UUID in its one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a user id: a UUID of 8-4-4-4-12 lower-case hex digits is expected")]
pub struct UserIdError;

/// A UUID of any version (RFC 9562), 16 bytes. Its text is `8-4-4-4-12` hex digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Uuid);

impl UserId {
    /// The id of these 16 bytes. Every value is valid.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The default id of an owner: a UUID of version 8 from the SHA-256 of
    /// `strongroom/backup-user/1` ‖ owner.
    #[must_use]
    pub fn of_owner(owner: Owner) -> Self {
        let digest =
            Sha256::new().chain_update(b"strongroom/backup-user/1").chain_update(owner.as_bytes()).finalize();
        Self(uuid::Builder::from_custom_bytes(digest[..16].try_into().expect("16 of 32 bytes")).into_uuid())
    }

    /// The 16 bytes, in network order (RFC 9562 §4).
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for UserId {
    type Err = UserIdError;

    fn from_str(text: &str) -> Result<Self, UserIdError> {
        Uuid::try_parse(text).ok().map(Self).filter(|id| id.to_string() == text).ok_or(UserIdError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_an_id() {
        let text = "c0ffee00-1234-4abc-8def-0123456789ab";
        assert_eq!(text.parse::<UserId>().expect("a UUID").to_string(), text);
        for bad in [
            "",
            &text[1..],
            &text.to_uppercase(),
            &text.replace('-', ""),
            &format!("{{{text}}}"),
            &format!("urn:uuid:{text}"),
            "../../etc/passwd",
        ] {
            assert_eq!(bad.parse::<UserId>(), Err(UserIdError), "{bad}");
        }
        let own = UserId::of_owner(Owner::from_bytes([7; 32])).to_string();
        assert_eq!((&own[14..15], own.parse::<UserId>().is_ok()), ("8", true), "{own}");
    }
}
