//! Evidence as a server presents it, before it is appraised.

use crate::error::ClientError;
use crate::http::Http;
use crate::tls::Handshake;
use getrandom::rand_core::Rng;
use strongroom::os_rng;
use strongroom_attest::{Appraisal, AppraisalPolicy, Challenge, Evidence, Purpose};
use time::OffsetDateTime;

/// What a server showed of itself when it was asked with a nonce.
#[derive(Debug)]
pub struct PresentedEvidence {
    evidence: Evidence,
    nonce: [u8; 32],
    handshake: Option<Handshake>,
}

impl PresentedEvidence {
    /// Asks for evidence with a fresh nonce, from whoever answers.
    pub(crate) fn request(http: &Http) -> Result<Self, ClientError> {
        let nonce = evidence_nonce();
        let path = format!("/secret/attestation?nonce={}", hex::encode(nonce));
        let (answer, handshake) = http.get_from_anybody(&path)?;
        Ok(Self { evidence: Evidence::from_json(&answer.body)?, nonce, handshake })
    }

    /// The TLS handshake of the connection that it came on, if there was one.
    pub(crate) fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_ref()
    }

    /// As it was sent.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Applies every rule, at this moment and for this connection.
    #[must_use]
    pub fn appraise(&self, policy: &AppraisalPolicy) -> Appraisal {
        let asked = Challenge {
            purpose: Purpose::Service,
            nonce: Some(self.nonce),
            tls_spki_sha256: self.handshake.as_ref().map(|handshake| handshake.spki_sha256),
        };
        strongroom_attest::appraise(&self.evidence, &asked, policy, OffsetDateTime::now_utc())
    }

    /// Whether the public authorities vouch for the connection, where they have to: there is TLS, and the evidence binds no key.
    #[must_use]
    pub fn certificate(&self) -> Option<Result<(), rustls::Error>> {
        let handshake = self.handshake.as_ref().filter(|_| !self.evidence.binds_tls())?;
        Some(handshake.vouched_for.clone())
    }
}

/// A fresh nonce, which the evidence must carry.
pub(crate) fn evidence_nonce() -> [u8; 32] {
    let mut nonce = [0; 32];
    os_rng().fill_bytes(&mut nonce);
    nonce
}
