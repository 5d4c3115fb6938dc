//! Why a platform does not vouch for the code.

use std::path::PathBuf;

/// Why a platform does not vouch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlatformError {
    /// Nothing of the kind is on this machine.
    #[error("there is no {0} here")]
    NotThere(String),
    /// A file of the kernel's cannot be used.
    #[error("{path} cannot be used")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// dstack's agent cannot be reached.
    #[error("dstack's agent at {0} cannot be reached")]
    Unreachable(String, #[source] Box<ureq::Error>),
    /// It refuses.
    #[error("{0} refuses: {1}")]
    Refused(&'static str, String),
    /// dstack's agent does not know what it is asked.
    #[error("dstack's agent is too old: it does not know {0}")]
    NoSuchMethod(String),
    /// It answers something else than is known of it.
    #[error("{from} answers something unknown: {what}")]
    Answer {
        /// The device or agent.
        from: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// Others asked for reports through the same entry, again and again.
    #[error("the kernel's report was disturbed by other writers")]
    Disturbed,
}
