//! A root that its recovery recipients can bring back (spec/root.md#recovery): the envelope that
//! the store keeps for them, and the server that waits for one of them.

use crate::attestor::{Attestor, timestamp};
use crate::platform::PlatformError;
use crate::root::Root;
use rand_core::CryptoRng;
use strongroom::encoding::base64;
use strongroom::key::{DecapsulationKey, EncapsulationKey, Recipient};
use strongroom_attest::root_transfer::recovery::WaitingServer;
use strongroom_attest::root_transfer::root_envelope::{self, RootEnvelopeError};
use strongroom_attest::{Claims, Configuration, Purpose};
use time::OffsetDateTime;

/// Why a server does not take the root that a recipient brought.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BroughtRootError {
    /// The envelope does not open, or is for another server or vault.
    #[error(transparent)]
    Envelope(#[from] RootEnvelopeError),
    /// The root is of another vault than the store that is here.
    #[error("this is not the root of the vault whose store is here")]
    OtherVault,
}

/// The envelope from which any one of `recipients` can bring `root` back, or `None` if there are no
/// recipients.
///
/// # Panics
/// If there are more recipients than an envelope takes. The settings refuse that many.
#[must_use]
pub fn recovery_envelope(root: &Root, recipients: &[Recipient], rng: &mut impl CryptoRng) -> Option<Vec<u8>> {
    (!recipients.is_empty())
        .then(|| root.for_recovery(recipients, rng).expect("recipients that an envelope takes"))
}

/// The root that a server waits for, because it has a vault's store and not its root.
pub struct AwaitedRoot {
    vault_id: [u8; 32],
    /// The envelope that the store kept for the recipients.
    envelope: Vec<u8>,
    /// The configuration that the server will run with.
    configuration: Configuration,
    /// Made for this wait, so a root that was sealed to an earlier wait never opens here.
    key: DecapsulationKey,
    public: EncapsulationKey,
}

impl AwaitedRoot {
    /// Waits for the root of `vault_id`, which `envelope` carries.
    #[must_use]
    pub fn new(
        vault_id: [u8; 32],
        envelope: Vec<u8>,
        configuration: Configuration,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let key = DecapsulationKey::generate(rng);
        Self { vault_id, envelope, configuration, public: key.encapsulation_key(), key }
    }

    /// Shows a recipient, for their nonce, which code waits and with which configuration. Blocks
    /// until the platform has answered.
    ///
    /// # Errors
    /// [`PlatformError`] where the platform does not vouch.
    pub fn show(&self, nonce: [u8; 32], attestor: &Attestor) -> Result<WaitingServer, PlatformError> {
        let evidence = attestor.quote(&Claims {
            purpose: Purpose::Recovery,
            vault_id: self.vault_id,
            epoch: 0,
            encapsulation_key: &self.public,
            key_origin: self.configuration.key_origin,
            config_digest: self.configuration.digest(),
            tls_spki_sha256: attestor.tls_spki_sha256(),
            nonce,
            timestamp: timestamp(OffsetDateTime::now_utc()),
        })?;
        let (configuration, envelope) = (self.configuration.clone(), base64(&self.envelope));
        Ok(WaitingServer { evidence, configuration, envelope })
    }

    /// Opens the root that a recipient sealed to this server's key.
    ///
    /// # Errors
    /// [`BroughtRootError`] where the envelope does not open, or holds another vault's root.
    pub fn take(&self, envelope: &[u8]) -> Result<Root, BroughtRootError> {
        let root = root_envelope::open(envelope, &self.vault_id, [&self.key])?;
        Root::recovered(root, &self.vault_id).ok_or(BroughtRootError::OtherVault)
    }
}
