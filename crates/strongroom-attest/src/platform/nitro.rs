//! AWS Nitro Enclaves (spec/attestation.md#nitro). The Nitro Secure Module's attestation document
//! is a COSE_Sign1 (RFC 9052 §4.2) with ES384, under AWS's certificates.

use super::Bound;
use crate::certificates::{self, NITRO};
use crate::checks::Checks;
use crate::policy::{AppraisalPolicy, Hex, NitroMeasurement};
use crate::refusal::Refusal;
use crate::report_data::Claims;
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};

/// The largest document that is read, in bytes.
const MAX_DOCUMENT_BYTES: usize = 20 * 1024;
const MAX_PAYLOAD_BYTES: usize = 16 * 1024;
const MAX_CERTIFICATES: usize = 8;
const MAX_CERTIFICATE_BYTES: usize = 1024;
/// The only protected header that is accepted, `{1: -35}`: the algorithm is ES384.
const PROTECTED: [u8; 4] = [0xA1, 0x01, 0x38, 0x22];
/// How far a document's time may be ahead of the present, and how far behind where it answers a
/// nonce.
const TOLERANCE: Duration = Duration::minutes(5);

/// A document that was parsed. Its signature has not been verified.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) module_id: String,
    pub(crate) timestamp_ms: u64,
    pub(crate) pcrs: BTreeMap<u32, [u8; 48]>,
    certificate: Vec<u8>,
    /// The certificates from the root down to the leaf's issuer.
    cabundle: Vec<Vec<u8>>,
    pub(crate) user_data: Vec<u8>,
    pub(crate) nonce: Vec<u8>,
    /// The COSE `Sig_structure` that the signature is over.
    signed: Vec<u8>,
    signature: [u8; 96],
}

/// PCR0 of a document, as a hint for people. The signature is not verified.
#[must_use]
pub fn pcr0(document: &[u8]) -> Option<[u8; 48]> {
    Parsed::parse(document).ok()?.pcrs.get(&0).copied()
}

impl Parsed {
    /// Reads a document, with or without the CBOR tag of a COSE_Sign1.
    ///
    /// # Errors
    /// [`Refusal::Oversized`] or [`Refusal::Report`].
    pub(crate) fn parse(document: &[u8]) -> Result<Self, Refusal> {
        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(Refusal::Oversized);
        }
        Self::read(document).ok_or(Refusal::Report)
    }

    fn read(document: &[u8]) -> Option<Self> {
        let mut d = Decoder::new(document);
        if d.datatype().ok()? == Type::Tag && d.tag().ok()?.as_u64() != 18 {
            return None;
        }
        let (4, protected, 0) = (d.array().ok()??, d.bytes().ok()?, d.map().ok()??) else { return None };
        let (payload, signature) = (d.bytes().ok()?, d.bytes().ok()?.try_into().ok()?);
        if d.position() != document.len() || protected != PROTECTED || payload.len() > MAX_PAYLOAD_BYTES {
            return None;
        }
        let mut signed = Vec::with_capacity(payload.len() + 32);
        Encoder::new(&mut signed)
            .array(4)
            .and_then(|e| e.str("Signature1")?.bytes(protected)?.bytes(&[])?.bytes(payload))
            .expect("writing to memory does not fail");
        Self::read_payload(payload, signed, signature)
    }

    fn read_payload(payload: &[u8], signed: Vec<u8>, signature: [u8; 96]) -> Option<Self> {
        let mut d = Decoder::new(payload);
        let mut names = Vec::new();
        let mut parsed = Self {
            module_id: String::new(),
            timestamp_ms: 0,
            pcrs: BTreeMap::new(),
            certificate: Vec::new(),
            cabundle: Vec::new(),
            user_data: Vec::new(),
            nonce: Vec::new(),
            signed,
            signature,
        };
        for _ in 0..d.map().ok()?? {
            let name = d.str().ok()?;
            match name {
                "module_id" => parsed.module_id = d.str().ok()?.to_owned(),
                "digest" if d.str().ok()? == "SHA384" => {}
                "timestamp" => parsed.timestamp_ms = d.u64().ok()?,
                "pcrs" => {
                    for _ in 0..d.map().ok()?? {
                        let (index @ 0..32, value) = (d.u32().ok()?, d.bytes().ok()?.try_into().ok()?) else {
                            return None;
                        };
                        if parsed.pcrs.insert(index, value).is_some() {
                            return None;
                        }
                    }
                }
                "certificate" => parsed.certificate = certificate(&mut d)?,
                "cabundle" => {
                    let count = d.array().ok()??;
                    if count > MAX_CERTIFICATES as u64 {
                        return None;
                    }
                    parsed.cabundle = (0..count).map(|_| certificate(&mut d)).collect::<Option<_>>()?;
                }
                "public_key" => drop(optional(&mut d)?),
                "user_data" => parsed.user_data = optional(&mut d)?,
                "nonce" => parsed.nonce = optional(&mut d)?,
                // `nitrotpm_pcrs`, for example, is in documents of instances, not of enclaves.
                _ => return None,
            }
            if names.contains(&name) {
                return None;
            }
            names.push(name);
        }
        let is_whole = ["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"]
            .iter()
            .all(|name| names.contains(name));
        (d.position() == payload.len() && is_whole && !parsed.cabundle.is_empty()).then_some(parsed)
    }

    pub(crate) fn pcr(&self, index: u32) -> Option<&[u8; 48]> {
        self.pcrs.get(&index).filter(|value| **value != [0; 48])
    }

    pub(crate) fn measurement(&self) -> Option<NitroMeasurement> {
        Some(NitroMeasurement {
            pcr0: Hex(*self.pcr(0)?),
            pcr1: Hex(*self.pcr(1)?),
            pcr2: Hex(*self.pcr(2)?),
            pcr8: self.pcr(8).map(|pcr| Hex(*pcr)),
        })
    }

    /// Checks that every certificate is valid at `now`, may be used as it is used here, and leads
    /// to the root.
    fn verify_chain(&self, root: &[u8], now: OffsetDateTime) -> Result<(), Refusal> {
        // The first one should be the root. The pinned root is used in its place.
        let between = self.cabundle.get(1..).ok_or(Refusal::Chain)?;
        let between: Vec<&[u8]> = between.iter().map(Vec::as_slice).collect();
        certificates::verify_path(&self.certificate, &between, root, NITRO, now)?;
        // webpki leaves the key usage to its callers (RFC 5280 §4.2.1.3).
        let usage = |der: &[u8]| certificates::key_usage(&certificates::parse(der)?).ok_or(Refusal::Chain);
        for issuer in between.iter().copied().chain([root]) {
            if !usage(issuer)?.key_cert_sign() {
                return Err(Refusal::Chain);
            }
        }
        let leaf = usage(&self.certificate)?;
        if leaf.digital_signature() && !leaf.key_cert_sign() { Ok(()) } else { Err(Refusal::Chain) }
    }

    fn is_signed(&self) -> bool {
        let Ok(certificate) = certificates::parse(&self.certificate) else { return false };
        p384::ecdsa::Signature::from_slice(&self.signature).is_ok_and(|signature| {
            certificates::verify_p384(certificates::public_key(&certificate), &self.signed, &signature)
                .is_some()
        })
    }
}

fn certificate(d: &mut Decoder<'_>) -> Option<Vec<u8>> {
    let der = d.bytes().ok()?;
    (1..=MAX_CERTIFICATE_BYTES).contains(&der.len()).then(|| der.to_vec())
}

/// Reads bytes, or null as no bytes: the module writes null although its description forbids it.
fn optional(d: &mut Decoder<'_>) -> Option<Vec<u8>> {
    if d.datatype().ok()? == Type::Null {
        d.null().ok()?;
        return Some(Vec::new());
    }
    let bytes = d.bytes().ok()?;
    (bytes.len() <= MAX_CERTIFICATE_BYTES).then(|| bytes.to_vec())
}

pub(crate) fn appraise(
    checks: &mut Checks,
    document: &[u8],
    claims: &Claims<'_>,
    is_fresh: bool,
    policy: &AppraisalPolicy,
    now: OffsetDateTime,
) -> Option<Bound> {
    let Some(rules) = &policy.aws_nitro else {
        return checks.need("policy", Err(Refusal::PlatformNotInPolicy));
    };
    let parsed = checks.need("document", Parsed::parse(document))?;
    let chain = parsed.verify_chain(&policy.trust_anchors.aws, now);
    checks.prove("enclave, certified by AWS", chain, |()| parsed.module_id.clone())?;
    checks.hold("document, signed by its module", "ES384", parsed.is_signed(), Refusal::Signature);

    let at = i64::try_from(parsed.timestamp_ms / 1000)
        .ok()
        .and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    let is_timely = at.is_some_and(|at| at - now <= TOLERANCE && (!is_fresh || now - at <= TOLERANCE));
    checks.hold(
        "document's time",
        at.map(|at| at.to_string()).unwrap_or_default(),
        is_timely,
        Refusal::Timestamp,
    );
    checks.hold("document's nonce", hex::encode(&parsed.nonce), parsed.nonce == claims.nonce, Refusal::Nonce);

    checks.hold(
        "measurements in the policy",
        rules.measurements.len().to_string(),
        !rules.measurements.is_empty(),
        Refusal::NoMeasurements,
    );
    let measurement = checks.need("PCR0-2", parsed.measurement().ok_or(Refusal::ZeroPcrs))?;
    let shown = format!("{} {} {}", measurement.pcr0, measurement.pcr1, measurement.pcr2);
    let is_listed = rules.measurements.iter().any(|known| {
        (known.pcr0, known.pcr1, known.pcr2) == (measurement.pcr0, measurement.pcr1, measurement.pcr2)
            && (known.pcr8.is_none() || known.pcr8 == measurement.pcr8)
    });
    checks.hold("PCR0-2, PCR8", shown, is_listed, Refusal::Measurement);
    Some(Bound { report_data: parsed.user_data, measurement: measurement.pcr0.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    /// The real document that the package `nitro_attest` ships.
    fn sample() -> Vec<u8> {
        let folder = strongroom_testkit::fetched_package_dir("nitro_attest");
        #[expect(clippy::disallowed_methods, reason = "a test reads its samples")]
        std::fs::read(folder.join("tests/fixtures/attestation.cose")).expect("a sample")
    }

    const MOMENT: OffsetDateTime = datetime!(2025-01-06 16:07:05 UTC);

    #[test]
    fn a_real_document_verifies_in_its_hours_and_at_no_other_time() {
        let parsed = Parsed::parse(&sample()).expect("a document");
        let root = crate::TrustAnchors::default().aws;
        let path = |now| parsed.verify_chain(&root, now);
        assert_eq!(path(MOMENT), Ok(()));
        assert_eq!(path(datetime!(2025-01-06 16:07:01 UTC)), Err(Refusal::Expired));
        assert_eq!(path(datetime!(2025-01-06 19:07:06 UTC)), Err(Refusal::Expired));
        assert!(parsed.is_signed());
        assert_eq!(parsed.timestamp_ms, 1_736_179_625_472);
        let measurement = parsed.measurement().expect("PCRs");
        assert!(measurement.pcr0.to_string().starts_with("8bb159f202bb95d6"));
        assert_eq!(measurement.pcr8, None);
        // Under another pinned root it is refused, although the bundle begins with AWS's root.
        assert_eq!(parsed.verify_chain(&crate::TrustAnchors::default().intel, MOMENT), Err(Refusal::Chain));
    }

    #[test]
    fn a_real_document_with_any_bit_flipped_is_refused() {
        let (document, root) = (sample(), crate::TrustAnchors::default().aws);
        for at in (0..document.len()).step_by(5) {
            let mut flipped = document.clone();
            flipped[at] ^= 1 << (at % 8);
            let is_taken = Parsed::parse(&flipped)
                .is_ok_and(|parsed| parsed.is_signed() && parsed.verify_chain(&root, MOMENT).is_ok());
            assert!(!is_taken, "byte {at}");
        }
    }
}
