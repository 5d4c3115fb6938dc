//! A server's log.

use std::io::{BufWriter, IsTerminal};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

const LOG_BUFFER_BYTES: usize = 64 * 1024;

/// Starts the log: plain lines on a terminal, and JSON otherwise. `RUST_LOG` chooses what is
/// logged. If nobody reads stderr, lines are lost, and no request waits for them. Dropping the
/// value writes the lines that are waiting.
pub(crate) fn log_to_stderr() -> WorkerGuard {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Lines that come together are written together, and the buffer is flushed after them.
    let lines = BufWriter::with_capacity(LOG_BUFFER_BYTES, std::io::stderr());
    let (writer, guard) = tracing_appender::non_blocking(lines);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_target(false)
        .log_internal_errors(false);
    if std::io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.json().flatten_event(true).with_span_list(false).init();
    }
    guard
}
