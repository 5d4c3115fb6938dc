//! Evidence as a server presents it, before it is appraised.

use crate::error::ClientError;
use crate::http::Http;
use crate::tls::Handshake;
use getrandom::rand_core::Rng;
use strongroom::os_rng;
use strongroom_attest::{Appraisal, AppraisalPolicy, Challenge, Evidence, Purpose};
use time::OffsetDateTime;

/// The evidence that a server presented when it was asked with a nonce. It has not been appraised
/// yet.
#[derive(Debug)]
pub struct PresentedEvidence {
    evidence: Evidence,
    nonce: [u8; 32],
    handshake: Option<Handshake>,
}

impl PresentedEvidence {
    /// Asks for evidence with a fresh nonce, from any server that answers.
    pub(crate) fn request(http: &Http) -> Result<Self, ClientError> {
        let nonce = evidence_nonce();
        let path = format!("/secret/attestation?nonce={}", hex::encode(nonce));
        let (answer, handshake) = http.get_from_anybody(&path)?;
        Ok(Self { evidence: Evidence::from_json(&answer.body)?, nonce, handshake })
    }

    /// The TLS handshake of the connection that the evidence came on, if there was one.
    pub(crate) fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_ref()
    }

    /// The evidence, as it was sent.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Applies every rule of the policy, for the present time and for this connection.
    #[must_use]
    pub fn appraise(&self, policy: &AppraisalPolicy) -> Appraisal {
        let asked = Challenge {
            purpose: Purpose::Service,
            nonce: Some(self.nonce),
            tls_spki_sha256: self.handshake.as_ref().map(|handshake| handshake.spki_sha256),
        };
        strongroom_attest::appraise(&self.evidence, &asked, policy, OffsetDateTime::now_utc())
    }

    /// Whether the public authorities vouch for the server's certificate. `None` if they need not,
    /// since there is no TLS or the evidence binds its key.
    #[must_use]
    pub fn certificate(&self) -> Option<Result<(), rustls::Error>> {
        let handshake = self.handshake.as_ref().filter(|_| !self.evidence.binds_tls())?;
        Some(handshake.vouched_for.clone())
    }
}

/// A fresh nonce, which the evidence must carry, so older evidence is refused.
pub(crate) fn evidence_nonce() -> [u8; 32] {
    let mut nonce = [0; 32];
    os_rng().fill_bytes(&mut nonce);
    nonce
}
