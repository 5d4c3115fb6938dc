//! The donor's side of a handoff over HTTP (spec/root.md §10).

use crate::attestation::Attestation;
use crate::clock::Clock;
use crate::error::{ApiError, Code};
use crate::limits::ClientAddress;
use crate::verifier::Verifier;
use std::sync::Arc;
use strongroom::os_rng;
use strongroom_attest::Purpose;
use strongroom_attest::root_transfer::handoff::{
    HandoffError, HandoffRequest, Handover, Hello, Offer, ReceivedHello,
};
use strongroom_root::handoff::Donor;

/// Hands the vault's root to other replicas, if the operator has named a release key.
pub(crate) struct RootDonor {
    pub(crate) donor: Option<Donor>,
    pub(crate) attestation: Arc<Attestation>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) clock: Clock,
}

impl RootDonor {
    fn donor(&self) -> Result<&Donor, ApiError> {
        if self.attestation.attestor().platform().is_none() {
            return Err(
                Code::HandoffRefused.because("this server runs outside a TEE, so nobody can verify it")
            );
        }
        self.donor.as_ref().ok_or_else(|| {
            Code::HandoffRefused
                .because("this vault hands its root to nobody: its operator named no release key")
        })
    }

    /// Answers a joiner's first message with evidence of the code and the settings here.
    pub(crate) async fn offer(&self, hello: &Hello) -> Result<Offer, ApiError> {
        let donor = self.donor()?;
        let offering = ReceivedHello::new(hello, &mut os_rng()).map_err(refusal)?;
        let evidence = self.attestation.quote(Purpose::Handoff, offering.transcript()).await?;
        let configuration = self.attestation.configuration().clone();
        let (offer, offered) =
            offering.offer(evidence, configuration, *self.attestation.vault_id()).map_err(refusal)?;
        donor.remember(offered);
        Ok(offer)
    }

    /// Verifies the joiner, and seals the root to its key.
    pub(crate) async fn hand_over(
        &self,
        client: &ClientAddress,
        request: HandoffRequest,
    ) -> Result<Handover, ApiError> {
        let donor = self.donor()?;
        let taken =
            donor.take(request.handoff()).map_err(|error| Code::HandoffUnknown.because(error.to_string()))?;
        let (attestor, now) = (Arc::clone(self.attestation.attestor()), self.clock.now());
        let verification = move || taken.grant(&request, &attestor, now);
        let grant = self.verifier.run(client, verification).await?.map_err(|error| {
            tracing::warn!(%error, "the root was not handed over to a replica that asked for it");
            refusal(error)
        })?;
        let joiner = grant.joiner();
        let (platform, measurement) = (joiner.platform(), joiner.measurement());
        tracing::info!(platform, measurement, "the root was handed over to another replica");
        Ok(donor.hand_over(&grant, &mut os_rng()))
    }
}

fn refusal(error: HandoffError) -> ApiError {
    let code = match error {
        HandoffError::Malformed(_) | HandoffError::ManyStatements => Code::MalformedRequest,
        _ => Code::HandoffRefused,
    };
    code.because(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::limits::{Guard, Limits};
    use crate::metrics::Metrics;
    use strongroom::key::DecapsulationKey;
    use strongroom::slh_dsa::PublicKey;
    use strongroom_attest::root_transfer::handoff::Joiner;
    use strongroom_attest::{KeyOrigin, Protection};
    use strongroom_root::{Attestor, Platform, Root};

    #[tokio::test]
    async fn outside_a_tee_no_root_is_offered() {
        let root = Root::generate(&mut os_rng());
        let vault_id = *root.vault_id().as_bytes();
        let key = DecapsulationKey::from_seed(&[1; 64]).encapsulation_key();
        let attestation = Attestation::new(
            Arc::new(Attestor::new(Platform::None)),
            (vault_id, root.epoch(), key),
            Config::new(Vec::new()).bound(KeyOrigin::Generated, Protection::Plain),
            Clock::system(),
        );
        let guard = Arc::new(Guard::new(&Limits::default()));
        let root_donor = RootDonor {
            donor: Some(Donor::new(root, PublicKey::from_bytes([7; 64]))),
            attestation: Arc::new(attestation),
            verifier: Arc::new(Verifier::new(guard, Arc::new(Metrics::new()))),
            clock: Clock::system(),
        };
        let hello = Joiner::new(vault_id, &mut os_rng()).hello();
        let refused = root_donor.offer(&hello).await.map(|_| ()).map_err(|error| error.code);
        assert_eq!(refused, Err(Code::HandoffRefused));
    }
}
