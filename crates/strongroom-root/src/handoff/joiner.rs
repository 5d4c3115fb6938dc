//! The joiner: a replica that asks another replica for the root, once each has verified the other.

use crate::attestor::{Attestor, timestamp};
use crate::platform::PlatformError;
use crate::root::Root;
use rand_core::CryptoRng;
use strongroom_attest::Configuration;
use strongroom_attest::root_transfer::handoff::{
    HandoffError, HandoffRequest, Handover, Hello, Joiner, Offer, ReleasePolicies,
};
use strongroom_attest::root_transfer::release_statement::ReleaseStatement;
use time::OffsetDateTime;

/// Why a replica did not get the root from another one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError<E: std::error::Error + 'static> {
    /// This server runs outside a TEE, so no replica can verify it.
    #[error("this server runs outside a TEE, so no replica can verify it")]
    OutsideTee,
    /// The settings name no release key, so nothing says which code may have the root.
    #[error("no release key is set, so nothing says which code may have the root")]
    NoReleaseKey,
    /// A release statement is not signed by the release key, or is for another vault or time.
    #[error("a release statement was refused")]
    Statement(#[source] HandoffError),
    /// The donor could not be reached, or refused.
    #[error(transparent)]
    Donor(E),
    /// One of the two did not pass the other's verification.
    #[error(transparent)]
    Handoff(#[from] HandoffError),
    /// This server's platform does not vouch for it.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The donor handed over a root that this vault's keys do not follow from.
    #[error("the other replica handed over another vault's root")]
    OtherVault,
}

/// What a joiner asks for, and what it shows to the donor.
pub struct JoinRequest<'a> {
    /// The id of the vault whose store is here.
    pub vault_id: [u8; 32],
    /// The configuration that this server will run with. Its release key says which code may have
    /// the root.
    pub configuration: &'a Configuration,
    /// Statements that the release key has signed, for the joiner's code and for the donor's.
    pub statements: Vec<ReleaseStatement>,
    /// Makes the evidence of this server.
    pub attestor: &'a Attestor,
}

/// Asks a donor for the root. `ask_offer` and `ask_root` are the two calls of a handoff. Blocks
/// until the platform and the donor have answered.
///
/// # Errors
/// [`JoinError`]. Nothing has been kept then.
pub fn join<E: std::error::Error + 'static>(
    request: JoinRequest<'_>,
    rng: &mut impl CryptoRng,
    ask_offer: impl FnOnce(&Hello) -> Result<Offer, E>,
    ask_root: impl FnOnce(&HandoffRequest) -> Result<Handover, E>,
) -> Result<Root, JoinError<E>> {
    let JoinRequest { vault_id, configuration, statements, attestor } = request;
    if attestor.platform().is_none() {
        return Err(JoinError::OutsideTee);
    }
    let release_key = configuration.release_key.ok_or(JoinError::NoReleaseKey)?;
    let now = OffsetDateTime::now_utc;
    let joiner = Joiner::new(vault_id, rng);
    let released =
        ReleasePolicies::from_statements(&statements, &release_key, &vault_id, attestor.roots(), now())
            .map_err(JoinError::Statement)?;
    let offer = ask_offer(&joiner.hello()).map_err(JoinError::Donor)?;
    let met = joiner.accept(&offer, &released, configuration, now())?;
    let evidence = attestor.quote(&met.claims(timestamp(now())))?;
    let handover = ask_root(&met.request(evidence, statements)).map_err(JoinError::Donor)?;
    Root::received(met.open(&handover)?).ok_or(JoinError::OtherVault)
}
