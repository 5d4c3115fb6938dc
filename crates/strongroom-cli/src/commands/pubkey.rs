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
    /// Bare base64 of 1568 bytes, as w3pk takes it
    #[arg(long)]
    pub(crate) base64: bool,
    /// The fingerprint alone
    #[arg(long, conflicts_with = "base64")]
    pub(crate) fingerprint: bool,
    /// The passphrase of a locked key file is on the first line of this one (default: it is asked on the terminal)
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
            return Err(anyhow!(Hint("leave out --base64: w3pk knows no hybrid keys"))
                .context("the key is of MLKEM1024-P384"));
        }
        (_, _, true) => key.id().to_string(),
        _ => key.to_string(),
    };
    streams::write(None, format!("{text}\n").as_bytes(), Kind::Text)
}
