//! TLS to a server that is known by its key. The public authorities vouch for the key, or the
//! server's verified evidence does.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error as TlsError,
    RootCertStore, SignatureScheme, StreamOwned,
};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

/// The servers that may be at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    /// Servers that the public authorities vouch for.
    Authorities,
    /// Any server, only for the request whose answer identifies it.
    Anybody,
    /// The server whose key has this SHA-256 of its SubjectPublicKeyInfo.
    Key([u8; 32]),
}

/// The facts that a TLS handshake showed.
#[derive(Debug, Clone)]
pub(crate) struct Handshake {
    /// SHA-256 of the SubjectPublicKeyInfo (RFC 5280 §4.1) of the server's certificate.
    pub(crate) spki_sha256: [u8; 32],
    /// Whether the public authorities vouch for it.
    pub(crate) vouched_for: Result<(), TlsError>,
}

/// Decides which servers one client accepts, for all of its connections.
#[derive(Debug)]
pub(crate) struct Peer {
    authorities: Arc<WebPkiServerVerifier>,
    allowed: RwLock<Allowed>,
    last: RwLock<Option<Handshake>>,
}

impl Peer {
    pub(crate) fn new() -> Arc<Self> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .expect("there are roots, and no revocation lists");
        Arc::new(Self { authorities, allowed: RwLock::new(Allowed::Authorities), last: RwLock::new(None) })
    }

    /// Lets any server answer, until [`pin`](Self::pin) or
    /// [`trust_authorities`](Self::trust_authorities).
    pub(crate) fn let_anybody_answer(&self) {
        self.allow(Allowed::Anybody);
    }

    /// From now on, accepts servers that the public authorities vouch for.
    pub(crate) fn trust_authorities(&self) {
        self.allow(Allowed::Authorities);
    }

    /// From now on, accepts only the server with this key.
    pub(crate) fn pin(&self, spki_sha256: [u8; 32]) {
        self.allow(Allowed::Key(spki_sha256));
    }

    /// The last handshake, if there was one.
    pub(crate) fn last_handshake(&self) -> Option<Handshake> {
        self.last.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn allow(&self, allowed: Allowed) {
        *self.allowed.write().unwrap_or_else(PoisonError::into_inner) = allowed;
    }
}

impl ServerCertVerifier for Peer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let spki_sha256 = Sha256::digest(&key).into();
        let vouched_for = self
            .authorities
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map(drop);
        let allowed = *self.allowed.read().unwrap_or_else(PoisonError::into_inner);
        let verdict = match allowed {
            Allowed::Anybody => Ok(()),
            Allowed::Authorities => vouched_for.clone(),
            Allowed::Key(pinned) if pinned == spki_sha256 => Ok(()),
            Allowed::Key(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
        };
        *self.last.write().unwrap_or_else(PoisonError::into_inner) =
            Some(Handshake { spki_sha256, vouched_for });
        verdict.map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.authorities.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.authorities.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// AWS-LC, which offers X25519MLKEM768 first.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Wraps connections to `https` URLs in TLS.
pub(crate) struct TlsConnector {
    /// Host and port of the server.
    authority: String,
    /// The TLS configuration for the server itself.
    server: Arc<ClientConfig>,
    /// The TLS configuration for all others, such as a proxy. The public authorities must vouch for
    /// them.
    others: Arc<ClientConfig>,
}

impl TlsConnector {
    pub(crate) fn new(authority: &str, peer: Arc<Peer>) -> Self {
        let others = Arc::clone(&peer.authorities);
        Self { authority: authority.to_owned(), server: Self::config(peer), others: Self::config(others) }
    }

    fn config(verifier: Arc<dyn ServerCertVerifier>) -> Arc<ClientConfig> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has the default versions")
            // The library calls every verifier other than its own dangerous. Ours asks the
            // library's first.
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        // A resumed session shows no certificate, so its server was accepted under an earlier rule.
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConnector")
    }
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(transport) = chained else { return Ok(None) };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().ok_or(Error::HostNotFound)?;
        let name = ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']'))
            .map_err(|_| Error::HostNotFound)?
            .to_owned();
        let is_server =
            details.uri.authority().is_some_and(|other| other.as_str().eq_ignore_ascii_case(&self.authority));
        let config = if is_server { &self.server } else { &self.others };
        let mut connection = ClientConnection::new(Arc::clone(config), name)?;
        let mut socket = TransportAdapter::<Box<dyn Transport>>::new(
            Box::new(transport),
            Arc::clone(&details.current_time),
        );
        socket.set_timeout(details.timeout);
        connection.complete_io(&mut socket)?;
        let (input, output) = (details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(TlsTransport {
            buffers: LazyBuffers::new(input, output),
            stream: StreamOwned::new(connection, socket),
        })))
    }
}

/// An encrypted connection.
pub(crate) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport")
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.sock.set_timeout(timeout);
        Ok(std::io::Write::write_all(&mut self.stream, &self.buffers.output()[..amount])?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.sock.set_timeout(timeout);
        let amount = std::io::Read::read(&mut self.stream, self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{HandshakeKind, ServerConfig, ServerConnection};

    #[test]
    fn the_post_quantum_group_is_offered_first() {
        assert_eq!(provider().kx_groups[0].name(), rustls::NamedGroup::X25519MLKEM768);
    }

    /// Even a server that hands out tickets makes a full handshake each time, with its certificate.
    #[test]
    fn no_session_is_resumed() {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("PKCS#8");
        let server = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .expect("they fit");
        let (server, peer) = (Arc::new(server), Peer::new());
        peer.let_anybody_answer();
        let connector = TlsConnector::new("localhost", peer);
        for _ in 0..2 {
            let name = ServerName::try_from("localhost").expect("a name");
            let mut client = ClientConnection::new(Arc::clone(&connector.server), name).expect("a client");
            let mut server = ServerConnection::new(Arc::clone(&server)).expect("a server");
            // Tickets follow the handshake.
            for _ in 0..4 {
                let mut sent = Vec::new();
                while client.wants_write() {
                    client.write_tls(&mut sent).expect("to memory");
                }
                server.read_tls(&mut &sent[..]).expect("from memory");
                server.process_new_packets().expect("a handshake");
                let mut answered = Vec::new();
                while server.wants_write() {
                    server.write_tls(&mut answered).expect("to memory");
                }
                client.read_tls(&mut &answered[..]).expect("from memory");
                client.process_new_packets().expect("a handshake");
            }
            assert_eq!(client.handshake_kind(), Some(HandshakeKind::Full));
        }
    }
}
