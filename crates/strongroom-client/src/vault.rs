//! A vault that has not been verified yet.

use crate::error::ClientError;
use crate::http::Http;
use crate::presented_evidence::PresentedEvidence;
use crate::verified_vault::VerifiedVault;
use strongroom_attest::AppraisalPolicy;

/// A server that has not been verified yet. Nothing secret is sent to it.
pub struct Vault {
    http: Http,
}

impl Vault {
    /// A vault at `https://host[:port]`; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Url`].
    pub fn at(url: &str) -> Result<Self, ClientError> {
        Http::at(url).map(|http| Self { http })
    }

    /// Asks for evidence with a fresh nonce, and verifies it. This is the only way to a
    /// [`VerifiedVault`].
    ///
    /// # Errors
    /// [`ClientError::Untrusted`] with the rule that failed, [`ClientError::Certificate`], or an
    /// error of the transport.
    pub fn attest(self, policy: &AppraisalPolicy) -> Result<VerifiedVault, ClientError> {
        let presented = self.request_evidence()?;
        let server = presented.appraise(policy).verdict()?;
        self.http.trust(presented.handshake(), server.tls_spki_sha256())?;
        Ok(VerifiedVault { http: self.http, server })
    }

    /// Asks for evidence with a fresh nonce. Any server may answer, since nothing is trusted yet.
    ///
    /// # Errors
    /// [`ClientError::Untrusted`] if the answer is not evidence, or an error of the transport.
    pub fn request_evidence(&self) -> Result<PresentedEvidence, ClientError> {
        PresentedEvidence::request(&self.http)
    }
}
