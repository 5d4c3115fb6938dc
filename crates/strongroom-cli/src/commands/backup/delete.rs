//! `strongroom backup delete`

use super::form::{Form, Wallet};
use super::remote::{BackupRemote, connect};
use super::user_id::parse_user_id;
use crate::error::{Hint, Refused, tell};
use crate::mnemonic_words::Words;
use anyhow::Result;
use strongroom::backup::UserId;
use strongroom::sign_in::Act;
use strongroom_attest::TrustAnchors;

/// Delete a backup on a server
///
/// Example:  strongroom backup delete --mnemonic-file words.txt --user UUID
///
/// Its versions can be pulled for seven days: `backup pull --user UUID --version N`.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupDelete {
    #[command(flatten)]
    pub(crate) words: Words,
    #[command(flatten)]
    pub(crate) remote: BackupRemote,
    /// Delete a compatible backup
    #[arg(long)]
    pub(crate) compat: bool,
    /// The backup's user id: a UUID, as `backup list` shows it
    #[arg(long, value_name = "UUID", value_parser = parse_user_id)]
    pub(crate) user: UserId,
}

pub(super) fn run(args: &BackupDelete, roots: &TrustAnchors) -> Result<()> {
    let form = Form::chosen(args.compat);
    let keys = Wallet::of(&args.words)?.keys(form);
    let server = connect(&args.remote, roots)?;
    let session = server.sign_in(keys.signing_key(), &[Act::Backups, Act::DeleteBackup(args.user)])?;
    let there = session.versions(args.user)?.versions;
    if !there.iter().any(|version| version.deleted_at.is_none()) {
        let refused = Refused(format!("no {} backup is there under {}", form.name(), args.user));
        let hint = "`strongroom backup list` shows what is there; --compat deletes a compatible one";
        return Err(anyhow::Error::from(refused).context(Hint(hint)));
    }
    session.delete(args.user)?;
    tell(format_args!(
        "deleted; its versions can be pulled for seven days: `strongroom backup pull --user {} --version N`",
        args.user
    ));
    Ok(())
}
