//! Inputs: a wallet's JSON, or a backup of it.

use crate::error::Hint;
use anyhow::{Result, anyhow};
use serde::Deserialize;
use serde_json::value::RawValue;
use strongroom::backup::{Archive, SignedBackup, SignedBackupError};

/// Whether the input is meant to be a backup, which no wallet's JSON resembles: it has a signature
/// of that length. The rest of the input may be secret, and is not copied.
pub(super) fn is_backup(input: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        signature: Option<&'a RawValue>,
    }
    let fields: Result<Fields<'_>, _> = serde_json::from_slice(input);
    let signature = fields.ok().and_then(|fields| fields.signature);
    signature.is_some_and(|text| text.get().starts_with("\"0x") && text.get().len() > 90_000)
}

pub(super) fn read_archive(bytes: &[u8]) -> Result<Archive> {
    Archive::from_json(bytes).map_err(|error| {
        anyhow!(Hint("a backup holds the wallet's data as JSON"))
            .context(format!("the wallet's data is {error}"))
    })
}

pub(super) fn read_backup(bytes: &[u8]) -> Result<SignedBackup, SignedBackupError> {
    SignedBackup::from_json(bytes.trim_ascii_end())
}
