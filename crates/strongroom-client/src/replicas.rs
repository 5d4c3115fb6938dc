//! Servers that are about to have a vault's root: one that waits for a recovery recipient, and one that another replica hands it to
//! (spec/root.md §9, §10). What is said is sealed and verified from end to end, so that it is no matter who ends the TLS.

use crate::http::Http;
use crate::{AppraisalPolicy, ClientError, rng};
use strongroom::encoding::{base64, from_base64};
use strongroom::key::{Identity, Recipient};
use strongroom_attest::root_transfer::handoff::{HandoffRequest, Handover, Hello, Offer};
use strongroom_attest::root_transfer::recovery::{DeliveredRoot, RecoveryError, WaitingServer};
use strongroom_attest::root_transfer::root_envelope;
use strongroom_attest::{Challenge, Configuration, VerifiedServer};
use time::OffsetDateTime;

/// A replica that has the root, before it has shown anything.
pub struct Replica {
    http: Http,
}

impl Replica {
    /// A replica at `https://host[:port]`, or at `http://` of this machine.
    ///
    /// # Errors
    /// [`ClientError::Url`].
    pub fn at(url: &str) -> Result<Self, ClientError> {
        Ok(Self { http: Http::at(url)? })
    }

    /// What it shows for a joiner's first message.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn offer(&self, hello: &Hello) -> Result<Offer, ClientError> {
        self.http.post_to_anybody("/handoff/offer", &json(hello))?.json()
    }

    /// What it answers to the second one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn root(&self, request: &HandoffRequest) -> Result<Handover, ClientError> {
        self.http.post_to_anybody("/handoff/root", &json(request))?.json()
    }
}

/// A server that waits for its root, before it was verified.
pub struct Waiting {
    http: Http,
    shown: WaitingServer,
    asked: Challenge,
}

impl Waiting {
    /// Asks a server what waits there.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn at(url: &str) -> Result<Self, ClientError> {
        let http = Http::at(url)?;
        let nonce = crate::fresh_nonce();
        let (answer, session) = http.get_from_anybody(&format!("/recovery?nonce={}", hex::encode(nonce)))?;
        let tls_spki_sha256 = session.as_ref().map(|session| session.spki_sha256);
        let asked = Challenge { nonce: Some(nonce), tls_spki_sha256, ..Challenge::default() };
        Ok(Self { shown: answer.json()?, http, asked })
    }

    /// What it says that it will run with. Nobody has verified it.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.shown.configuration
    }

    /// Verifies it, and that it goes on with the settings that the policy pins.
    ///
    /// # Errors
    /// [`RecoveryError`].
    pub fn verify(self, policy: &AppraisalPolicy) -> Result<VerifiedWaiting, RecoveryError> {
        let server = self.shown.verify(&self.asked, policy, OffsetDateTime::now_utc())?;
        Ok(VerifiedWaiting { http: self.http, shown: self.shown, server })
    }
}

/// A server that was verified, and waits for its root.
pub struct VerifiedWaiting {
    http: Http,
    shown: WaitingServer,
    server: VerifiedServer,
}

impl VerifiedWaiting {
    /// What was verified.
    #[must_use]
    pub fn server(&self) -> &VerifiedServer {
        &self.server
    }

    /// What it will run with.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.shown.configuration
    }

    /// Opens the root with the first of these keys that it is sealed for, and brings it, sealed to the verified server.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn recover(&self, keys: &[Identity]) -> Result<(), ClientError> {
        let envelope =
            from_base64(&self.shown.envelope).ok_or(ClientError::Answer("the envelope is no base64"))?;
        let vault_id = self.server.vault_id();
        let root = root_envelope::open(&envelope, vault_id, keys).map_err(ClientError::Recovery)?;
        let recipient = [Recipient::from(self.server.encapsulation_key().clone())];
        let sealed = root_envelope::seal(&root, vault_id, &recipient, &mut rng())
            .expect("an envelope takes one recipient");
        self.http.post_to_anybody("/recovery", &json(&DeliveredRoot { envelope: base64(&sealed) })).map(drop)
    }
}

fn json(message: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("messages are plain data")
}
