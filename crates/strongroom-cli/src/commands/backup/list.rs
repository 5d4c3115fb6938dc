//! `strongroom backup list`

use super::form::{Form, Wallet};
use super::remote::{BackupRemote, connect};
use super::user_id::parse_user_id;
use crate::error::tell;
use crate::mnemonic_words::Words;
use crate::streams::{self, Kind};
use anyhow::Result;
use serde_json::json;
use strongroom::backup::UserId;
use strongroom::sign_in::Act;
use strongroom_attest::TrustAnchors;
use strongroom_client::ListedBackup;
use time::format_description::well_known::Rfc3339;

/// List your backups on a server, or the versions of one
///
/// Example:  strongroom backup list --mnemonic-file words.txt
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupList {
    #[command(flatten)]
    pub(crate) words: Words,
    #[command(flatten)]
    pub(crate) remote: BackupRemote,
    /// List only compatible backups, as existing wallets write them
    #[arg(long)]
    pub(crate) compat: bool,
    /// List the versions of the backup with this user id: a UUID
    #[arg(long, value_name = "UUID", value_parser = parse_user_id)]
    pub(crate) user: Option<UserId>,
    /// Write JSON, one object on each line
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) fn run(args: &BackupList, roots: &TrustAnchors) -> Result<()> {
    let wallet = Wallet::of(&args.words)?;
    let server = connect(&args.remote, roots)?;
    let mut text = String::new();
    for form in Form::looked_at(args.compat) {
        let keys = wallet.keys(*form);
        let session = server.sign_in(keys.signing_key(), &[Act::Backups])?;
        match args.user {
            None => session.list()?.iter().try_for_each(|backup| {
                text += &listed(backup, *form, args.json)?;
                Ok::<_, anyhow::Error>(())
            })?,
            Some(user_id) => {
                for version in session.versions(user_id)?.versions {
                    let updated_at = version.updated_at.format(&Rfc3339)?;
                    let deleted_at = version.deleted_at.map(|at| at.format(&Rfc3339)).transpose()?;
                    text += &if args.json {
                        let line = json!({
                            "version": version.version, "updatedAt": updated_at, "bytes": version.bytes,
                            "deletedAt": deleted_at, "form": form.name(),
                        });
                        format!("{line}\n")
                    } else {
                        let deleted = deleted_at.map_or(String::new(), |at| format!("  deleted {at}"));
                        let (number, bytes) = (version.version, version.bytes);
                        format!("{number:5}  {:10}  {updated_at}  {bytes:9} bytes{deleted}\n", form.name())
                    };
                }
            }
        }
    }
    streams::write(None, text.as_bytes(), Kind::Text)?;
    match args.user {
        _ if !text.is_empty() => {}
        None => tell(format_args!("no backups of these words")),
        Some(user_id) => tell(format_args!("no versions of these words under {user_id}")),
    }
    Ok(())
}

fn listed(backup: &ListedBackup, form: Form, as_json: bool) -> Result<String> {
    let updated_at = backup.updated_at.format(&Rfc3339)?;
    Ok(if as_json {
        let line = json!({
            "userId": backup.user_id.to_string(), "version": backup.version, "updatedAt": updated_at,
            "form": form.name(),
        });
        format!("{line}\n")
    } else {
        format!("{}  {:10}  {updated_at}  version {}\n", backup.user_id, form.name(), backup.version)
    })
}
