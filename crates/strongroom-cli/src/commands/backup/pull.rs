//! `strongroom backup pull`

use super::form::{Form, Wallet};
use super::remote::{BackupRemote, connect};
use super::restored::{Sha256Hex, check_sha256, parse_sha256, tell_restored};
use super::user_id::{own_user_id, parse_user_id};
use crate::error::{Hint, Refused, tell};
use crate::mnemonic_words::Words;
use crate::streams::{self, Kind};
use anyhow::Result;
use std::path::PathBuf;
use strongroom::backup::{Keys, UserId};
use strongroom::sign_in::Act;
use strongroom_attest::TrustAnchors;
use strongroom_client::BackupSession;

/// Fetch a backup and open it, with nothing but the words
///
/// Example:  strongroom backup pull --mnemonic-file words.txt -o wallet.json
///
/// Takes the newest version of the native backup that was changed last, or of a compatible one if
/// there is no native one. It is verified, and its version and date are shown. Only a device that
/// remembers a version can tell that the server gives the newest one: pass that version with
/// --at-least.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupPull {
    #[command(flatten)]
    pub(crate) words: Words,
    #[command(flatten)]
    pub(crate) remote: BackupRemote,
    /// Look only for compatible backups, as existing wallets write them
    #[arg(long)]
    pub(crate) compat: bool,
    /// The user id it is kept under: a UUID (default: the one that was changed last; with --version
    /// or --at-least, the one that is derived from the mnemonic)
    #[arg(long, value_name = "UUID", value_parser = parse_user_id)]
    pub(crate) user: Option<UserId>,
    /// The version, which may be one that was deleted in the last seven days (default: the newest)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) version: Option<u64>,
    /// Refuse a version before this one, and compatible backups, whose numbers are not signed
    #[arg(long, value_name = "N", conflicts_with = "compat")]
    pub(crate) at_least: Option<u64>,
    /// Refuse it unless the JSON has this SHA-256, as `create` and `push` print it
    #[arg(long, value_name = "HEX", value_parser = parse_sha256)]
    pub(crate) sha256: Option<Sha256Hex>,
    /// Write it signed and sealed, as `create --after`, `verify` and `restore` read it
    #[arg(long)]
    pub(crate) sealed: bool,
    /// Write to this file, replacing one that is there (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

pub(super) fn run(args: &BackupPull, roots: &TrustAnchors) -> Result<()> {
    let output = args.output.as_deref();
    let wallet = Wallet::read(&args.words, &[], output)?;
    let server = connect(&args.remote, roots)?;
    // A compatible version's number is only the server's claim, so --at-least does not look at
    // those.
    let looked_at = if args.at_least.is_some() { &[Form::Native][..] } else { Form::looked_at(args.compat) };
    for form in looked_at {
        let keys = wallet.keys(*form);
        let session = server.sign_in(keys.signing_key(), &[Act::Backups])?;
        let Some(user_id) = user_to_pull(args, &keys, &session)? else { continue };
        let fetched = session.fetch(user_id, args.version)?;
        if let Some(least) = args.at_least.filter(|least| fetched.version < *least) {
            return Err(Refused(format!(
                "the server gives version {}, and --at-least asks for {least}: the server holds back newer versions, or another device deleted them",
                fetched.version
            ))
            .into());
        }
        let restored = fetched.backup.restore(&keys)?;
        check_sha256(&restored, args.sha256)?;
        if *form == Form::Compatible && !args.compat && args.version.is_none() {
            tell(format_args!(
                "warning: no native backup is there, and for a compatible one only the server says that it is the newest"
            ));
        }
        if args.sealed {
            let sealed = fetched.backup.backup().to_json();
            streams::write(output, format!("{sealed}\n").as_bytes(), Kind::Text)?;
        } else {
            streams::write(output, restored.archive.expose(), Kind::Opened)?;
        }
        return tell_restored(*form, &fetched.backup, &restored, Some((&fetched, user_id)));
    }
    let hint = "check the words, --account and --server; `strongroom backup list` shows what is there";
    let refused = match (args.user, args.version) {
        (None, None) => "no backup of these words is there: the server keeps none for their keys".to_owned(),
        (user, version) => format!(
            "no {} of these words is there{}",
            version.map_or("backup".to_owned(), |version| format!("version {version}")),
            user.map_or(String::new(), |user| format!(" under {user}"))
        ),
    };
    Err(anyhow::Error::from(Refused(refused)).context(Hint(hint)))
}

/// The user id of the backup that is asked for, if this key has it. If none is named, the one that
/// was changed last.
fn user_to_pull(args: &BackupPull, keys: &Keys, session: &BackupSession<'_>) -> Result<Option<UserId>> {
    // A list does not show deleted backups, and a version number belongs to one user id.
    let named = args.user.or_else(|| args.version.or(args.at_least).map(|_| own_user_id(keys)));
    let Some(user_id) = named else {
        let all = session.list()?;
        if let [_, _, ..] = &all[..] {
            tell(format_args!(
                "note: this is the backup that was changed last, of {}: `strongroom backup list` shows all, and --user picks one",
                all.len()
            ));
        }
        return Ok(all.first().map(|backup| backup.user_id));
    };
    let versions = session.versions(user_id)?.versions;
    let is_there = match args.version {
        None => versions.iter().any(|version| version.deleted_at.is_none()),
        Some(number) => versions.iter().any(|version| version.version == number),
    };
    Ok(is_there.then_some(user_id))
}
