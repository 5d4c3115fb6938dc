//! Why something sealed did not open, of whatever format.

/// Why it did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No entry is for this key: try the next.
    #[error("none of the keys at hand opens this")]
    NotMine,
    /// Something was altered: header, MAC, commitment, wrapped key, data. Which of them, nobody learns. An older payload
    /// may also have been sealed for another key.
    #[error("it is damaged or was altered")]
    Damaged,
}
