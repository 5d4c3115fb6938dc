//! What `verify`, `restore` and `pull` check and tell of a backup that was opened.

use super::form::Form;
use crate::error::{Refused, tell};
use anyhow::Result;
use strongroom::backup::{Restored, UserId, VerifiedBackup};
use strongroom_client::FetchedBackup;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A SHA-256 in hex, with or without 0x.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sha256Hex(pub(crate) [u8; 32]);

pub(super) fn parse_sha256(text: &str) -> Result<Sha256Hex, String> {
    let mut bytes = [0; 32];
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| "64 hex digits are expected".to_owned())?;
    Ok(Sha256Hex(bytes))
}

pub(super) fn check_sha256(restored: &Restored, expected: Option<Sha256Hex>) -> Result<()> {
    let found = restored.archive.sha256();
    match expected {
        Some(Sha256Hex(expected)) if expected != found => Err(Refused(format!(
            "the backup's SHA-256 is {}, and --sha256 asks for another one",
            hex::encode(found)
        ))
        .into()),
        _ => Ok(()),
    }
}

/// Tells which version it is, and what was checked.
pub(super) fn tell_restored(
    form: Form,
    verified: &VerifiedBackup,
    restored: &Restored,
    fetched: Option<(&FetchedBackup, UserId)>,
) -> Result<()> {
    let version = fetched.map(|(fetched, _)| fetched.version);
    if let Some(version) = version.or(verified.backup().statement().map(|statement| statement.counter())) {
        tell(format_args!("version: {version}"));
    }
    if let Some(created) = restored.created {
        tell(format_args!("created: {}", date(i64::try_from(created)?)?));
    }
    if let Some((fetched, user_id)) = fetched {
        tell(format_args!("stored:  {}", fetched.updated_at.format(&Rfc3339)?));
        tell(format_args!("user:    {user_id}"));
    }
    tell(format_args!("form:    {}", form.name()));
    tell(format_args!("sha256:  {}", hex::encode(restored.archive.sha256())));
    tell(format_args!("checked: {}", checked(form)));
    Ok(())
}

/// What a restore checks in each form.
pub(super) fn checked(form: Form) -> &'static str {
    match form {
        Form::Native => "signature, counter and SHA-256",
        Form::Compatible => "signature; compare the SHA-256 yourself",
    }
}

pub(super) fn date(unix_seconds: i64) -> Result<String> {
    Ok(OffsetDateTime::from_unix_timestamp(unix_seconds)?.format(&Rfc3339)?)
}
