//! Shapes in the OpenAPI description, for what request.rs and the library read by hand.

use serde::Serialize;
use utoipa::ToSchema;

/// A sealed payload and its readers.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what request.rs reads")]
pub(crate) struct StoreRequest {
    /// The payload or the envelope, or a string that holds its JSON. Never plaintext.
    secret: Secret,
    /// Wallets that may read it: `0x` and 40 hex digits each, in any case. An envelope's policy
    /// names its readers, so this may be left out for an envelope.
    #[schema(min_items = 1, max_items = 100, required = false)]
    public_addresses: Option<Vec<String>>,
    /// When the slot expires: RFC 3339, in the future.
    #[schema(required = false)]
    expires_at: Option<String>,
}

/// A sealed secret, in one of two formats.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it describes what request.rs reads")]
pub(crate) enum Secret {
    /// A secret in the native format.
    Envelope(NativeEnvelope),
    /// A secret that w3pk sealed.
    Payload(Payload),
}

/// A native envelope (spec/envelope.md).
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct NativeEnvelope {
    /// The envelope's bytes, in base64.
    envelope: String,
}

/// The bytes of a native envelope.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct EnvelopeBytes(Vec<u8>);

/// A w3pk payload (spec/w3pk.md). Sizes are those of the decoded bytes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct Payload {
    /// 2 for the second generation; absent for the first.
    #[schema(required = false)]
    version: Option<u32>,
    /// One entry for each recipient that can open the payload.
    recipients: Vec<PayloadRecipient>,
    /// The AES-256-GCM ciphertext, in base64.
    encrypted_data: String,
    /// The nonce, 12 bytes in base64.
    iv: String,
    /// The tag, 16 bytes in base64.
    auth_tag: String,
}

/// A recipient of a payload.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct PayloadRecipient {
    /// The recipient's ML-KEM-1024 encapsulation key, 1,568 bytes in base64.
    public_key: String,
    /// The KEM ciphertext and the wrapped key, in base64: 1,600 bytes in the first generation,
    /// 1,608 in the second.
    ciphertext: String,
}

/// An opened secret, in one of the two members.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes an answer that is written by hand, to wipe it")]
pub(crate) struct Opened {
    /// The secret, if it is UTF-8.
    #[schema(required = false)]
    secret: Option<String>,
    /// The secret in base64, if it is not UTF-8.
    #[schema(required = false)]
    secret_base64: Option<String>,
}
