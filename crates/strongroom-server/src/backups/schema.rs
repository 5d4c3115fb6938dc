//! The shapes of backups in the OpenAPI description that no handler has a type for.

use utoipa::ToSchema;

/// A version of a backup, signed: `payload` of the compatible form, `envelope` and `statement` of the native one (spec/backup.md).
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct BackupUpload {
    /// The owner's SLH-DSA signature: 0x and 99,712 hex digits.
    signature: String,
    /// 0x and hex.
    #[schema(required = false)]
    payload: Option<String>,
    /// Base64 of a native envelope.
    #[schema(required = false)]
    envelope: Option<String>,
    /// Base64 of a statement.
    #[schema(required = false)]
    statement: Option<String>,
}
