//! `strongroom backup verify`

use super::form::{Form, Wallet};
use super::input::read_backup;
use super::restored::{checked, date};
use crate::files;
use crate::mnemonic_words::Words;
use crate::streams::{self, Kind};
use anyhow::Result;
use std::path::PathBuf;
use strongroom::backup::Keys;
use strongroom::slh_dsa::{FormatError, PublicKey};

/// Check a backup: its signature, and with the words its content
///
/// Example:  strongroom backup verify --mnemonic-file words.txt wallet.backup
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupVerify {
    #[command(flatten)]
    pub(crate) words: Words,
    /// Check only the signature, by this public key: 0x and 128 hex digits
    #[arg(long, value_name = "KEY", value_parser = parse_public_key,
        conflicts_with_all = ["mnemonic_file", "mnemonic_passphrase_file", "account"])]
    pub(crate) public_key: Option<AnyCase>,
    /// The backup (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

/// A public key, in either case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct AnyCase(pub(crate) PublicKey);

fn parse_public_key(text: &str) -> Result<AnyCase, FormatError> {
    text.to_ascii_lowercase().parse().map(AnyCase)
}

pub(super) fn run(args: &BackupVerify) -> Result<()> {
    let wallet = args.public_key.is_none().then(|| Wallet::read(&args.words, &[args.input.as_deref()], None));
    let wallet = wallet.transpose()?;
    let backup = read_backup(&files::read(args.input.as_deref())?)?;
    let form = Form::of(&backup);
    let keys = wallet.map(|wallet| wallet.keys(form));
    let public_key = keys.as_ref().map(Keys::public_key).or(args.public_key.map(|AnyCase(key)| key));
    let verified = backup.verify(&public_key.expect("a key is given, or the words"))?;
    let restored = keys.map(|keys| verified.restore(&keys)).transpose()?;
    let mut lines = vec![("form", form.name().to_owned()), ("owner", verified.owner().to_string())];
    if let Some(statement) = verified.backup().statement() {
        lines.push(("user", statement.position().user_id().to_string()));
        lines.push(("version", statement.counter().to_string()));
    }
    match &restored {
        None => lines.push(("checked", "signature".to_owned())),
        Some(restored) => {
            if let Some(created) = restored.created {
                lines.push(("created", date(i64::try_from(created)?)?));
            }
            lines.push(("bytes", restored.archive.expose().len().to_string()));
            lines.push(("sha256", hex::encode(restored.archive.sha256())));
            lines.push(("checked", checked(form).to_owned()));
        }
    }
    let text: String =
        lines.iter().map(|(name, value)| format!("{:10}{value}\n", format!("{name}:"))).collect();
    streams::write(None, text.as_bytes(), Kind::Text)
}
