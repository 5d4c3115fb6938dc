//! TLS 1.3 with X25519MLKEM768 first: what is stored today must not be read by a quantum computer tomorrow.

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{NamedGroup, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Certificate and key of the listener, which can be read again while it serves.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    configs: RwLock<Configs>,
}

/// The same but for the key exchange.
#[derive(Clone)]
struct Configs {
    /// For clients that offer it, wherever in their list.
    post_quantum: Arc<ServerConfig>,
    /// For all others.
    any: Arc<ServerConfig>,
}

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// It is no PEM file of what is expected.
    #[error("{0} cannot be read")]
    File(PathBuf, #[source] rustls::pki_types::pem::Error),
    /// They do not fit each other, or are of no known kind.
    #[error("certificate and key cannot be used")]
    Unusable(#[source] rustls::Error),
}

impl Tls {
    /// Reads a chain of certificates and its private key, both PEM.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let configs = RwLock::new(Configs::load(certificate, key)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), configs })
    }

    /// Reads the files again. Where they cannot be used, the former ones stay.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn reload(&self) -> Result<(), TlsError> {
        let configs = Configs::load(&self.certificate, &self.key)?;
        *self.configs.write().unwrap_or_else(PoisonError::into_inner) = configs;
        Ok(())
    }

    /// The server's side of a handshake, within 10 seconds.
    pub(crate) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let configs = self.configs.read().unwrap_or_else(PoisonError::into_inner).clone();
        let handshake = async {
            let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
            let offered = start.client_hello().named_groups().unwrap_or_default().to_vec();
            let post_quantum = offered.contains(&NamedGroup::X25519MLKEM768);
            start.into_stream(if post_quantum { configs.post_quantum } else { configs.any }).await
        };
        tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await?
    }
}

impl Configs {
    fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let file = |path: &Path| {
            let path = path.to_owned();
            move |error| TlsError::File(path, error)
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(file(certificate))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(file(key))?;
        let any = aws_lc_rs::default_provider();
        let post_quantum =
            CryptoProvider { kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768], ..any.clone() };
        let config = |provider| {
            let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
                .with_protocol_versions(&[&rustls::version::TLS13])?
                .with_no_client_auth()
                .with_single_cert(chain.clone(), key.clone_key())?;
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Ok(Arc::new(config))
        };
        Ok(Self {
            post_quantum: config(post_quantum).map_err(TlsError::Unusable)?,
            any: config(any).map_err(TlsError::Unusable)?,
        })
    }
}
