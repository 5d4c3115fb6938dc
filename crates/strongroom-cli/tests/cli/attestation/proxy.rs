//! A proxy between a client and its server.

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ParsedCertificate;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use ureq::tls::TlsConfig;

/// Relays requests for attestation, and changes the answers. It notes all other requests, and
/// does not answer.
pub(super) struct Proxy {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// A key, and the certificate for `localhost` that it signed itself.
#[derive(Clone)]
pub(super) struct TlsIdentity {
    certificate: CertificateDer<'static>,
    pkcs8: Vec<u8>,
}

impl TlsIdentity {
    pub(super) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        Self { certificate: made.cert.der().clone(), pkcs8: made.signing_key.serialize_der() }
    }

    /// The SHA-256 of the key's SubjectPublicKeyInfo.
    pub(super) fn spki_sha256(&self) -> [u8; 32] {
        let parsed = ParsedCertificate::try_from(&self.certificate).expect("a certificate");
        Sha256::digest(parsed.subject_public_key_info()).into()
    }

    fn config(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.pkcs8.clone()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key);
        Arc::new(config.expect("a certificate and its key"))
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Proxy {
    /// A proxy that speaks plain HTTP.
    pub(super) fn start(upstream: &str, change: impl FnMut(&mut Value) + Send + 'static) -> Self {
        Self::run(upstream, "http://127.0.0.1", |stream| Box::new(stream), change)
    }

    /// A proxy that ends the TLS with its own key.
    pub(super) fn with_tls(upstream: &str, change: impl FnMut(&mut Value) + Send + 'static) -> Self {
        Self::with_identities(upstream, [TlsIdentity::new()], change)
    }

    /// A proxy that uses the next of these keys for each connection, and then stays with the last
    /// one.
    pub(super) fn with_identities<const N: usize>(
        upstream: &str,
        identities: [TlsIdentity; N],
        change: impl FnMut(&mut Value) + Send + 'static,
    ) -> Self {
        let mut identities = identities.into_iter();
        let mut present = None;
        let accept = move |stream| -> Box<dyn Stream> {
            present = identities.next().or(present.take());
            let config = present.as_ref().expect("there is one").config();
            let connection = ServerConnection::new(config).expect("a configuration");
            Box::new(StreamOwned::new(connection, stream))
        };
        Self::run(upstream, "https://localhost", accept, change)
    }

    fn run(
        upstream: &str,
        place: &str,
        mut accept: impl FnMut(TcpStream) -> Box<dyn Stream> + Send + 'static,
        mut change: impl FnMut(&mut Value) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("{place}:{}", listener.local_addr().expect("bound").port());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (upstream, noted) = (upstream.to_owned(), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client may close the connection early.
                let _ = serve(accept(stream), &noted, |target| {
                    let mut answer = fetch(&format!("{upstream}{target}"));
                    change(&mut answer);
                    answer
                });
            }
        });
        Self { url, requests }
    }

    /// The first line of each request since the last call.
    pub(super) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().expect("no panic"))
    }

    /// Asserts that a client asked for attestation once, and for nothing else.
    #[track_caller]
    pub(super) fn was_asked_once(&self) {
        let requests = self.requests();
        assert!(
            matches!(&requests[..], [one] if one.starts_with("GET /secret/attestation?nonce=")),
            "{requests:?}"
        );
    }
}

/// A client's TLS verifier that accepts every server.
fn fetch(url: &str) -> Value {
    let tls = TlsConfig::builder()
        .disable_verification(true)
        .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
        .build();
    let agent = ureq::Agent::config_builder().proxy(None).tls_config(tls).build().new_agent();
    let mut answer = agent.get(url).call().expect("an answer");
    let body = answer.body_mut().read_to_vec().expect("a body");
    serde_json::from_slice(&body).expect("JSON")
}

/// Makes one request and closes the connection.
fn serve(
    stream: Box<dyn Stream>,
    requests: &Mutex<Vec<String>>,
    mut answer: impl FnMut(&str) -> Value,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let line = head.lines().next().unwrap_or_default().to_owned();
    requests.lock().expect("no panic").push(line.clone());
    let Some(target) = line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()) else {
        return Ok(());
    };
    let body = answer(target).to_string();
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.get_mut().write_all([head, body].concat().as_bytes())?;
    stream.get_mut().flush()
}
