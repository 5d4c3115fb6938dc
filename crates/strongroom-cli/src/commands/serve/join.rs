//! The joiner: asks another replica for the root, once each has verified the other (spec/attestation.md §9).

use crate::commands::rng;
use crate::error::{Hint, Refused};
use anyhow::{Context, Result, anyhow};
use std::sync::Arc;
use strongroom_attest::Configuration;
use strongroom_attest::handoff::{HandoffError, Joiner, Released};
use strongroom_attest::release::ReleaseStatement;
use strongroom_client::Replica;
use strongroom_root::Root;
use strongroom_server::{Attestor, timestamp};
use time::OffsetDateTime;

/// Who has the root, and who says what may have it.
pub(in crate::commands) struct Join {
    pub(in crate::commands) url: String,
    pub(in crate::commands) statements: Vec<ReleaseStatement>,
}

impl Join {
    /// The root of this vault, from the other replica. Waits for the platform and for the other.
    pub(super) async fn root(
        self,
        vault_id: [u8; 32],
        configuration: Configuration,
        attestor: Arc<Attestor>,
    ) -> Result<Root> {
        if attestor.platform().is_none() {
            return Err(anyhow!(Hint("join from inside a TEE; without one, copy root.sealed"))
                .context("--join: this server runs outside a TEE, and no replica can verify it"));
        }
        let url = self.url.clone();
        crate::error::tell(format_args!("asking {url} for the root"));
        let asked = tokio::task::spawn_blocking(move || self.ask(vault_id, &configuration, &attestor)).await;
        asked
            .context("the handoff broke off")?
            .map_err(|error| match error.downcast_ref() {
                Some(HandoffError::Untrusted(_)) => error.context(Hint(
                    "sign what each of the two runs with `strongroom vault release`, also where it is the same code, and name that with --release-statement",
                )),
                Some(_) => error.context(Hint("docs/operations.md says what two replicas need; nothing was changed")),
                None => error,
            })
            .with_context(|| format!("{url} did not hand the root over"))
    }

    fn ask(self, vault_id: [u8; 32], configuration: &Configuration, attestor: &Attestor) -> Result<Root> {
        let release_key = configuration
            .release_key
            .context("--join: --release-key names whose statements count, as at the other replica")?;
        let now = OffsetDateTime::now_utc;
        let replica = Replica::at(&self.url)?;
        let joiner = Joiner::new(vault_id, &mut rng());
        let released = Released::by(&self.statements, &release_key, &vault_id, attestor.roots(), now())
            .context("--release-statement")?;
        let offer = replica.offer(&joiner.hello())?;
        let met = joiner.meet(&offer, &released, configuration, now())?;
        let evidence = attestor.quote(&met.claims(timestamp(now())))?;
        let handover = replica.root(&met.request(evidence, self.statements))?;
        let root = Root::received(met.take(&handover)?);
        root.ok_or_else(|| Refused("what it handed over is another vault's root".to_owned()).into())
    }
}
