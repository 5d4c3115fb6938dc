//! `/handoff/offer`, `/handoff/root`

use super::donor::RootDonor;
use super::schema;
use crate::error::{ApiError, Code};
use crate::http::body::JsonBody;
use crate::limits::ClientAddress;
use axum::Json;
use axum::extract::{Extension, State};
use serde::Deserialize;
use std::sync::Arc;
use strongroom::json::{self, Object};
use strongroom_attest::root_transfer::handoff::{HandoffRequest, Handover, Hello, Offer};

/// Show another replica which code runs here
///
/// This is the first half of a handoff of the root (spec/root.md#handoff).
#[utoipa::path(
    post,
    path = "/handoff/offer",
    tag = "handoff",
    operation_id = "offerRoot",
    request_body(content = schema::HandoffHello),
    responses((status = 200, description = "The offer", body = schema::HandoffOffer)),
)]
pub(crate) async fn offer(
    State(root_donor): State<Arc<RootDonor>>,
    JsonBody(body): JsonBody,
) -> Result<Json<Offer>, ApiError> {
    root_donor.offer(&read::<Hello>(&body, "the body is not {nonce, ephemeralKey}")?).await.map(Json)
}

/// Hand the root to a replica that was verified
///
/// This is the second half of a handoff. The root is sealed to the replica's key.
#[utoipa::path(
    post,
    path = "/handoff/root",
    tag = "handoff",
    operation_id = "handRootOver",
    request_body(content = schema::HandoffRequest),
    responses((status = 200, description = "The sealed root", body = schema::HandoffRoot)),
)]
pub(crate) async fn root(
    State(root_donor): State<Arc<RootDonor>>,
    Extension(client): Extension<ClientAddress>,
    JsonBody(body): JsonBody,
) -> Result<Json<Handover>, ApiError> {
    let what = "the body is not {handoff, evidence, configuration, releaseStatements}";
    root_donor.hand_over(&client, read::<HandoffRequest>(&body, what)?).await.map(Json)
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8], what: &'static str) -> Result<T, ApiError> {
    let Object(message) = json::from_slice(body).map_err(|_| Code::MalformedRequest.because(what))?;
    Ok(message)
}
