//! `strongroom backup restore`

use super::form::{Form, Wallet};
use super::input::read_backup;
use super::restored::{Sha256Hex, check_sha256, parse_sha256, tell_restored};
use crate::files;
use crate::mnemonic_words::Words;
use crate::streams::{self, Kind};
use anyhow::Result;
use std::path::PathBuf;

/// Verify a backup and open it
///
/// Example:  strongroom backup restore --mnemonic-file words.txt wallet.backup -o wallet.json
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupRestore {
    #[command(flatten)]
    pub(crate) words: Words,
    /// Refuse it unless the JSON has this SHA-256, as `create` and `push` print it
    #[arg(long, value_name = "HEX", value_parser = parse_sha256)]
    pub(crate) sha256: Option<Sha256Hex>,
    /// Write to this file, replacing one that is there (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The backup (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

pub(super) fn run(args: &BackupRestore) -> Result<()> {
    let (input, output) = (args.input.as_deref(), args.output.as_deref());
    let wallet = Wallet::read(&args.words, &[input], output)?;
    let backup = read_backup(&files::read(input)?)?;
    let form = Form::of(&backup);
    let keys = wallet.keys(form);
    let verified = backup.verify(&keys.public_key())?;
    let restored = verified.restore(&keys)?;
    check_sha256(&restored, args.sha256)?;
    streams::write(output, restored.archive.expose(), Kind::Opened)?;
    tell_restored(form, &verified, &restored, None)
}
