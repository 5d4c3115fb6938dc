//! A fake AWS for Nitro enclaves, for tests only: a root in the place of G1, what it certifies, and
//! attestation documents. No maker signs any of it.

use super::DAY;
use super::pki::{self, Certificate, Signer};
use minicbor::Encoder;
use sha2::{Digest, Sha384};

/// COSE's protected header `{1: -35}`, which means ES384.
const PROTECTED: [u8; 4] = [0xA1, 0x01, 0x38, 0x22];

/// The values in the certificate of an enclave's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The first and the last second, since 1970.
    pub validity: (i64, i64),
    /// keyUsage, by the numbers of [`pki`]. An empty list leaves the extension out.
    pub usage: Vec<u8>,
    /// Whether it may certify others. A real enclave's certificate never may.
    pub is_authority: bool,
}

/// A root that nobody trusts, in the place of AWS's, and an enclave that it certifies.
pub struct FakeAws {
    now: i64,
    root_der: Vec<u8>,
    /// Certificates from below the root down, in DER.
    intermediates: Vec<Vec<u8>>,
    leaf_key: Signer,
    leaf_der: Vec<u8>,
}

/// The contents of a document. In the default one the PCRs are those of an enclave that may not be
/// debugged and whose image nobody signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NitroDocument {
    /// The names of instance and enclave.
    pub module_id: String,
    /// The name of the hash of the PCRs, `SHA384` in real documents.
    pub digest: String,
    /// In milliseconds since 1970. `None` stands for the fake's own time.
    pub timestamp_ms: Option<u64>,
    /// PCRs with their index, in the order in which they are written.
    pub pcrs: Vec<(u32, [u8; 48])>,
    /// A key that the enclave asked to be bound. `None` is written as null, as the module does.
    pub public_key: Option<Vec<u8>>,
    /// Data that the enclave asked to be bound. `None` is written as null.
    pub user_data: Option<Vec<u8>>,
    /// The nonce that a client sent. `None` is written as null.
    pub nonce: Option<Vec<u8>>,
    /// Whether COSE's tag is written. AWS leaves it out.
    pub is_tagged: bool,
    /// Whether the bundle's certificates come in another order than root first.
    pub bundle_reversed: bool,
}

impl Default for NitroDocument {
    fn default() -> Self {
        let pcr = |n: u32| match n {
            0..=4 => (n, Sha384::digest(format!("strongroom's test kit: PCR{n}")).into()),
            _ => (n, [0; 48]),
        };
        Self {
            module_id: "i-0123456789abcdef0-enc0123456789abcdef".to_owned(),
            digest: "SHA384".to_owned(),
            timestamp_ms: None,
            pcrs: (0..16).map(pcr).collect(),
            public_key: None,
            user_data: None,
            nonce: None,
            is_tagged: false,
            bundle_reversed: false,
        }
    }
}

impl FakeAws {
    /// Makes keys at random. Authorities are valid for thirty days before and after `now_unix`, in
    /// seconds since 1970; the enclave is valid for three hours, from a minute before.
    #[must_use]
    pub fn new(now_unix: i64) -> Self {
        Self::with_leaf(now_unix, |_| ())
    }

    /// Does the same as [`new`](Self::new), with another certificate of the enclave's key.
    #[must_use]
    pub fn with_leaf(now_unix: i64, change: impl FnOnce(&mut Leaf)) -> Self {
        let mut leaf = Leaf {
            validity: (now_unix - 60, now_unix + 3 * 60 * 60),
            usage: vec![pki::DIGITAL_SIGNATURE, pki::NON_REPUDIATION],
            is_authority: false,
        };
        change(&mut leaf);
        let validity = (now_unix - 30 * DAY, now_unix + 30 * DAY);
        let signs = [pki::DIGITAL_SIGNATURE, pki::KEY_CERT_SIGN, pki::CRL_SIGN];

        let (mut issuer_name, mut issuer_key) = (pki::name("test.nitro-enclaves (no AWS)"), Signer::p384());
        let root_der = Certificate {
            serial: 1,
            issuer: &issuer_name,
            subject: &issuer_name,
            validity,
            key: &issuer_key,
            extensions: &[pki::authority(None), pki::key_usage(true, &signs)],
        }
        .sign(&issuer_key);
        let levels = [
            ("test.eu-central-1.nitro-enclaves (no AWS)", 2, &signs[..]),
            ("test.zonal.eu-central-1.nitro-enclaves (no AWS)", 1, &signs[..]),
            ("i-0123456789abcdef0.test.nitro-enclaves (no AWS)", 0, &[pki::KEY_CERT_SIGN][..]),
        ];
        let mut intermediates = Vec::new();
        for (common_name, path_length, usage) in levels {
            let (name, key) = (pki::name(common_name), Signer::p384());
            let certificate = Certificate {
                serial: 2 + path_length,
                issuer: &issuer_name,
                subject: &name,
                validity,
                key: &key,
                extensions: &[pki::authority(Some(path_length)), pki::key_usage(true, usage)],
            };
            intermediates.push(certificate.sign(&issuer_key));
            (issuer_name, issuer_key) = (name, key);
        }
        let mut extensions = vec![if leaf.is_authority { pki::authority(None) } else { pki::no_authority() }];
        if !leaf.usage.is_empty() {
            extensions.push(pki::key_usage(false, &leaf.usage));
        }
        let leaf_key = Signer::p384();
        let leaf_der = Certificate {
            serial: 5,
            issuer: &issuer_name,
            subject: &pki::name("i-0123456789abcdef0-enc0123456789abcdef.test (no AWS)"),
            validity: leaf.validity,
            key: &leaf_key,
            extensions: &extensions,
        }
        .sign(&issuer_key);
        Self { now: now_unix, root_der, intermediates, leaf_key, leaf_der }
    }

    /// The root's certificate, which a test pins.
    #[must_use]
    pub fn root_der(&self) -> &[u8] {
        &self.root_der
    }

    /// A document that the enclave's module signed, whatever its contents.
    ///
    /// # Panics
    /// If the fake's own time is before 1970.
    #[must_use]
    pub fn document(&self, document: &NitroDocument) -> Vec<u8> {
        let payload = self.payload(document);
        let mut signed = Vec::new();
        Encoder::new(&mut signed)
            .array(4)
            .and_then(|e| e.str("Signature1")?.bytes(&PROTECTED)?.bytes(&[])?.bytes(&payload))
            .expect("writing to memory does not fail");
        let signature = self.leaf_key.sign_fixed(&signed);
        let mut out = if document.is_tagged { vec![0xD2] } else { Vec::new() };
        Encoder::new(&mut out)
            .array(4)
            .and_then(|e| e.bytes(&PROTECTED)?.map(0)?.bytes(&payload)?.bytes(&signature))
            .expect("writing to memory does not fail");
        out
    }

    /// The keys are in the order of AWS's documents, which is not CBOR's own.
    fn payload(&self, document: &NitroDocument) -> Vec<u8> {
        let now_ms = u64::try_from(self.now * 1000).expect("after 1970");
        let mut bundle: Vec<_> = [&self.root_der].into_iter().chain(&self.intermediates).collect();
        if document.bundle_reversed {
            bundle.reverse();
        }
        let mut out = Vec::new();
        let mut e = Encoder::new(&mut out);
        let mut write = || {
            e.map(9)?.str("module_id")?.str(&document.module_id)?;
            e.str("digest")?.str(&document.digest)?;
            e.str("timestamp")?.u64(document.timestamp_ms.unwrap_or(now_ms))?;
            e.str("pcrs")?.map(document.pcrs.len() as u64)?;
            for (index, value) in &document.pcrs {
                e.u32(*index)?.bytes(value)?;
            }
            e.str("certificate")?.bytes(&self.leaf_der)?;
            e.str("cabundle")?.array(bundle.len() as u64)?;
            for certificate in &bundle {
                e.bytes(certificate)?;
            }
            let optional = [
                ("public_key", &document.public_key),
                ("user_data", &document.user_data),
                ("nonce", &document.nonce),
            ];
            for (name, value) in optional {
                match (e.str(name)?, value) {
                    (e, Some(value)) => e.bytes(value)?,
                    (e, None) => e.null()?,
                };
            }
            Ok::<_, minicbor::encode::Error<std::convert::Infallible>>(())
        };
        write().expect("writing to memory does not fail");
        out
    }
}
