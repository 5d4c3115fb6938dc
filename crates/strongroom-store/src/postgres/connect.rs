//! The database's URL and options, and the settings of each connection.

use crate::StoreError;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a connection may take to be free, or to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What each session is told. A commit is on disk when it answers, and nothing waits for ever on
/// either side.
const SESSION: &str = "SET synchronous_commit = on; SET statement_timeout = '10s'; SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '10s'; SET client_min_messages = 'warning';
    SET default_transaction_isolation = 'read committed'";

/// A connection string: `postgres://user:password@host:port/database` or `host=… user=…`. It has no
/// `Debug` because it may hold a password.
#[derive(Clone)]
pub struct DatabaseUrl(tokio_postgres::Config);

/// Why a text is refused as a connection string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// The text does not parse, or names no host. The error does not repeat it because it may hold
    /// a password.
    #[error("this is not a database URL: postgres://user@host:port/database is expected")]
    Text,
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let config: tokio_postgres::Config = text.parse().map_err(|_| DatabaseUrlError::Text)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(DatabaseUrlError::Text);
        }
        Ok(Self(config))
    }
}

impl DatabaseUrl {
    /// Whether the URL has a password in it. A list of processes must not show one.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.0.get_password().is_some()
    }

    /// Whether every host is this machine: a socket file or a loopback address.
    fn is_local(&self) -> bool {
        let local = |host: &Host| match host {
            Host::Tcp(name) => {
                name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
            }
            #[cfg(unix)]
            Host::Unix(_) => true,
        };
        self.0.get_hosts().iter().all(local)
            && self.0.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
    }
}

/// How the database is reached, apart from its URL.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The number of connections that may be open at the same time.
    pub max_connections: usize,
    /// A PEM file of the authorities that may vouch for the database. `None` stands for the public
    /// ones.
    pub authorities: Option<PathBuf>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { max_connections: 16, authorities: None }
    }
}

/// Connections to the primary. TLS authenticates the database, unless it is on this machine or the
/// URL says `sslmode=disable`.
pub(super) fn pool(url: &DatabaseUrl, options: &PostgresOptions) -> Result<Pool, StoreError> {
    let mut config = url.0.clone();
    if config.get_ssl_mode() == SslMode::Prefer && !url.is_local() {
        config.ssl_mode(SslMode::Require);
    }
    config
        .application_name("strongroom")
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_user_timeout(Duration::from_secs(15))
        // What authorises a call must not be read from a copy that lags behind.
        .target_session_attrs(TargetSessionAttrs::ReadWrite);
    let connector = MakeRustlsConnect::new(tls(options)?);
    let recycle = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let session = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move {
            client.batch_execute(SESSION).await.map_err(HookError::Backend)?;
            // Each connection is checked: a database may come back with other settings, or be
            // another host of the URL.
            super::schema::check_settings(client).await.map_err(|error| HookError::message(error.to_string()))
        })
    });
    Pool::builder(Manager::from_config(config, connector, recycle))
        .max_size(options.max_connections)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(CONNECT_TIMEOUT),
            create: Some(CONNECT_TIMEOUT),
            recycle: Some(CONNECT_TIMEOUT),
        })
        .post_create(session)
        .build()
        .map_err(|error| StoreError::Database(Box::new(error)))
}

fn tls(options: &PostgresOptions) -> Result<ClientConfig, StoreError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| StoreError::Database(error);
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = &options.authorities {
        roots.roots.clear();
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(Box::new(error)))? {
            let certificate = certificate.map_err(|error| failed(Box::new(error)))?;
            roots.add(certificate).map_err(|error| failed(Box::new(error)))?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(Box::new(error)))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_database_on_this_machine_may_do_without_tls() {
        let local = |text: &str| text.parse::<DatabaseUrl>().expect("a URL").is_local();
        assert!(local("postgres://u@localhost/d") && local("postgres://u@127.0.0.1/d"));
        assert!(local("host=/run/postgresql user=u"));
        assert!(!local("postgres://u@db.example/d") && !local("postgres://u@localhost,db.example/d"));
        assert!(!local("host=localhost hostaddr=10.0.0.1"));
    }

    #[test]
    fn a_text_that_is_none_is_not_repeated() {
        for text in ["", "mysql://u:geheim@h/d", "postgres://", "geheim"] {
            let error = text.parse::<DatabaseUrl>().err().expect("no URL").to_string();
            assert!(!error.contains("geheim"), "{error}");
        }
        let with = |text: &str| text.parse::<DatabaseUrl>().expect("a URL").has_password();
        assert!(with("postgres://u:p@h/d") && !with("postgres://u@h/d"));
    }
}
