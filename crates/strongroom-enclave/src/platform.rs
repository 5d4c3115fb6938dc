//! What vouches for the code that runs.

use strongroom_attest::{Claims, Evidence, platform};

/// A platform that this build can run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platform {
    /// No TEE: nothing vouches. For development.
    None,
}

impl Platform {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => platform::none::NAME,
        }
    }

    /// Evidence that binds the claims.
    #[must_use]
    pub fn quote(self, claims: &Claims<'_>) -> Evidence {
        match self {
            Self::None => platform::none::evidence(claims),
        }
    }
}
