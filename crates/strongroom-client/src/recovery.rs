//! A server that waits for a recovery recipient to bring its vault's root (spec/root.md §9). The
//! root is sealed to the verified server, so a proxy that ends the TLS cannot read it.

use crate::error::ClientError;
use crate::http::Http;
use crate::presented_evidence::evidence_nonce;
use strongroom::encoding::{base64, from_base64};
use strongroom::key::{Identity, Recipient};
use strongroom::os_rng;
use strongroom_attest::root_transfer::recovery::{DeliveredRoot, RecoveryError, WaitingServer};
use strongroom_attest::root_transfer::root_envelope;
use strongroom_attest::{AppraisalPolicy, Challenge, Configuration, VerifiedServer};
use time::OffsetDateTime;

/// A server that waits for its root, and has not been verified yet.
pub struct RecoveryTarget {
    http: Http,
    shown: WaitingServer,
    asked: Challenge,
}

impl RecoveryTarget {
    /// Asks a server for its evidence and for the settings that it waits with.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn at(url: &str) -> Result<Self, ClientError> {
        let http = Http::at(url)?;
        let nonce = evidence_nonce();
        let (answer, handshake) =
            http.get_from_anybody(&format!("/recovery?nonce={}", hex::encode(nonce)))?;
        let tls_spki_sha256 = handshake.as_ref().map(|handshake| handshake.spki_sha256);
        let asked = Challenge { nonce: Some(nonce), tls_spki_sha256, ..Challenge::default() };
        Ok(Self { shown: answer.json()?, http, asked })
    }

    /// The settings that the server claims to run with. They have not been verified.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.shown.configuration
    }

    /// Verifies the server's evidence, and that its settings are those that the policy pins.
    ///
    /// # Errors
    /// [`RecoveryError`] with the rule that failed.
    pub fn verify(self, policy: &AppraisalPolicy) -> Result<VerifiedRecoveryTarget, RecoveryError> {
        let server = self.shown.verify(&self.asked, policy, OffsetDateTime::now_utc())?;
        Ok(VerifiedRecoveryTarget { http: self.http, shown: self.shown, server })
    }
}

/// A verified server that waits for its root.
pub struct VerifiedRecoveryTarget {
    http: Http,
    shown: WaitingServer,
    server: VerifiedServer,
}

impl VerifiedRecoveryTarget {
    /// The verified facts, such as the public key that the root is sealed to.
    #[must_use]
    pub fn server(&self) -> &VerifiedServer {
        &self.server
    }

    /// The settings that the server will run with.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.shown.configuration
    }

    /// Opens the root with the first of these keys that it is sealed for, and sends it, sealed to
    /// the verified server.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn recover(&self, keys: &[Identity]) -> Result<(), ClientError> {
        let envelope =
            from_base64(&self.shown.envelope).ok_or(ClientError::Answer("the envelope is not base64"))?;
        let vault_id = self.server.vault_id();
        let root = root_envelope::open(&envelope, vault_id, keys).map_err(ClientError::Recovery)?;
        let recipient = [Recipient::from(self.server.encapsulation_key().clone())];
        let sealed = root_envelope::seal(&root, vault_id, &recipient, &mut os_rng())
            .expect("an envelope takes one recipient");
        self.http.post_to_anybody("/recovery", &DeliveredRoot { envelope: base64(&sealed) }).map(drop)
    }
}
