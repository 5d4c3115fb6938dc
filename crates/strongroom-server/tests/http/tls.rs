//! TLS at the listener, with clients that offer different versions and key exchanges.

use crate::support::{Ports, TestVault, ask};
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, NamedGroup, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use strongroom_server::Tls;
use strongroom_server::TlsError;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const GET: &str = "GET /version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// The files of a certificate and its key.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn certificate(&self) -> PathBuf {
        self.0.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("key.pem")
    }

    /// Writes a new certificate and key into the files.
    fn certify(&self) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(["vault.example".to_owned()]).expect("a certificate");
        std::fs::write(self.certificate(), made.cert.pem()).expect("written");
        std::fs::write(self.key(), made.signing_key.serialize_pem()).expect("written");
        made.cert.der().clone()
    }

    fn load(&self) -> Result<Tls, TlsError> {
        Tls::load(&self.certificate(), &self.key())
    }
}

/// A client that trusts one certificate.
#[derive(Clone)]
struct Client {
    trusted: CertificateDer<'static>,
    groups: Vec<&'static dyn SupportedKxGroup>,
    version: &'static SupportedProtocolVersion,
    protocols: Vec<Vec<u8>>,
}

impl Client {
    fn new(trusted: CertificateDer<'static>) -> Self {
        Self { trusted, groups: default_provider().kx_groups, version: &TLS13, protocols: vec![] }
    }

    fn config(&self) -> Arc<ClientConfig> {
        let provider = CryptoProvider { kx_groups: self.groups.clone(), ..default_provider() };
        let mut roots = RootCertStore::empty();
        roots.add(self.trusted.clone()).expect("a certificate");
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[self.version])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols.clone_from(&self.protocols);
        Arc::new(config)
    }

    async fn connect(&self, ports: &Ports) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(ports.public).await?;
        TlsConnector::from(self.config()).connect(server_name(), stream).await
    }

    /// The key exchange and version that were agreed upon, after a request has been answered.
    async fn served(&self, ports: &Ports) -> (Option<ProtocolVersion>, NamedGroup) {
        let mut stream = self.connect(ports).await.expect("a handshake");
        stream.write_all(GET.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let (_, connection) = stream.get_ref();
        let group = connection.negotiated_key_exchange_group().expect("after the handshake");
        (connection.protocol_version(), group.name())
    }
}

fn server_name() -> ServerName<'static> {
    "vault.example".try_into().expect("a name")
}

/// A vault that speaks TLS, and a client that trusts it.
async fn start(vault: &TestVault) -> (Ports, Arc<Tls>, Files, Client) {
    let files = Files::new();
    let client = Client::new(files.certify());
    let tls = Arc::new(files.load().expect("a certificate and its key"));
    (vault.listen(Some(Arc::clone(&tls))).await, tls, files, client)
}

/// Guard: the server has only TLS 1.3 (http/tls.rs, `with_protocol_versions`).
#[tokio::test]
async fn tls_1_2_is_refused() {
    let vault = TestVault::new();
    let (ports, _, _files, client) = start(&vault).await;
    let older = Client { version: &TLS12, ..client.clone() };
    let error = older.connect(&ports).await.expect_err("no handshake").to_string();
    assert!(error.contains("ProtocolVersion"), "{error}");
    assert_eq!(client.served(&ports).await.0, Some(ProtocolVersion::TLSv1_3));
}

/// Guard: a client that offers the hybrid gets it (http/tls.rs, `accept`). Without it, rustls takes
/// the client's first key share.
#[tokio::test]
async fn the_hybrid_is_taken_wherever_it_stands_in_a_clients_list() {
    let vault = TestVault::new();
    let (ports, _, _files, client) = start(&vault).await;
    let (classic, hybrid) = (kx_group::X25519, kx_group::X25519MLKEM768);
    for groups in [
        vec![classic, hybrid],
        vec![hybrid, classic],
        vec![kx_group::SECP256R1, classic, hybrid],
        vec![hybrid],
    ] {
        let client = Client { groups: groups.clone(), ..client.clone() };
        assert_eq!(client.served(&ports).await.1, NamedGroup::X25519MLKEM768, "{groups:?}");
    }
    let plain = Client { groups: vec![classic], ..client };
    assert_eq!(plain.served(&ports).await.1, NamedGroup::X25519, "who cannot do it is served");
}

#[tokio::test]
async fn http_1_1_alone_is_agreed_upon() {
    let vault = TestVault::new();
    let (ports, _, _files, client) = start(&vault).await;
    let offering = |protocols: &[&str]| Client {
        protocols: protocols.iter().map(|name| name.as_bytes().to_vec()).collect(),
        ..client.clone()
    };
    let stream = offering(&["h2", "http/1.1"]).connect(&ports).await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(offering(&["h2"]).connect(&ports).await.is_err());
    let answer = ask(ports.public, GET).await;
    assert!(!answer.contains("HTTP/1.1 200"), "in the clear: {answer}");
}

/// Guard: new files replace the earlier ones only if they can be used (http/tls.rs, `reload`).
#[tokio::test]
async fn a_new_certificate_is_served_and_a_broken_one_is_not() {
    let vault = TestVault::new();
    let (ports, tls, files, old) = start(&vault).await;
    let mut under_way = old.connect(&ports).await.expect("a handshake");
    let new = Client::new(files.certify());
    old.served(&ports).await;
    assert!(new.connect(&ports).await.is_err(), "it has not been read yet");
    tls.reload().expect("they can be used");
    new.served(&ports).await;
    assert!(old.connect(&ports).await.is_err(), "the old one is gone");

    std::fs::write(files.key(), "no key").expect("written");
    assert!(matches!(tls.reload(), Err(TlsError::File(path, _)) if path == files.key()));
    std::fs::remove_file(files.certificate()).expect("removed");
    assert!(matches!(tls.reload(), Err(TlsError::File(path, _)) if path == files.certificate()));
    new.served(&ports).await;

    // Clients that were connected before are not affected.
    under_way.write_all(GET.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[test]
fn a_certificate_and_a_key_must_belong_together() {
    let [one, other] = [Files::new(), Files::new()];
    one.certify();
    other.certify();
    assert!(one.load().is_ok());
    assert!(matches!(Tls::load(&one.certificate(), &other.key()), Err(TlsError::Unusable(_))));
    assert!(matches!(Tls::load(&one.key(), &one.key()), Err(TlsError::File(..) | TlsError::Unusable(_))));
    assert!(matches!(Tls::load(&one.certificate(), &one.certificate()), Err(TlsError::File(..))));
    std::fs::write(one.certificate(), "").expect("written");
    assert!(matches!(one.load(), Err(TlsError::File(..) | TlsError::Unusable(_))), "no certificate at all");
}

/// Guard: a handshake has a time limit (http/tls.rs, `HANDSHAKE_TIMEOUT`).
#[tokio::test]
async fn who_does_not_finish_the_handshake_is_let_go_after_ten_seconds() {
    let vault = TestVault::new();
    let (ports, _, _files, client) = start(&vault).await;
    let mut hello = Vec::new();
    let mut connection = rustls::ClientConnection::new(client.config(), server_name()).expect("a client");
    connection.write_tls(&mut hello).expect("written");
    let half = hello.len() / 2;
    let silent = async |sent: &[u8]| {
        let mut stream = TcpStream::connect(ports.public).await.expect("connected");
        let start = Instant::now();
        stream.write_all(sent).await.expect("sent");
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut answer)).await;
        assert!(closed.is_ok(), "{} bytes, and it stays open", sent.len());
        assert!(start.elapsed() > Duration::from_secs(8), "{:?}", start.elapsed());
    };
    tokio::join!(silent(b""), silent(&hello[..half]), silent(&hello));
    let figures = ports.metrics().await;
    assert!(figures.contains("strongroom_connections_refused_total{code=\"tls_failed\"} 3\n"), "{figures}");
}
