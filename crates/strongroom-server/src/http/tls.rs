//! TLS 1.3 with X25519MLKEM768 first, because a quantum computer of tomorrow must not read what is
//! sent today.

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::{NamedGroup, ServerConfig};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use strongroom_root::TlsKey;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Certificate and key of the listener. Files can be read again while the server runs.
pub struct Tls {
    /// The files of certificate and key; `None` if the key was made inside the TEE.
    files: Option<(PathBuf, PathBuf)>,
    /// SHA-256 of the SubjectPublicKeyInfo of a key that was made inside the TEE.
    spki_sha256: Option<[u8; 32]>,
    configs: RwLock<Configs>,
}

/// Two configurations that differ only in the key exchange.
#[derive(Clone)]
struct Configs {
    /// For clients that offer the hybrid, anywhere in their list.
    post_quantum: Arc<ServerConfig>,
    /// For all other clients.
    any: Arc<ServerConfig>,
}

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file cannot be read, or is not the PEM of a certificate or a private key.
    #[error("{0} cannot be read")]
    File(PathBuf, #[source] rustls::pki_types::pem::Error),
    /// The key or certificate that was made inside the TEE is not PEM.
    #[error("the TLS key that was made in the TEE cannot be read")]
    Made(#[source] rustls::pki_types::pem::Error),
    /// Certificate and key do not belong together, or are of an unknown kind.
    #[error("certificate and key cannot be used: they do not belong together, or are of an unknown kind")]
    Unusable(#[source] rustls::Error),
}

impl Tls {
    /// Reads a chain of certificates and its private key, both PEM.
    ///
    /// # Errors
    /// [`TlsError`] where a file cannot be read, or the two do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let configs = RwLock::new(Configs::load(certificate, key)?);
        Ok(Self { files: Some((certificate.to_owned(), key.to_owned())), spki_sha256: None, configs })
    }

    /// Takes a key that was made inside the TEE, with its certificate.
    ///
    /// # Errors
    /// [`TlsError`] where they cannot be used.
    pub fn in_tee(key: &TlsKey) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(key.chain_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(TlsError::Made)?;
        let private = PrivateKeyDer::from_pem_slice(key.key_pem.as_bytes()).map_err(TlsError::Made)?;
        let leaf = chain.first().ok_or(TlsError::Made(rustls::pki_types::pem::Error::NoItemsFound))?;
        let spki = ParsedCertificate::try_from(leaf).map_err(TlsError::Unusable)?.subject_public_key_info();
        let spki_sha256 = Some(Sha256::digest(&spki).into());
        Ok(Self { files: None, spki_sha256, configs: RwLock::new(Configs::of(chain, private)?) })
    }

    /// SHA-256 of the SubjectPublicKeyInfo (RFC 5280 §4.1) of a key that was made inside the TEE.
    /// The evidence binds it.
    #[must_use]
    pub fn spki_sha256(&self) -> Option<[u8; 32]> {
        self.spki_sha256
    }

    /// Reads the files again, if there are any. If they cannot be used, the earlier ones stay in
    /// use.
    ///
    /// # Errors
    /// [`TlsError`] where the files cannot be used.
    pub fn reload(&self) -> Result<(), TlsError> {
        let Some((certificate, key)) = &self.files else { return Ok(()) };
        let configs = Configs::load(certificate, key)?;
        *self.configs.write().unwrap_or_else(PoisonError::into_inner) = configs;
        Ok(())
    }

    /// The server's side of a handshake, which has 10 seconds.
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
        Self::of(chain, PrivateKeyDer::from_pem_file(key).map_err(file(key))?)
    }

    fn of(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsError> {
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
