//! Why a platform does not vouch for the code.

use std::path::PathBuf;

/// Why a platform does not vouch for the code, or gives no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlatformError {
    /// The platform that was asked for is not on this machine.
    #[error("there is no {0}")]
    NotThere(String),
    /// A device or a file of the kernel cannot be opened, read or written.
    #[error("cannot open, read or write {path}")]
    Io {
        /// The file, folder or device.
        path: PathBuf,
        /// The system's own error.
        #[source]
        source: std::io::Error,
    },
    /// dstack's agent cannot be reached.
    #[error("dstack's agent at {0} cannot be reached")]
    Unreachable(String, #[source] Box<ureq::Error>),
    /// The device or agent (first field) refuses, for this reason (second field).
    #[error("{0} refuses: {1}")]
    Refused(&'static str, String),
    /// dstack's agent does not have the method of this name.
    #[error("dstack's agent is too old: it does not know {0}")]
    NoSuchMethod(String),
    /// An answer does not have the expected form.
    #[error("{from} answers with something unexpected: {what}")]
    Answer {
        /// The device or agent that answered.
        from: &'static str,
        /// The part of the answer that is wrong.
        what: &'static str,
    },
    /// Other writers used the entry of each attempt, so no report is known to be ours.
    #[error("other writers disturbed the kernel's report at each attempt")]
    Disturbed,
}
