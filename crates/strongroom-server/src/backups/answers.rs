//! The answers to calls about backups.

use super::head::KeptVersion;
use super::versions::{BackupSummary, FoundVersion, VersionList};
use crate::http::times::unix_rfc3339;
use axum::Json;
use serde::Serialize;
use strongroom::backup::{BackupContent, UserId};
use strongroom::encoding;
use utoipa::ToSchema;

/// The call is done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {
    /// The text `Ok`.
    message: &'static str,
}

pub(super) const OK: Json<Done> = Json(Done { message: "Ok" });

/// The backups of a key.
#[derive(Serialize, ToSchema)]
pub(crate) struct BackupListAnswer {
    /// The backup that was changed last comes first; 100 at most.
    backups: Vec<ListedBackup>,
}

/// A backup in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedBackup {
    /// The backup's user id, a UUID.
    user_id: String,
    /// When the newest version was stored: RFC 3339, UTC.
    updated_at: String,
    /// The number of the newest version.
    version: u64,
}

/// A version of a backup, in the member `backup`.
#[derive(Serialize, ToSchema)]
pub(crate) struct BackupAnswer {
    backup: BackupVersion,
}

/// A version of a backup. A compatible one has `payload`; a native one has `envelope` and
/// `statement`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackupVersion {
    /// The backup's user id, a UUID.
    user_id: String,
    /// When the version was stored: RFC 3339, UTC.
    updated_at: String,
    /// The version's number, from 1 on.
    version: u64,
    /// The compatible payload: 0x and hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    /// The native envelope, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope: Option<String>,
    /// The native version's statement, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<String>,
    /// The owner's signature as it was uploaded: 0x and 99,712 hex digits.
    signature: String,
}

/// The versions of a backup.
#[derive(Serialize, ToSchema)]
pub(crate) struct BackupVersionsAnswer {
    /// The newest version comes first.
    versions: Vec<ListedVersion>,
    /// The position that the next native version must have.
    next: NextVersion,
}

/// A version in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedVersion {
    /// The version's number, from 1 on.
    version: u64,
    /// When the version was stored: RFC 3339, UTC.
    updated_at: String,
    /// Bytes that count for the quota.
    bytes: u64,
    /// Keccak-256 of a compatible payload, or SHA-256 of a native envelope, in hex.
    digest: String,
    /// When the version was deleted, if it was: RFC 3339, UTC. It can be read for seven days after.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<String>,
}

/// The position of the next native version.
#[derive(Serialize, ToSchema)]
pub(crate) struct NextVersion {
    /// The number of the next version.
    counter: u64,
    /// SHA-256 of the statement before it, in hex; zeros before the first.
    previous: String,
}

/// The answer to a query: that of the call that it stands for.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it describes what the handlers write")]
pub(crate) enum QueryAnswer {
    List(BackupListAnswer),
    Read(BackupAnswer),
    Versions(BackupVersionsAnswer),
    Done(Done),
}

pub(super) fn listed(backups: &[BackupSummary]) -> Json<BackupListAnswer> {
    let backups = backups.iter().map(|backup| ListedBackup {
        user_id: backup.user_id.to_string(),
        updated_at: unix_rfc3339(backup.updated_at),
        version: backup.version,
    });
    Json(BackupListAnswer { backups: backups.collect() })
}

pub(super) fn found(user_id: UserId, found: FoundVersion) -> Json<BackupAnswer> {
    let (mut payload, mut envelope, mut statement) = (None, None, None);
    let signature = found.backup.signature().to_string();
    match found.backup.content() {
        BackupContent::Compatible { payload: bytes } => payload = Some(encoding::prefixed_hex(bytes)),
        BackupContent::Native { envelope: bytes, statement: said } => {
            envelope = Some(encoding::base64(bytes.as_bytes()));
            statement = Some(encoding::base64(&said.to_bytes()));
        }
    }
    let KeptVersion { number, stored_at, .. } = found.version;
    let (user_id, updated_at) = (user_id.to_string(), unix_rfc3339(stored_at));
    let backup =
        BackupVersion { user_id, updated_at, version: number, payload, envelope, statement, signature };
    Json(BackupAnswer { backup })
}

pub(super) fn version_list(found: &VersionList) -> Json<BackupVersionsAnswer> {
    let versions = found.versions.iter().map(|version| ListedVersion {
        version: version.number,
        updated_at: unix_rfc3339(version.stored_at),
        bytes: version.bytes,
        digest: hex::encode(version.digest),
        deleted_at: version.deleted_at.map(unix_rfc3339),
    });
    let next = NextVersion { counter: found.next, previous: hex::encode(found.previous) };
    Json(BackupVersionsAnswer { versions: versions.collect(), next })
}
