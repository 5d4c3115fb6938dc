//! Revocation lists (RFC 5280 §5): whether the issuer of a certificate has revoked it.

use crate::certificates::{MAX_DER_BYTES, parse, public_key, seconds};
use crate::refusal::Refusal;
use rustls_pki_types::SignatureVerificationAlgorithm;
use time::OffsetDateTime;
use x509_cert::crl::CertificateList;
use x509_cert::der::{Decode, Reader, SliceReader};

/// Checks that `certificate` is not in its issuer's revocation list (RFC 5280 §5), and that the
/// list is valid at `now`.
///
/// # Errors
/// [`Refusal::Collateral`] where the issuer did not sign the list, or it is only a part of one;
/// [`Refusal::Expired`]; [`Refusal::Revoked`] where the certificate is in it.
pub(crate) fn verify_not_revoked(
    certificate: &[u8],
    issuer: &[u8],
    list: &[u8],
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    if list.len() > MAX_DER_BYTES {
        return Err(Refusal::Collateral);
    }
    let (certificate, issuer) = (parse(certificate)?, parse(issuer)?);
    let crl = CertificateList::<x509_cert::certificate::Rfc5280>::from_der(list)
        .map_err(|_| Refusal::Collateral)?;
    let tbs = &crl.tbs_cert_list;
    let signed = signed_part(list).ok_or(Refusal::Collateral)?;
    let identifier =
        x509_cert::der::Encode::to_der(&crl.signature_algorithm).map_err(|_| Refusal::Collateral)?;
    let is_signed = crl.signature_algorithm == tbs.signature
        && tbs.issuer == *issuer.tbs_certificate().subject()
        && algorithms.iter().any(|algorithm| {
            // The algorithm's SEQUENCE, without tag and length, which are a byte each below 128
            // bytes.
            identifier.get(2..) == Some(algorithm.signature_alg_id().as_ref())
                && algorithm.verify_signature(public_key(&issuer), signed, crl.signature.raw_bytes()).is_ok()
        });
    if !is_signed {
        return Err(Refusal::Collateral);
    }
    // A part of a list, or a list of changes, is marked by a critical extension.
    let is_whole = tbs.crl_extensions.iter().flatten().all(|extension| !extension.critical);
    let next = tbs.next_update.filter(|_| is_whole).ok_or(Refusal::Collateral)?;
    if !(seconds(tbs.this_update)..=seconds(next)).contains(&now.unix_timestamp()) {
        return Err(Refusal::Expired);
    }
    let serial = certificate.tbs_certificate().serial_number();
    let revoked = tbs.revoked_certificates.iter().flatten().any(|entry| entry.serial_number == *serial);
    if revoked { Err(Refusal::Revoked) } else { Ok(()) }
}

/// The bytes that the signature of a certificate or a list is over: the first element of the outer
/// SEQUENCE, as it is encoded.
fn signed_part(der: &[u8]) -> Option<&[u8]> {
    let mut reader = SliceReader::new(der).ok()?;
    x509_cert::der::Header::decode(&mut reader).ok()?;
    reader.tlv_bytes().ok()
}
