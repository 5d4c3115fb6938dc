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
use strongroom::json::Object;
use strongroom_attest::root_transfer::handoff::{HandoffRequest, Handover, Hello, Offer};

/// What runs here, for another replica that wants the root
///
/// The first half of a handoff (spec/root.md#handoff).
#[utoipa::path(
    post,
    path = "/handoff/offer",
    tag = "handoff",
    operation_id = "offerRoot",
    request_body(content = schema::HandoffHello),
    responses((status = 200, description = "An offer", body = schema::HandoffOffer)),
)]
pub(crate) async fn offer(
    State(root_donor): State<Arc<RootDonor>>,
    JsonBody(body): JsonBody,
) -> Result<Json<Offer>, ApiError> {
    root_donor.offer(&read::<Hello>(&body, "the body is no {nonce, ephemeralKey}")?).await.map(Json)
}

/// The root, sealed to a replica that was verified
///
/// The second half of a handoff.
#[utoipa::path(
    post,
    path = "/handoff/root",
    tag = "handoff",
    operation_id = "handRootOver",
    request_body(content = schema::HandoffRequest),
    responses((status = 200, description = "The root", body = schema::HandoffRoot)),
)]
pub(crate) async fn root(
    State(root_donor): State<Arc<RootDonor>>,
    Extension(client): Extension<ClientAddress>,
    JsonBody(body): JsonBody,
) -> Result<Json<Handover>, ApiError> {
    let what = "the body is no {handoff, evidence, configuration, releaseStatements}";
    root_donor.hand_over(&client, read::<HandoffRequest>(&body, what)?).await.map(Json)
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8], what: &'static str) -> Result<T, ApiError> {
    let Object(message) = serde_json::from_slice(body).map_err(|_| Code::MalformedRequest.because(what))?;
    Ok(message)
}
