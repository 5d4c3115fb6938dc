//! Errors of work that reads one stream and writes another.

use strongroom::envelope::StreamError;

/// Names the stream that failed, which is one of the two.
pub(crate) fn stream_failed(error: StreamError, from: &str, to: &str) -> anyhow::Error {
    match error {
        StreamError::Read(error) => anyhow::Error::from(error).context(format!("cannot read {from}")),
        StreamError::Write(error) => anyhow::Error::from(error).context(format!("cannot write {to}")),
        StreamError::Open(error) => error.into(),
        other => other.into(),
    }
}
