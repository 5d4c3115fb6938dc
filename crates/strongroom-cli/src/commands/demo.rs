//! `strongroom demo`: a whole flow, step by step, each with its time.

mod backup;
mod own_server;
mod secret;
mod steps;

use super::backup::remote::server_at;
use crate::trust::Trust;
use anyhow::Result;
use own_server::OwnServer;
use strongroom_attest::TrustAnchors;
use strongroom_client::{AppraisalPolicy, BackupServer};

/// Show the whole flow: attest, seal, store, sign in, open; or a wallet's backup
///
/// Example:  strongroom demo
///           strongroom demo backup
///
/// Starts a server of its own on a free port with a temporary data directory, or uses a running
/// one.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Demo {
    /// The flow to show
    #[arg(value_enum, default_value_t = DemoFlow::Secret)]
    pub(crate) flow: DemoFlow,
    /// Use this server instead of starting one
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    #[command(flatten)]
    pub(crate) trust: Trust,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DemoFlow {
    /// Attest, seal, store, sign in, open
    Secret,
    /// A wallet's backup in both forms, and what is refused
    Backup,
}

pub(crate) fn run(args: &Demo, roots: &TrustAnchors) -> Result<()> {
    match (&args.server, args.flow) {
        (Some(url), DemoFlow::Secret) => secret::flow(url, &args.trust.policy(url, roots)?),
        // Backups are sealed before they are sent, so the server needs no proof.
        (Some(url), DemoFlow::Backup) => {
            backup::flow(url, &server_at(url, args.trust.policy.as_deref(), roots)?)
        }
        (None, which) => {
            let server = OwnServer::start()?;
            let result = match which {
                // The server is this process, so there is nobody else whom a TEE would keep out.
                DemoFlow::Secret => secret::flow(
                    &server.url,
                    &AppraisalPolicy { allow_no_tee: true, ..AppraisalPolicy::default() },
                ),
                DemoFlow::Backup => backup::flow(&server.url, &BackupServer::at(&server.url)?),
            };
            server.stop()?;
            result
        }
    }
}
