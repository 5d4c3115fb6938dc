//! A vault on its two listeners: the public one, and the operator's.

use super::acceptor::Acceptor;
use super::router::{app, metrics_app};
use super::tls::Tls;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::vault::Vault;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The sockets that a server listens on.
pub struct Listeners {
    /// The listener for clients.
    pub public: TcpListener,
    /// Certificate and key of the public listener; `None` if it speaks plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// The operator's listener, for metrics and health in plain HTTP.
    pub metrics: Option<TcpListener>,
}

/// Serves the vault until `shutdown` completes, then lets the requests that are under way finish.
pub async fn serve(listeners: Listeners, vault: Vault, shutdown: impl Future<Output = ()>) {
    let sweeper = vault.sweeper();
    let sweeping = tokio::spawn(async move { sweeper.run().await });
    let operator = listeners.metrics.map(|listener| {
        // Only the operator's own software reads here, so a bound against mistakes is enough.
        let acceptor =
            Acceptor::new(metrics_app(vault.clone()), None, Arc::new(Metrics::new()), 64, usize::MAX);
        tokio::spawn(acceptor.serve(listener, std::future::pending()))
    });
    let Config { limits, trusted_hops, .. } = vault.config();
    let per_address = if *trusted_hops == 0 { limits.max_connections_per_address } else { usize::MAX };
    let metrics = vault.metrics();
    let acceptor =
        Acceptor::new(app(vault.clone()), listeners.tls, metrics, limits.max_connections, per_address);
    acceptor.serve(listeners.public, shutdown).await;
    sweeping.abort();
    // Health and metrics are served until the last request is answered.
    if let Some(operator) = operator {
        operator.abort();
    }
}
