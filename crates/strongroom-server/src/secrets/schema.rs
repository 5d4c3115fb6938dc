//! The shapes of secrets in the OpenAPI description, for what request.rs and the library read by hand.

use serde::Serialize;
use utoipa::ToSchema;

/// A sealed payload and who may read it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what request.rs reads")]
pub(crate) struct StoreRequest {
    /// The payload or the envelope, or a string that holds its JSON. Never plaintext.
    secret: Secret,
    /// Wallets that may read it: `0x` and 40 hex digits each, in any case. May be left out with an envelope, whose
    /// policy names them.
    #[schema(min_items = 1, max_items = 100, required = false)]
    public_addresses: Option<Vec<String>>,
    /// When the vault forgets it: RFC 3339, in the future.
    #[schema(required = false)]
    expires_at: Option<String>,
}

/// What is sealed.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it describes what request.rs reads")]
pub(crate) enum Secret {
    /// In the native format.
    Envelope(NativeEnvelope),
    /// As w3pk seals.
    Payload(Payload),
}

/// A native envelope (spec/envelope.md).
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct NativeEnvelope {
    /// Base64 of its bytes.
    envelope: String,
}

/// A native envelope as its bytes.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct EnvelopeBytes(Vec<u8>);

/// A w3pk payload (spec/w3pk.md); sizes are of the decoded bytes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct Payload {
    /// 2 for the second generation; not there for the first.
    #[schema(required = false)]
    version: Option<u32>,
    /// One entry for each who can open it.
    recipients: Vec<PayloadRecipient>,
    /// Base64.
    encrypted_data: String,
    /// Base64 of 12 bytes.
    iv: String,
    /// Base64 of 16 bytes.
    auth_tag: String,
}

/// Who can open a payload.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct PayloadRecipient {
    /// Base64 of an ML-KEM-1024 encapsulation key, 1,568 bytes.
    public_key: String,
    /// Base64 of 1,600 bytes in the first generation, 1,608 in the second.
    ciphertext: String,
}

/// An opened secret: one of the two.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what is written so that it can be wiped")]
pub(crate) struct Opened {
    /// The text.
    #[schema(required = false)]
    secret: Option<String>,
    /// Base64, where it is no UTF-8.
    #[schema(required = false)]
    secret_base64: Option<String>,
}
