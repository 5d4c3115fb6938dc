//! The listener: bounds on connections, and an end that lets requests finish.

use crate::routes::app;
use crate::vault::Vault;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Bytes of a request's head.
const MAX_HEAD_BYTES: usize = 32 * 1024;
const MAX_HEADERS: usize = 64;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests may go on after the end was asked for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Serves the vault until `shutdown` completes, then lets the requests that are under way finish.
pub async fn serve(listener: TcpListener, vault: Arc<Vault>, shutdown: impl Future<Output = ()>) {
    let sweeper = tokio::spawn(sweep_now_and_then(Arc::clone(&vault)));
    let service = TowerToHyperService::new(app(vault));
    // HTTP/1.1 alone: without TLS there is no ALPN, and looking at first bytes to tell the version has no time limit.
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES);
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Mostly out of file descriptors: others may be free again in a moment.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut shutdown => break,
        };
        // Answers are small and whole: waiting to fill a packet only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
        let connection = builder.serve_connection(TokioIo::new(stream), service.clone());
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    sweeper.abort();
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still under way after {} s", DRAIN_TIMEOUT.as_secs());
    }
}

/// Forgets what expired. A failure is logged and tried again at the next turn.
async fn sweep_now_and_then(vault: Arc<Vault>) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        interval.tick().await;
        match vault.store.sweep(vault.now().unix_timestamp()).await {
            Ok(0) => {}
            Ok(slots) => tracing::info!(slots, "expired slots were forgotten"),
            Err(error) => tracing::error!(%error, "expired slots could not be forgotten"),
        }
    }
}
