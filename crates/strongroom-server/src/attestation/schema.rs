//! The shapes of evidence and settings in the OpenAPI description; strongroom-attest writes them.

use utoipa::ToSchema;

/// The vault's evidence (spec/attestation.md).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct Evidence {
    /// The platform that vouches for the server; `none` in development.
    platform: String,
    /// The platform's report, in base64.
    report: String,
    /// The measurement of the running code, copied from the report: hex digits.
    measurement: String,
    /// When the evidence was made: RFC 3339, UTC.
    timestamp: String,
    /// The ML-KEM-1024 encapsulation key to seal for, in base64.
    mlkem_public_key: String,
    /// The version of the evidence's format: 1.
    version: u32,
    /// The client's nonce, 64 hex digits; zeros if it sent none.
    nonce: String,
    /// The vault's id, 64 hex digits.
    vault_id: String,
    /// The id of the encapsulation key, 64 hex digits.
    key_id: String,
    /// The epoch of the encapsulation key: 0 for an imported key, else from 1 on.
    epoch: u32,
    /// `generated`, `recovered`, `handoff:generated`, `handoff:recovered` or `imported`.
    key_origin: String,
    /// SHA-256 of the settings that decide who else may get the key or sign in, in hex.
    config_digest: String,
    /// SHA-256 of the public key of TLS that ends inside the TEE, in hex; empty if it ends
    /// elsewhere.
    tls_spki_sha256: String,
    /// What only this platform's verifier needs, such as an event log.
    evidence: serde_json::Value,
    /// Certificates and revocation lists that a verifier needs.
    collateral: serde_json::Value,
}

/// The settings whose digest the evidence binds (spec/attestation.md#configuration).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct BoundConfiguration {
    /// The same as in the evidence.
    key_origin: String,
    /// Origins whose sign-ins are accepted, in ascending order.
    sign_in_origins: Vec<String>,
    /// Whether storing needs a sign-in.
    require_sign_in_to_store: bool,
    /// How the root is kept: `plain`, `passphrase`, `dstack`, `sev-snp`, `pkcs11` or `memory`.
    protection: String,
    /// The SLH-DSA key whose statements say which other code may get the root: 0x and 128 hex
    /// digits.
    #[schema(required = false)]
    release_key: Option<String>,
    /// The recipients who could bring the root back, if any.
    #[schema(required = false)]
    recovery: Option<Recovery>,
}

/// The recipients who could bring the root back.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct Recovery {
    /// The number of recipients that it takes.
    threshold: u32,
    /// The ids of the recipients' keys, 32 hex digits each, in ascending order.
    key_ids: Vec<String>,
}
