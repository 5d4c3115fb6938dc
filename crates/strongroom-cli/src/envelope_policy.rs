//! The policy that an envelope binds, from flags.

use crate::times::parse_time;
use anyhow::{Result, anyhow};
use strongroom::policy::EnvelopePolicy;
use strongroom::principal::Principal;
use time::OffsetDateTime;

/// The policy that an envelope binds. Vaults enforce it; a reader who opens the envelope with their
/// own key is not bound by it.
#[derive(clap::Args)]
pub(crate) struct PolicyArgs {
    /// A vault may open it for this wallet, 0x…, or SLH-DSA key, slh-dsa:0x… (can be repeated)
    #[arg(long, value_name = "PRINCIPAL")]
    pub(crate) reader: Vec<Principal>,
    /// A wallet or SLH-DSA key that may replace and delete it in a vault (can be repeated; default:
    /// the one that stores it)
    #[arg(long, value_name = "PRINCIPAL")]
    pub(crate) owner: Vec<Principal>,
    /// A vault does not open it before this RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) not_before: Option<time::OffsetDateTime>,
    /// A vault does not open it from this RFC 3339 time on
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) not_after: Option<time::OffsetDateTime>,
    /// A note that everybody can read
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
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
    u64::try_from(at.unix_timestamp()).map_err(|_| anyhow!("a policy's times cannot be before 1970"))
}
