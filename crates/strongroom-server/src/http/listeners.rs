//! A vault on its listeners: the public one, and the operator's own.

use super::acceptor::Acceptor;
use super::router::{app, metrics_app};
use super::tls::Tls;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::vault::Vault;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Where a server listens.
pub struct Listeners {
    /// For everybody.
    pub public: TcpListener,
    /// Certificate and key of the public one, where it speaks TLS.
    pub tls: Option<Arc<Tls>>,
    /// For the operator: metrics and health, in the clear.
    pub metrics: Option<TcpListener>,
}

/// Serves the vault until `shutdown` completes, then lets the requests that are under way finish.
pub async fn serve(listeners: Listeners, vault: Vault, shutdown: impl Future<Output = ()>) {
    let sweeper = vault.sweeper();
    let sweeping = tokio::spawn(async move { sweeper.run().await });
    let operator = listeners.metrics.map(|listener| {
        // Its reader is the operator's own: a bound against mistakes is enough.
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
    // Its health and figures are there until the last request is answered.
    if let Some(operator) = operator {
        operator.abort();
    }
}
