//! Certificates and revocation lists (RFC 5280) of fake authorities, for tests only. No maker signs
//! them.

use super::der;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PSS_SHA384,
    RsaKeyPair,
};
use base64ct::{Base64, Encoding};
use std::sync::Arc;

/// RSASSA-PSS with SHA-384 and a salt of 48 bytes. The default trailerField is written out, as
/// AMD's Milan certificates have it.
const RSA_PSS_SHA384_WITH_TRAILER: &str = "304606092a864886f70d01010a3039a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130a303020101";

/// A signing key of one of the kinds that the makers use.
#[derive(Clone)]
pub enum Signer {
    /// ECDSA on P-256 with SHA-256.
    P256(Arc<EcdsaKeyPair>),
    /// ECDSA on P-384 with SHA-384.
    P384(Arc<EcdsaKeyPair>),
    /// RSASSA-PSS with SHA-384 and a salt of 48 bytes.
    RsaPss384(Arc<RsaKeyPair>),
}

impl Signer {
    /// Makes a new key on P-256.
    ///
    /// # Panics
    /// If the system gives no randomness.
    #[must_use]
    pub fn p256() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("randomness");
        Self::P256(Arc::new(key))
    }

    /// Makes a new key on P-384.
    ///
    /// # Panics
    /// If the system gives no randomness.
    #[must_use]
    pub fn p384() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("randomness");
        Self::P384(Arc::new(key))
    }

    /// Makes a new RSA key of 4,096 bits, which takes a second or so.
    ///
    /// # Panics
    /// If the system gives no randomness.
    #[must_use]
    pub fn rsa() -> Self {
        Self::RsaPss384(Arc::new(RsaKeyPair::generate(KeySize::Rsa4096).expect("randomness")))
    }

    /// The public key: an uncompressed point, or RSAPublicKey.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        match self {
            Self::P256(key) | Self::P384(key) => key.public_key().as_ref(),
            Self::RsaPss384(key) => key.public_key().as_ref(),
        }
    }

    /// The public key as SubjectPublicKeyInfo (RFC 5280 §4.1).
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        let algorithm = match self {
            Self::P256(_) => [der::oid("1.2.840.10045.2.1"), der::oid("1.2.840.10045.3.1.7")],
            Self::P384(_) => [der::oid("1.2.840.10045.2.1"), der::oid("1.3.132.0.34")],
            Self::RsaPss384(_) => [der::oid("1.2.840.113549.1.1.1"), der::null()],
        };
        der::sequence(&[der::sequence(&algorithm), der::bit_string(self.public_key())])
    }

    /// The AlgorithmIdentifier of the key's signatures.
    #[must_use]
    pub fn algorithm(&self) -> Vec<u8> {
        match self {
            Self::P256(_) => der::sequence(&[der::oid("1.2.840.10045.4.3.2")]),
            Self::P384(_) => der::sequence(&[der::oid("1.2.840.10045.4.3.3")]),
            Self::RsaPss384(_) => hex::decode(RSA_PSS_SHA384_WITH_TRAILER).expect("a constant"),
        }
    }

    /// A signature as certificates have it. For ECDSA it is a SEQUENCE of two INTEGERs.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.sign_fixed(message);
        if matches!(self, Self::RsaPss384(_)) {
            return signature;
        }
        let (r, s) = signature.split_at(signature.len() / 2);
        der::sequence(&[der::unsigned(r), der::unsigned(s)])
    }

    /// A signature of constant size. For ECDSA it is r and s, big-endian, each as long as the
    /// field.
    ///
    /// # Panics
    /// If the system gives no randomness.
    #[must_use]
    pub fn sign_fixed(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::P256(key) | Self::P384(key) => {
                key.sign(&random, message).expect("randomness").as_ref().to_vec()
            }
            Self::RsaPss384(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PSS_SHA384, &random, message, &mut signature).expect("randomness");
                signature
            }
        }
    }

    /// The PKCS #8 encoding of a key on a curve.
    ///
    /// # Panics
    /// If the key is an RSA key.
    #[must_use]
    pub fn pkcs8(&self) -> Vec<u8> {
        let (Self::P256(key) | Self::P384(key)) = self else { panic!("only keys on curves are handed out") };
        key.to_pkcs8v1().expect("a key has an encoding").as_ref().to_vec()
    }
}

/// A Name with one attribute, commonName.
#[must_use]
pub fn name(common_name: &str) -> Vec<u8> {
    let attribute = der::sequence(&[der::oid("2.5.4.3"), der::utf8_string(common_name)]);
    der::sequence(&[der::set(&attribute)])
}

/// The fields of a certificate of version 3.
pub struct Certificate<'a> {
    /// The serial number, which is unique for an issuer.
    pub serial: u64,
    /// A Name in DER, for example from [`name`].
    pub issuer: &'a [u8],
    /// A Name in DER, for example from [`name`].
    pub subject: &'a [u8],
    /// The first and the last second, since 1970.
    pub validity: (i64, i64),
    /// The key that is certified. Only its public half is used.
    pub key: &'a Signer,
    /// Extensions in DER, from [`extension`] or the functions after it.
    pub extensions: &'a [Vec<u8>],
}

impl Certificate<'_> {
    /// The certificate in DER, signed by the issuer.
    #[must_use]
    pub fn sign(&self, issuer: &Signer) -> Vec<u8> {
        let mut tbs = vec![
            der::explicit(0, &der::integer(2)),
            der::integer(self.serial),
            issuer.algorithm(),
            self.issuer.to_vec(),
            der::sequence(&[der::time(self.validity.0), der::time(self.validity.1)]),
            self.subject.to_vec(),
            self.key.spki(),
        ];
        if !self.extensions.is_empty() {
            tbs.push(der::explicit(3, &der::sequence(self.extensions)));
        }
        signed(der::sequence(&tbs), issuer)
    }
}

fn signed(tbs: Vec<u8>, issuer: &Signer) -> Vec<u8> {
    let signature = issuer.sign(&tbs);
    der::sequence(&[tbs, issuer.algorithm(), der::bit_string(&signature)])
}

/// The fields of a complete revocation list of version 2.
pub struct Crl<'a> {
    /// The issuer's Name in DER.
    pub issuer: &'a [u8],
    /// When the list was made, in seconds since 1970.
    pub this_update: i64,
    /// The last second in which it holds, since 1970.
    pub next_update: i64,
    /// The serial numbers of revoked certificates.
    pub revoked: &'a [u64],
    /// The CRLNumber extension (RFC 5280 §5.2.3).
    pub number: u64,
}

impl Crl<'_> {
    /// The list in DER, signed by the issuer.
    #[must_use]
    pub fn sign(&self, issuer: &Signer) -> Vec<u8> {
        let mut tbs = vec![
            der::integer(1),
            issuer.algorithm(),
            self.issuer.to_vec(),
            der::time(self.this_update),
            der::time(self.next_update),
        ];
        let entry = |serial: &u64| der::sequence(&[der::integer(*serial), der::time(self.this_update)]);
        // An empty list must not be there (RFC 5280 §5.1.2.6).
        if !self.revoked.is_empty() {
            tbs.push(der::sequence(&self.revoked.iter().map(entry).collect::<Vec<_>>()));
        }
        let number = extension("2.5.29.20", false, &der::integer(self.number));
        tbs.push(der::explicit(0, &der::sequence(&[number])));
        signed(der::sequence(&tbs), issuer)
    }
}

/// An extension, whose contents are given in DER.
#[must_use]
pub fn extension(oid: &str, is_critical: bool, contents: &[u8]) -> Vec<u8> {
    let mut parts = vec![der::oid(oid)];
    // DER leaves FALSE out, because it is the default.
    if is_critical {
        parts.push(der::boolean(true));
    }
    parts.push(der::octet_string(contents));
    der::sequence(&parts)
}

/// basicConstraints of an authority, as a critical extension.
#[must_use]
pub fn authority(path_length: Option<u64>) -> Vec<u8> {
    let mut parts = vec![der::boolean(true)];
    parts.extend(path_length.map(der::integer));
    extension("2.5.29.19", true, &der::sequence(&parts))
}

/// basicConstraints of a leaf, as a critical extension.
#[must_use]
pub fn no_authority() -> Vec<u8> {
    extension("2.5.29.19", true, &der::sequence::<Vec<u8>>(&[]))
}

/// The bit digitalSignature of keyUsage.
pub const DIGITAL_SIGNATURE: u8 = 0;
/// The bit nonRepudiation of keyUsage.
pub const NON_REPUDIATION: u8 = 1;
/// The bit keyCertSign of keyUsage.
pub const KEY_CERT_SIGN: u8 = 5;
/// The bit cRLSign of keyUsage.
pub const CRL_SIGN: u8 = 6;

/// keyUsage with these bits, as a critical extension.
#[must_use]
pub fn key_usage(is_critical: bool, bits: &[u8]) -> Vec<u8> {
    extension("2.5.29.15", is_critical, &der::named_bits(bits))
}

/// A PEM block with this label (RFC 7468).
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = Base64::encode_string(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Certificates as PEM, one after the other.
#[must_use]
pub fn pem_chain(certificates: &[&[u8]]) -> String {
    certificates.iter().map(|der| pem("CERTIFICATE", der)).collect()
}
