//! The donor: hands the vault's root to another replica, once each has verified the other (spec/attestation.md §9).

use crate::error::{ApiError, Code};
use crate::limits::ClientAddress;
use crate::vault::Vault;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use strongroom::slh_dsa::PublicKey;
use strongroom_attest::Purpose;
use strongroom_attest::handoff::{HandoffError, Handover, Hello, Offer, Offered, Offering, Request};
use strongroom_root::Root;

/// How long an offer waits for the joiner's second message.
const LIFETIME: Duration = Duration::from_secs(60);
/// Offers that wait. One more takes the oldest one's place: who asks and goes away keeps nobody out.
const MAX_WAITING: usize = 64;

/// The root, for who may have it, and the offers that wait.
pub(crate) struct Donor {
    root: Root,
    release_key: PublicKey,
    waiting: Mutex<Vec<Waiting>>,
}

struct Waiting {
    since: Instant,
    offered: Offered,
}

impl Donor {
    pub(crate) fn new(root: Root, release_key: PublicKey) -> Self {
        Self { root, release_key, waiting: Mutex::default() }
    }

    fn remember(&self, offered: Offered) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|offer| offer.since.elapsed() < LIFETIME);
        if waiting.len() >= MAX_WAITING {
            waiting.remove(0);
        }
        waiting.push(Waiting { since: Instant::now(), offered });
    }

    /// The offer of this name, which is then answered, whatever the answer is.
    fn take(&self, handoff: &[u8; 32]) -> Option<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|offer| offer.since.elapsed() < LIFETIME);
        let at = waiting.iter().position(|offer| offer.offered.handoff() == handoff)?;
        Some(waiting.remove(at))
    }
}

impl Vault {
    fn donor(&self) -> Result<&Donor, ApiError> {
        if self.attestor.platform().is_none() {
            return Err(
                Code::HandoffRefused.because("this server runs outside a TEE: nobody could verify it")
            );
        }
        self.donor.as_ref().ok_or_else(|| {
            Code::HandoffRefused
                .because("this vault hands its root to nobody: its operator named no release key")
        })
    }

    /// Answers a joiner's first message with what runs here.
    pub(crate) async fn offer_root(self: &Arc<Self>, hello: &Hello) -> Result<Offer, ApiError> {
        let donor = self.donor()?;
        let offering = Offering::new(hello, &mut crate::rng()).map_err(refusal)?;
        let evidence = self.quote(Purpose::Handoff, offering.transcript()).await?;
        let (offer, offered) =
            offering.offer(evidence, self.bound.clone(), *self.vault_id.as_bytes()).map_err(refusal)?;
        donor.remember(offered);
        Ok(offer)
    }

    /// Verifies the joiner, and seals the root to its key.
    pub(crate) async fn hand_root_over(
        self: &Arc<Self>,
        client: &ClientAddress,
        request: Request,
    ) -> Result<Handover, ApiError> {
        let donor = self.donor()?;
        let waiting = donor.take(request.handoff()).ok_or_else(|| {
            Code::HandoffUnknown
                .because("no handoff of this name waits: it was answered, or a minute is over")
        })?;
        let (vault, release_key, now) = (Arc::clone(self), donor.release_key, self.now());
        let verify = move || waiting.offered.grant(&request, &release_key, vault.attestor.roots(), now);
        let grant = self.verify(client, verify).await?.map_err(|error| {
            tracing::warn!(%error, "the root was not handed over");
            refusal(error)
        })?;
        let joiner = grant.joiner();
        let (platform, measurement) = (joiner.platform(), joiner.measurement());
        tracing::info!(platform, measurement, "the root was handed over to another replica");
        Ok(donor.root.hand_over(&grant, &mut crate::rng()))
    }
}

fn refusal(error: HandoffError) -> ApiError {
    let code = match error {
        HandoffError::Malformed(_) | HandoffError::ManyStatements => Code::MalformedRequest,
        _ => Code::HandoffRefused,
    };
    code.because(error.to_string())
}
