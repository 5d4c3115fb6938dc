//! `strongroom pubkey`

use crate::cli::Pubkey;
use crate::error::Hint;
use crate::files::{self, Passphrase};
use crate::streams::{self, Kind};
use anyhow::{Result, anyhow};
use strongroom::key::Recipient;

pub(super) fn run(args: &Pubkey) -> Result<()> {
    let key = files::read_key(&args.key_file, &Passphrase::of(args.passphrase_file.as_deref()))?.recipient();
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
