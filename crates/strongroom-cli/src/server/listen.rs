//! A server's runtime, its listeners, and its shutdown.

use crate::error::Hint;
use anyhow::{Context, Result, anyhow};
use std::net::SocketAddr;
use strongroom::sign_in::Origin;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// The hint for a public address that is in use.
pub(crate) const PUBLIC_HINT: &str = "pass another address with --listen, or port 0 for a free one";

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

pub(crate) async fn bind(address: SocketAddr, in_use_hint: &'static str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let in_use = error.kind() == std::io::ErrorKind::AddrInUse;
        let error = anyhow::Error::from(error);
        let error = if in_use { error.context(Hint(in_use_hint)) } else { error };
        error.context(format!("cannot listen on {address}"))
    })
}

/// The origin of a server that listens on this address. The address of all interfaces does not name
/// a host, and is refused.
pub(crate) fn origin_of(scheme: &str, address: SocketAddr) -> Result<Origin> {
    if address.ip().is_unspecified() {
        return Err(anyhow!(Hint("pass --public-url with the URL that clients use"))
            .context(format!("{address} does not say how clients reach this server")));
    }
    Ok(format!("{scheme}://{address}").parse()?)
}

/// Completes at SIGTERM or SIGINT.
pub(crate) fn asked_to_end() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("shutting down: requests in progress may finish");
    })
}
