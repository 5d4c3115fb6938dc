//! `strongroom backup create`

use super::form::{BackupForm, Form, Wallet, sign};
use super::input::{is_backup, read_archive, read_backup};
use super::user_id::{own_user_id, parse_user_id};
use crate::error::{Hint, tell};
use crate::files;
use crate::mnemonic_words::Words;
use crate::streams::{self, Kind};
use anyhow::{Context, Result, anyhow};
use std::path::{Path, PathBuf};
use strongroom::backup::{Keys, Position, UserId};

/// Seal and sign a wallet's JSON, without a server
///
/// Example:  strongroom backup create --mnemonic-file words.txt wallet.json -o wallet.backup
///
/// A native backup has a version number. It is 1 unless --after names the backup before it. `backup
/// push` of a wallet's JSON asks the server for the number instead.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupCreate {
    #[command(flatten)]
    pub(crate) words: Words,
    #[command(flatten)]
    pub(crate) form: BackupForm,
    /// The user id to keep it under: a UUID (default: one that is derived from the mnemonic)
    #[arg(long, value_name = "UUID", value_parser = parse_user_id, conflicts_with = "compat")]
    pub(crate) user: Option<UserId>,
    /// The backup before this one, which the new one follows
    #[arg(long, value_name = "FILE", conflicts_with_all = ["compat", "user"])]
    pub(crate) after: Option<PathBuf>,
    /// Write to this file, replacing one that is there (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The wallet's JSON (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

pub(super) fn run(args: &BackupCreate) -> Result<()> {
    let (input, output) = (args.input.as_deref(), args.output.as_deref());
    let wallet = Wallet::read(&args.words, &[input], output)?;
    let input = files::read(input)?;
    if is_backup(&input) {
        return Err(anyhow!(Hint("`backup push` takes it as it is, and `backup restore` opens it"))
            .context("the input is a backup already, and the wallet's JSON is expected"));
    }
    let archive = read_archive(&input)?;
    let keys = wallet.keys(Form::chosen(args.form.compat));
    let position = match &args.after {
        None => Position::first(args.user.unwrap_or(own_user_id(&keys))),
        Some(path) => after(path, &keys)?,
    };
    let backup = sign(&archive, &keys, &args.form, &position);
    streams::write(output, format!("{}\n", backup.to_json()).as_bytes(), Kind::Text)?;
    if !args.form.compat {
        tell(format_args!("version: {}", position.counter()));
    }
    tell(format_args!("sha256: {}", hex::encode(archive.sha256())));
    Ok(())
}

/// The position after the backup in a file, which must have the same owner.
fn after(path: &Path, keys: &Keys) -> Result<Position> {
    let name = path.display();
    let before = read_backup(&files::read(Some(path))?).with_context(|| format!("{name} is not a backup"))?;
    let before =
        before.verify(&keys.public_key()).with_context(|| format!("{name} was not made with these words"))?;
    let Some(statement) = before.backup().statement() else {
        return Err(anyhow!(Hint("leave out --after, or name a native backup"))
            .context(format!("{name} is of the compatible form, which has no version numbers")));
    };
    Position::after(statement).with_context(|| format!("{name} has the highest version number that there is"))
}
