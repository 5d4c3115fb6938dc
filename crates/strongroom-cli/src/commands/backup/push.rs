//! `strongroom backup push`

use super::form::{BackupForm, Form, Wallet, sign};
use super::input::{is_backup, read_archive, read_backup};
use super::remote::{BackupRemote, connect};
use super::user_id::{own_user_id, parse_user_id};
use crate::error::{Hint, Refused, tell};
use crate::files;
use crate::mnemonic_words::Words;
use anyhow::{Context, Result, anyhow};
use std::path::PathBuf;
use strongroom::backup::{Position, SignedBackup, UserId};
use strongroom::sign_in::Act;
use strongroom_attest::TrustAnchors;
use strongroom_client::{BackupServer, BackupSession};

/// Upload a backup: a wallet's JSON, or a file that `backup create` made
///
/// Example:  strongroom backup push --mnemonic-file words.txt wallet.json
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupPush {
    #[command(flatten)]
    pub(crate) words: Words,
    #[command(flatten)]
    pub(crate) remote: BackupRemote,
    #[command(flatten)]
    pub(crate) form: BackupForm,
    /// The user id to keep it under: a UUID (default: the backup's own, or one that is derived from
    /// the mnemonic)
    #[arg(long, value_name = "UUID", value_parser = parse_user_id)]
    pub(crate) user: Option<UserId>,
    /// Refuse unless this is the next version; needed if all versions before it were deleted over a
    /// week ago
    #[arg(long, value_name = "N", conflicts_with = "compat")]
    pub(crate) next: Option<u64>,
    /// The wallet's JSON, or a backup (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

pub(super) fn run(args: &BackupPush, roots: &TrustAnchors) -> Result<()> {
    let wallet = Wallet::read(&args.words, &[args.input.as_deref()], None)?;
    let server = connect(&args.remote, roots)?;
    let input = files::read(args.input.as_deref())?;
    if is_backup(&input) {
        return push_as_it_is(args, &wallet, &server, read_backup(&input)?);
    }
    let archive = read_archive(&input)?;
    let keys = wallet.keys(Form::chosen(args.form.compat));
    let user_id = args.user.unwrap_or(own_user_id(&keys));
    let position = if args.form.compat {
        Position::first(user_id)
    } else {
        next(&server.sign_in(keys.signing_key(), &[Act::Backups])?, user_id, args.next)?
    };
    let backup = sign(&archive, &keys, &args.form, &position);
    server.push(&keys.public_key(), user_id, &backup)?;
    if !args.form.compat {
        tell(format_args!("version: {}", position.counter()));
    }
    tell(format_args!("user:    {user_id}"));
    tell(format_args!("sha256:  {}", hex::encode(archive.sha256())));
    Ok(())
}

/// The position of the next version: after the newest one that the server shows, once its signature
/// is verified. The server's word is not enough, since its owner did not sign that.
fn next(session: &BackupSession<'_>, user_id: UserId, expected: Option<u64>) -> Result<Position> {
    let versions = session.versions(user_id)?;
    let said = versions.next;
    let shown = match versions.versions.first() {
        None => Position::first(user_id),
        Some(last) => {
            let last = session.fetch(user_id, Some(last.version))?;
            let statement = last.backup.backup().statement();
            let statement = statement.ok_or_else(|| {
                Refused(format!(
                    "the backup under {user_id} is of the compatible form, which has no version numbers"
                ))
            })?;
            Position::after(statement).context("the newest version has the highest number that there is")?
        }
    };
    match expected {
        Some(expected) if expected == said.counter() => return Ok(said),
        Some(expected) => {
            return Err(Refused(format!(
                "the next version is {}, and --next asks for {expected}",
                said.counter()
            ))
            .into());
        }
        None if said == shown => return Ok(said),
        None => {}
    }
    let refused = format!(
        "the server says that version {} is the next, and shows no version before it",
        said.counter()
    );
    let hint = "if all versions were deleted more than a week ago, pass that number with --next";
    Err(anyhow::Error::from(Refused(refused)).context(Hint(hint)))
}

fn push_as_it_is(
    args: &BackupPush,
    wallet: &Wallet,
    server: &BackupServer,
    backup: SignedBackup,
) -> Result<()> {
    let form = Form::of(&backup);
    if args.next.is_some() || (args.form.compat && form == Form::Native) {
        return Err(anyhow!(Hint("leave these flags out, or pass the wallet's JSON"))
            .context("--compat and --next are for a wallet's JSON, and this is a backup already"));
    }
    let keys = wallet.keys(form);
    // The server would refuse a backup of another owner too, but only after it was sent.
    let backup = backup.verify(&keys.public_key()).context("the backup was not made with these words")?;
    let named = backup.backup().statement().map(|statement| statement.position().user_id());
    if args.user.is_some_and(|user| named.is_some_and(|named| named != user)) {
        return Err(anyhow!(Hint("leave out --user, or create the backup again with that --user"))
            .context("the backup was signed for another user id"));
    }
    let user_id = args.user.or(named).unwrap_or(own_user_id(&keys));
    // A backup that its owner cannot open would be of no use there.
    let restored = backup.restore(&keys)?;
    server.push(&keys.public_key(), user_id, backup.backup()).map_err(|error| match error.code() {
        Some("backup_counter") => anyhow::Error::from(error).context(Hint(
            "push the versions before it first, or make it again: `backup pull --sealed`, then `backup create --after`",
        )),
        _ => error.into(),
    })?;
    if let Some(statement) = backup.backup().statement() {
        tell(format_args!("version: {}", statement.counter()));
    }
    tell(format_args!("user:    {user_id}"));
    tell(format_args!("sha256:  {}", hex::encode(restored.archive.sha256())));
    Ok(())
}
