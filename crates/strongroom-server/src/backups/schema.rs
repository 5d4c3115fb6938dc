//! Shapes in the OpenAPI description that no handler has a type for.

use utoipa::ToSchema;

/// A signed version of a backup. The compatible form has `payload`; the native form has `envelope`
/// and `statement` (spec/backup.md).
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct BackupUpload {
    /// The owner's SLH-DSA signature: 0x and 99,712 hex digits.
    signature: String,
    /// The compatible payload: 0x and hex digits.
    #[schema(required = false)]
    payload: Option<String>,
    /// The native envelope, in base64.
    #[schema(required = false)]
    envelope: Option<String>,
    /// The native version's statement, in base64.
    #[schema(required = false)]
    statement: Option<String>,
}
