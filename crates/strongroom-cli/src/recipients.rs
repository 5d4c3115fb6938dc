//! For whom something is sealed, and under which policy: what `encrypt`, `rewrap` and `secret put` share.

use crate::cli::{PolicyArgs, Recipients};
use crate::error::Hint;
use crate::files;
use anyhow::{Result, anyhow};
use strongroom::key::{EncapsulationKey, Recipient};
use strongroom::policy::EnvelopePolicy;
use strongroom::principal::Principal;
use strongroom_attest::TrustAnchors;
use strongroom_client::{Vault, VerifiedServer};
use time::OffsetDateTime;

/// The recipients, the vault among them, and the policy, with the vault as its audience.
pub(crate) fn of(
    recipients: &Recipients,
    policy: &PolicyArgs,
    roots: &TrustAnchors,
) -> Result<(Vec<Recipient>, EnvelopePolicy)> {
    let mut keys = files::recipients(&recipients.recipient, &recipients.recipients_file)?;
    let mut policy = policy.to_policy()?;
    if let Some(url) = &recipients.server {
        let vault = Vault::at(url)?.attest(&recipients.trust.policy(url, roots)?)?;
        add_vault(&mut keys, &mut policy, vault.server());
    } else if recipients.trust.is_given() {
        return Err(anyhow!(Hint("name the server with --server, or leave it out")).context(
            "--policy, --allow-no-tee and --allow-imported-key are about a server, and none is named",
        ));
    }
    Ok((keys, policy))
}

/// A vault opens nothing for nobody.
pub(crate) fn check_readers(recipients: &Recipients, readers: &[Principal]) -> Result<()> {
    if recipients.server.is_some() && readers.is_empty() {
        return Err(anyhow!(Hint("name the wallets that it may open it for with --reader 0x…"))
            .context("a vault opens nothing for nobody: --server needs --reader"));
    }
    Ok(())
}

/// Seals for a vault too, and for no other.
pub(crate) fn add_vault(keys: &mut Vec<Recipient>, policy: &mut EnvelopePolicy, server: &VerifiedServer) {
    files::add(keys, server.encapsulation_key().clone().into());
    policy.audience = Some(*server.vault_id());
}

impl PolicyArgs {
    pub(crate) fn to_policy(&self) -> Result<EnvelopePolicy> {
        Ok(EnvelopePolicy {
            readers: self.reader.clone(),
            owners: self.owner.clone(),
            not_before: self.not_before.map(unix_seconds).transpose()?,
            not_after: self.not_after.map(unix_seconds).transpose()?,
            label: self.label.clone(),
            ..EnvelopePolicy::default()
        })
    }

    pub(crate) fn is_given(&self) -> bool {
        !self.reader.is_empty()
            || !self.owner.is_empty()
            || self.not_before.is_some()
            || self.not_after.is_some()
            || self.label.is_some()
    }
}

fn unix_seconds(at: OffsetDateTime) -> Result<u64> {
    u64::try_from(at.unix_timestamp()).map_err(|_| anyhow!("a policy's times begin in 1970"))
}

/// The recipients of a w3pk payload, which knows ML-KEM-1024 alone.
pub(crate) fn for_w3pk(keys: Vec<Recipient>) -> Result<Vec<EncapsulationKey>> {
    keys.into_iter()
        .map(|key| match key {
            Recipient::MlKem1024(key) => Ok(key),
            other => Err(anyhow!(Hint("use ML-KEM-1024 keys, or the native format"))
                .context(format!("{} is a hybrid key, which a w3pk payload cannot have", other.id()))),
        })
        .collect()
}
