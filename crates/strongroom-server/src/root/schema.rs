//! The shapes of a handoff's messages in the OpenAPI description; strongroom-attest reads and writes
//! them.

use crate::attestation::schema::{BoundConfiguration, Evidence};
use utoipa::ToSchema;

/// The first message of a replica that wants the root.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest reads")]
pub(crate) struct HandoffHello {
    /// 64 hex digits.
    nonce: String,
    /// Base64 of an ML-KEM-1024 encapsulation key that is made for this handoff.
    ephemeral_key: String,
}

/// What the replica that has the root runs.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct HandoffOffer {
    /// The name of this handoff, 64 hex digits.
    handoff: String,
    /// Of the donor, for this handoff.
    evidence: Evidence,
    /// The donor's settings.
    configuration: BoundConfiguration,
}

/// The second message of a replica that wants the root.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest reads")]
pub(crate) struct HandoffRequest {
    /// As in the offer.
    handoff: String,
    /// Of the joiner, for this handoff.
    evidence: Evidence,
    /// The settings that the joiner will run with.
    configuration: BoundConfiguration,
    /// What the release key signed, where the joiner runs other code than the donor.
    #[schema(max_items = 4)]
    release_statements: Vec<serde_json::Value>,
}

/// The root on its way.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct HandoffRoot {
    /// Base64 of a native envelope to the joiner's key.
    envelope: String,
}
