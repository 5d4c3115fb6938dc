//! Accepts connections within bounds and speaks HTTP on each. After the end was asked for, it waits
//! for the requests that are under way.

use super::edge::Peer;
use super::signature_in_uri::SignatureInUri;
use super::tls::Tls;
use crate::limits::{ClientAddress, Shares};
use crate::metrics::{Counted, Metrics};
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

/// Bytes of a request's head at most.
const MAX_HEAD_BYTES: usize = 32 * 1024;
const MAX_HEADERS: usize = 64;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may read nothing of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests may go on after the end was asked for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The service of a listener, and the bounds of its connections.
pub(crate) struct Acceptor {
    app: Router,
    tls: Option<Arc<Tls>>,
    metrics: Arc<Metrics>,
    connections: Arc<Semaphore>,
    per_address: Arc<Shares>,
}

impl Acceptor {
    pub(crate) fn new(
        app: Router,
        tls: Option<Arc<Tls>>,
        metrics: Arc<Metrics>,
        max_connections: usize,
        max_per_address: usize,
    ) -> Self {
        Self {
            app,
            tls,
            metrics,
            connections: Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS))),
            per_address: Shares::new(max_per_address),
        }
    }

    pub(crate) async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let mut shutdown = std::pin::pin!(shutdown);
        let acceptor = Arc::new(self);
        loop {
            let accepted = tokio::select! {
                accepted = acceptor.accept(&listener) => accepted,
                () = &mut shutdown => break,
            };
            if let Some((stream, address, permit)) = accepted {
                let (acceptor, watcher) = (Arc::clone(&acceptor), graceful.watcher());
                tokio::spawn(async move {
                    acceptor.converse(stream, address, watcher).await;
                    drop(permit);
                });
            }
        }
        drop(listener);
        if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests were still under way after {} s", DRAIN_TIMEOUT.as_secs());
        }
    }

    /// The next connection, if its address may have one more. While there are as many connections
    /// as there may be, the next waits in the system's queue; idle ones are closed within seconds.
    async fn accept(&self, listener: &TcpListener) -> Option<(TcpStream, SocketAddr, impl Send + use<>)> {
        let total = Arc::clone(&self.connections).acquire_owned().await.expect("it is never closed");
        match listener.accept().await {
            Ok((stream, address)) => match self.per_address.take(ClientAddress::new(address.ip()), 1) {
                Some(own) => {
                    let counted = Counted::one(&self.metrics.connections);
                    Some((stream, address, (total, own, counted)))
                }
                None => {
                    self.metrics.connection_refused("too_many_of_one_address");
                    None
                }
            },
            Err(error) => {
                // Mostly this process is out of file descriptors, and some may be free in a moment.
                tracing::warn!(%error, "cannot accept a connection");
                self.metrics.connection_refused("accept_failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
                None
            }
        }
    }

    async fn converse(&self, stream: TcpStream, address: SocketAddr, watcher: Watcher) {
        // Answers are small and whole, so waiting for a full packet would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let ended = match &self.tls {
            None => self.http(timed(stream), address.ip(), watcher).await,
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => self.http(timed(stream), address.ip(), watcher).await,
                Err(error) => {
                    tracing::debug!(%error, "a TLS handshake failed");
                    self.metrics.connection_refused("tls_failed");
                    return;
                }
            },
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
            if error.is_timeout() {
                self.metrics.connection_refused("idle");
            } else if took_nothing(&error) {
                self.metrics.connection_refused("took_no_answer");
            }
        }
    }

    /// Speaks HTTP/1.1 only. Telling versions apart by the first bytes has no time limit, and one
    /// request at a time needs no other version.
    async fn http(
        &self,
        stream: impl Read + Write + Unpin + Send + 'static,
        peer: IpAddr,
        watcher: Watcher,
    ) -> Result<(), hyper::Error> {
        let app = self.app.clone();
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            app.clone().oneshot(request.map(axum::body::Body::new))
        });
        let connection = Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(stream, service);
        watcher.watch(connection).await
    }
}

/// Whether the connection ended because the client did not read what was written.
fn took_nothing(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::TimedOut)
}

/// A stream that fails if the other end does not read what is written.
fn timed<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
) -> TokioIo<std::pin::Pin<Box<TimeoutStream<SignatureInUri<S>>>>> {
    let mut stream = TimeoutStream::new(SignatureInUri::new(stream));
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    TokioIo::new(Box::pin(stream))
}
