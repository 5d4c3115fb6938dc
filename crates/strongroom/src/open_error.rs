//! The error of opening, common to all sealed formats.

/// Why something sealed did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It has no entry for any of the keys. Another key may open it.
    #[error("none of the given keys opens this")]
    NotMine,
    /// Header, MAC, commitment, wrapped key or data was altered. The error does not say which,
    /// since that would help an attacker. An older payload may also have been sealed for another
    /// key.
    #[error("this is damaged or was altered")]
    Damaged,
}
