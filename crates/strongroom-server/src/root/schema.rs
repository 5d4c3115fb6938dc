//! The shapes of a handoff's messages in the OpenAPI description; strongroom-attest reads and
//! writes them.

use crate::attestation::schema::{BoundConfiguration, Evidence};
use utoipa::ToSchema;

/// The first message of a replica that wants the root.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest reads")]
pub(crate) struct HandoffHello {
    /// A nonce that the joiner made for this handoff, 64 hex digits.
    nonce: String,
    /// An ML-KEM-1024 encapsulation key that the joiner made for this handoff, in base64.
    ephemeral_key: String,
}

/// The code and the settings of the replica that has the root.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct HandoffOffer {
    /// The name of this handoff, 64 hex digits.
    handoff: String,
    /// The donor's evidence, made for this handoff.
    evidence: Evidence,
    /// The settings that the donor runs with.
    configuration: BoundConfiguration,
}

/// The second message of a replica that wants the root.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest reads")]
pub(crate) struct HandoffRequest {
    /// The name of this handoff, as in the offer.
    handoff: String,
    /// The joiner's evidence, made for this handoff.
    evidence: Evidence,
    /// The settings that the joiner will run with.
    configuration: BoundConfiguration,
    /// Statements of the release key for the joiner's code, if it differs from the donor's.
    #[schema(max_items = 4)]
    release_statements: Vec<serde_json::Value>,
}

/// The root, sealed to the joiner.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct HandoffRoot {
    /// A native envelope to the joiner's key, in base64.
    envelope: String,
}
