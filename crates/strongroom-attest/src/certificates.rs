//! Verifies paths of X.509 certificates (RFC 5280) to a pinned root. `webpki` walks the path, and
//! RustCrypto does the arithmetic because it runs in wasm too.

use crate::refusal::Refusal;
use p384::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::pkcs1::DecodeRsaPublicKey;
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, UnixTime, alg_id,
};
use sha2::{Digest, Sha384};
use std::time::Duration;
use time::OffsetDateTime;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::KeyUsage;
use x509_cert::time::Time;

/// The largest certificate or revocation list that is read, in bytes of DER.
pub(crate) const MAX_DER_BYTES: usize = 64 * 1024;

/// ECDSA on P-384 with SHA-384 (FIPS 186-5).
#[derive(Debug)]
struct EcdsaP384;

impl SignatureVerificationAlgorithm for EcdsaP384 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let signature = p384::ecdsa::Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        verify_p384(public_key, message, &signature).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P384
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA384
    }
}

/// Verifies a signature over the SHA-384 of `message`, and gives `None` where it does not hold.
/// `public_key` is an uncompressed point of 97 bytes (SEC 1 §2.3.3).
pub(crate) fn verify_p384(
    public_key: &[u8],
    message: &[u8],
    signature: &p384::ecdsa::Signature,
) -> Option<()> {
    if public_key.len() != 97 {
        return None;
    }
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(public_key).ok()?;
    key.verify_prehash(&Sha384::digest(message), signature).ok()
}

/// RSASSA-PSS with SHA-384 and a salt of 48 bytes (RFC 8017 §8.1), under one of the two spellings
/// of its parameters.
#[derive(Debug)]
struct RsaPss384(AlgorithmIdentifier);

/// RFC 4055 §3.1, with the default trailerField written out. DER forbids that, but AMD's
/// certificates for Milan and Genoa have it.
const RSA_PSS_SHA384_WITH_TRAILER: AlgorithmIdentifier = AlgorithmIdentifier::from_slice(&[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x39, 0xa0, 0x0f, 0x30, 0x0d,
    0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a,
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86,
    0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x30, 0xa3, 0x03, 0x02,
    0x01, 0x01,
]);

impl SignatureVerificationAlgorithm for RsaPss384 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = rsa::PublicKey::from_pkcs1_der(public_key).map_err(|_| InvalidSignature)?;
        key.pss_verify::<Sha384>(message, signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0
    }
}

/// The algorithms that AWS may sign an enclave's certificates with.
pub(crate) const NITRO: &[&dyn SignatureVerificationAlgorithm] = &[&EcdsaP384];
/// The algorithms that AMD may sign a chip's certificates with.
pub(crate) const AMD: &[&dyn SignatureVerificationAlgorithm] =
    &[&RsaPss384(alg_id::RSA_PSS_SHA384), &RsaPss384(RSA_PSS_SHA384_WITH_TRAILER)];

/// Refuses any extended key usage: none of its names fits what these certificates are for.
struct NoUsage;

impl ExtendedKeyUsageValidator for NoUsage {
    fn validate(&self, mut usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        usages.next().map_or(Ok(()), |_| Err(webpki::Error::EmptyEkuExtension))
    }
}

/// Walks from the leaf over every intermediate certificate to the root. Each must be valid at
/// `now`.
///
/// # Errors
/// [`Refusal::Expired`] where one is not valid at `now`. [`Refusal::Chain`] where the path does not
/// lead to the root, or does not need every intermediate.
pub(crate) fn verify_path(
    leaf: &[u8],
    intermediates: &[&[u8]],
    root: &[u8],
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let refusal = |error| match error {
        webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => Refusal::Expired,
        _ => Refusal::Chain,
    };
    let seconds = u64::try_from(now.unix_timestamp()).map_err(|_| Refusal::Expired)?;
    // webpki does not look at the dates of a trust anchor.
    if !is_valid_at(&parse(root)?, now) {
        return Err(Refusal::Expired);
    }
    let root = CertificateDer::from(root);
    let anchor = anchor_from_trusted_cert(&root).map_err(refusal)?;
    let leaf = CertificateDer::from(leaf);
    let between: Vec<_> = intermediates.iter().map(|der| CertificateDer::from(*der)).collect();
    let path = EndEntityCert::try_from(&leaf)
        .map_err(refusal)?
        .verify_for_usage(
            algorithms,
            &[anchor],
            &between,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            NoUsage,
            None,
            None,
        )
        .map_err(refusal)?
        .intermediate_certificates()
        .count();
    if path == intermediates.len() { Ok(()) } else { Err(Refusal::Chain) }
}

/// Reads a certificate of at most [`MAX_DER_BYTES`], with nothing after it.
pub(crate) fn parse(der: &[u8]) -> Result<Certificate, Refusal> {
    if der.len() > MAX_DER_BYTES {
        return Err(Refusal::Chain);
    }
    Certificate::from_der(der).map_err(|_| Refusal::Chain)
}

fn is_valid_at(certificate: &Certificate, now: OffsetDateTime) -> bool {
    let validity = certificate.tbs_certificate().validity();
    (seconds(validity.not_before)..=seconds(validity.not_after)).contains(&now.unix_timestamp())
}

pub(crate) fn seconds(time: Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

/// The public key of a certificate: the contents of its BIT STRING.
pub(crate) fn public_key(certificate: &Certificate) -> &[u8] {
    certificate.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes()
}

/// The certificate's key usage extension (RFC 5280 §4.2.1.3), if it has one.
pub(crate) fn key_usage(certificate: &Certificate) -> Option<KeyUsage> {
    certificate.tbs_certificate().get_extension().ok().flatten().map(|(_, usage)| usage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_testkit::tee::pki::{self, Signer};

    /// A root with these dates, and a leaf that it issues, whose dates are always good.
    fn root_and_leaf(validity: (i64, i64)) -> (Vec<u8>, Vec<u8>) {
        let (key, name) = (Signer::p384(), pki::name("a root of this test"));
        let certificate = |serial, subject: &[u8], validity, extensions: &[Vec<u8>]| {
            pki::Certificate { serial, issuer: &name, subject, validity, key: &key, extensions }.sign(&key)
        };
        let root = certificate(1, &name, validity, &[pki::authority(None)]);
        (root, certificate(2, &pki::name("a leaf of this test"), (0, 10_000), &[pki::no_authority()]))
    }

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).expect("a time")
    }

    #[test]
    fn a_root_of_another_time_is_refused() {
        let (root, leaf) = root_and_leaf((1000, 2000));
        let path = |now| verify_path(&leaf, &[], &root, NITRO, at(now));
        assert_eq!((path(999), path(1000)), (Err(Refusal::Expired), Ok(())));
        assert_eq!((path(2000), path(2001)), (Ok(()), Err(Refusal::Expired)));
    }

    #[test]
    fn a_path_has_no_part_too_many() {
        let (root, leaf) = root_and_leaf((0, 10_000));
        assert_eq!(verify_path(&leaf, &[], &root, NITRO, at(1000)), Ok(()));
        assert_eq!(verify_path(&leaf, &[&root], &root, NITRO, at(1000)), Err(Refusal::Chain));
        assert_eq!(verify_path(&leaf, &[&leaf], &root, NITRO, at(1000)), Err(Refusal::Chain));
    }
}
