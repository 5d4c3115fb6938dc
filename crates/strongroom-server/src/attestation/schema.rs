//! The shapes of evidence and settings in the OpenAPI description; strongroom-attest writes them.

use utoipa::ToSchema;

/// The vault's evidence (spec/attestation.md).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct Evidence {
    /// What vouches for the server; `none` in development.
    platform: String,
    /// The platform's report, base64.
    report: String,
    /// What the report says that runs.
    measurement: String,
    /// RFC 3339, UTC.
    timestamp: String,
    /// Base64 of an ML-KEM-1024 encapsulation key: seal for it.
    mlkem_public_key: String,
    /// 1
    version: u32,
    /// 64 hex digits, zeros where the client sent none.
    nonce: String,
    /// 64 hex digits.
    vault_id: String,
    /// 64 hex digits.
    key_id: String,
    /// Which of the vault's keys it is.
    epoch: u32,
    /// `generated`, `recovered`, `handoff:generated`, `handoff:recovered` or `imported`.
    key_origin: String,
    /// SHA-256 of the settings that decide who else may get the key or sign in, hex.
    config_digest: String,
    /// SHA-256 of the key of a TLS that ends inside the TEE, hex; empty where there is none.
    tls_spki_sha256: String,
    /// The platform's own.
    evidence: serde_json::Value,
    /// Certificates and lists that a verifier needs.
    collateral: serde_json::Value,
}

/// The settings whose digest the evidence binds (spec/attestation.md#configuration).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct BoundConfiguration {
    /// As in the evidence.
    key_origin: String,
    /// Ascending.
    sign_in_origins: Vec<String>,
    /// Whether storing needs a sign-in.
    require_sign_in_to_store: bool,
    /// How the root is kept: `plain`, `passphrase`, `dstack`, `sev-snp`, `pkcs11` or `memory`.
    protection: String,
    /// Whose statements say which other code may get the root: an SLH-DSA key, 0x and 128 hex digits.
    #[schema(required = false)]
    release_key: Option<String>,
    /// Who could bring the root back.
    #[schema(required = false)]
    recovery: Option<Recovery>,
}

/// Who could bring the root back.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct Recovery {
    /// How many of them it takes.
    threshold: u32,
    /// The ids of their keys, 32 hex digits each, ascending.
    key_ids: Vec<String>,
}
