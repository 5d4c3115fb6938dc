//! The server that keeps backups.

use crate::trust;
use anyhow::Result;
use std::path::{Path, PathBuf};
use strongroom_attest::{AppraisalPolicy, TrustAnchors};
use strongroom_client::{BackupServer, Vault};

/// The server that keeps backups.
#[derive(clap::Args)]
pub(crate) struct BackupRemote {
    /// The server: https://host[:port], or http:// to this machine
    #[arg(long, value_name = "URL", default_value = "http://localhost:3000")]
    pub(crate) server: String,
    /// Verify the server first, against this policy (default: the policy that is kept for it, if
    /// any; otherwise no proof is asked for, since the server cannot read backups)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

pub(super) fn connect(remote: &BackupRemote, roots: &TrustAnchors) -> Result<BackupServer> {
    server_at(&remote.server, remote.policy.as_deref(), roots)
}

/// Connects to a server of backups, which is verified if there is a policy for it.
pub(in crate::commands) fn server_at(
    url: &str,
    policy: Option<&Path>,
    roots: &TrustAnchors,
) -> Result<BackupServer> {
    let policy = match policy {
        Some(path) => Some(trust::read(path)?),
        None => trust::kept_for(url)?,
    };
    match policy {
        None => Ok(BackupServer::at(url)?),
        Some(policy) => {
            let policy = AppraisalPolicy { trust_anchors: roots.clone(), ..policy };
            Ok(BackupServer::of(Vault::at(url)?.attest(&policy)?))
        }
    }
}
