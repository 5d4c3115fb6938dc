//! `strongroom backup keys`

use super::form::{Form, Wallet};
use super::user_id::own_user_id;
use crate::mnemonic_words::Words;
use crate::streams::{self, Kind};
use anyhow::Result;
use serde_json::json;
use strongroom::encoding;

/// Show the public keys that a mnemonic's backups use
///
/// Example:  strongroom backup keys --mnemonic-file words.txt
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct BackupKeys {
    #[command(flatten)]
    pub(crate) words: Words,
    /// Show the keys of the compatible form, which existing wallets use
    #[arg(long)]
    pub(crate) compat: bool,
    /// Write JSON, with the whole ML-KEM keys
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) fn run(args: &BackupKeys) -> Result<()> {
    let form = Form::chosen(args.compat);
    let keys = Wallet::of(&args.words)?.keys(form);
    let (public_key, owner) = (keys.public_key(), keys.public_key().owner());
    let recipient = keys.recipient();
    if args.json {
        let mut all = json!({
            "form": form.name(),
            "publicKey": public_key.to_string(),
            "owner": owner.to_string(),
            "userId": own_user_id(&keys).to_string(),
            "encapsulationKey": encoding::prefixed_hex(recipient.as_bytes()),
        });
        if form == Form::Compatible {
            all["encapsulationKey768"] = encoding::prefixed_hex(&keys.ml_kem_768_encapsulation_key()).into();
        }
        return streams::write(None, format!("{all}\n").as_bytes(), Kind::Text);
    }
    let text = format!(
        "form:       {}\npublic key: {public_key}\nowner:      {owner}\nuser:       {}\nrecipient:  {}\n",
        form.name(),
        own_user_id(&keys),
        recipient.id()
    );
    streams::write(None, text.as_bytes(), Kind::Text)
}
