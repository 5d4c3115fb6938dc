//! `strongroom backup create|verify|restore|push|pull|list|delete|keys`

mod create;
mod delete;
mod form;
mod input;
mod keys;
mod list;
mod pull;
mod push;
pub(super) mod remote;
mod restore;
mod restored;
mod user_id;
mod verify;

use anyhow::Result;
use create::BackupCreate;
use delete::BackupDelete;
use keys::BackupKeys;
use list::BackupList;
use pull::BackupPull;
use push::BackupPush;
use restore::BackupRestore;
use strongroom_attest::TrustAnchors;
use verify::BackupVerify;

/// Keep a wallet's data on a server that cannot read it; the mnemonic is enough to restore it
///
/// Example:  strongroom backup push --mnemonic-file words.txt wallet.json
#[derive(clap::Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum BackupCommand {
    Create(BackupCreate),
    Verify(BackupVerify),
    Restore(BackupRestore),
    Push(BackupPush),
    Pull(BackupPull),
    List(BackupList),
    Delete(BackupDelete),
    Keys(BackupKeys),
}

pub(crate) fn run(args: &BackupCommand, roots: &TrustAnchors) -> Result<()> {
    match args {
        BackupCommand::Create(args) => create::run(args),
        BackupCommand::Verify(args) => verify::run(args),
        BackupCommand::Restore(args) => restore::run(args),
        BackupCommand::Push(args) => push::run(args, roots),
        BackupCommand::Pull(args) => pull::run(args, roots),
        BackupCommand::List(args) => list::run(args, roots),
        BackupCommand::Delete(args) => delete::run(args, roots),
        BackupCommand::Keys(args) => keys::run(args),
    }
}
