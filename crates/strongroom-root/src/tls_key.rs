//! A TLS key that is made inside the TEE and never leaves it.

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use zeroize::Zeroizing;

/// A private key and its chain of certificates. Nobody needs to trust the chain, because evidence
/// binds the key.
pub struct TlsKey {
    /// The private key, PKCS#8 in PEM.
    pub key_pem: Zeroizing<String>,
    /// The chain in PEM, the server's own certificate first.
    pub chain_pem: String,
}

impl TlsKey {
    /// A new P-256 key, with a self-signed certificate for `host`.
    ///
    /// # Errors
    /// [`rcgen::Error`] where `host` cannot stand in a certificate.
    pub fn generate(host: &str) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = CertificateParams::new([host.to_owned()])?.self_signed(&key)?;
        Ok(Self { key_pem: Zeroizing::new(key.serialize_pem()), chain_pem: certificate.pem() })
    }
}
