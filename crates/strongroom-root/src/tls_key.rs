//! A TLS key that is made inside of the TEE and never leaves it.

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use zeroize::Zeroizing;

/// A private key, and a chain of certificates that nobody need trust: evidence binds the key.
pub struct TlsKey {
    /// PKCS#8.
    pub key_pem: Zeroizing<String>,
    /// The server's certificate first.
    pub chain_pem: String,
}

impl TlsKey {
    /// A P-256 key, with a certificate for `host` that it signs itself.
    ///
    /// # Errors
    /// Where `host` cannot stand in a certificate.
    pub fn generate(host: &str) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = CertificateParams::new([host.to_owned()])?.self_signed(&key)?;
        Ok(Self { key_pem: Zeroizing::new(key.serialize_pem()), chain_pem: certificate.pem() })
    }
}
