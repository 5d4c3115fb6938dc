//! `strongroom pubkey`

use crate::error::Hint;
use crate::identities;
use crate::streams::{self, Kind};
use anyhow::{Result, anyhow};
use std::path::PathBuf;
use strongroom::key::Recipient;

/// Show the public key of a secret key file
///
/// Example:  strongroom pubkey key.txt
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Pubkey {
    /// Write bare base64 of the key's 1568 bytes, as w3pk reads it
    #[arg(long)]
    pub(crate) base64: bool,
    /// Write only the fingerprint
    #[arg(long, conflicts_with = "base64")]
    pub(crate) fingerprint: bool,
    /// The file whose first line unlocks a locked key file (default: ask on the terminal)
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// A secret key file, or - for standard input
    pub(crate) key_file: PathBuf,
}

pub(crate) fn run(args: &Pubkey) -> Result<()> {
    let key = identities::read_one(&args.key_file, args.passphrase_file.as_deref())?.recipient();
    let text = match (&key, args.base64, args.fingerprint) {
        (Recipient::MlKem1024(key), true, _) => key.to_base64(),
        (_, true, _) => {
            return Err(anyhow!(Hint("leave out --base64: w3pk has no hybrid keys"))
                .context("the key is an MLKEM1024-P384 key, and --base64 is for ML-KEM-1024 keys"));
        }
        (_, _, true) => key.id().to_string(),
        _ => key.to_string(),
    };
    streams::write(None, format!("{text}\n").as_bytes(), Kind::Text)
}
