//! `/handoff/offer`, `/handoff/root`

use crate::edge::JsonBody;
use crate::error::{ApiError, Code};
use crate::limits::ClientAddress;
use crate::vault::Vault;
use axum::Json;
use axum::extract::{Extension, State};
use serde::Deserialize;
use std::sync::Arc;
use strongroom::json::Object;
use strongroom_attest::handoff::{Handover, Hello, Offer, Request};

/// What runs here, for another replica that wants the root
///
/// The first half of a handoff (spec/attestation.md §9).
#[utoipa::path(
    post,
    path = "/handoff/offer",
    tag = "handoff",
    operation_id = "offerRoot",
    request_body(content = crate::openapi::HandoffHello),
    responses((status = 200, description = "An offer", body = crate::openapi::HandoffOffer)),
)]
pub(crate) async fn offer(
    State(vault): State<Arc<Vault>>,
    JsonBody(body): JsonBody,
) -> Result<Json<Offer>, ApiError> {
    vault.offer_root(&read::<Hello>(&body, "the body is no {nonce, ephemeralKey}")?).await.map(Json)
}

/// The root, sealed to a replica that was verified
///
/// The second half of a handoff.
#[utoipa::path(
    post,
    path = "/handoff/root",
    tag = "handoff",
    operation_id = "handRootOver",
    request_body(content = crate::openapi::HandoffRequest),
    responses((status = 200, description = "The root", body = crate::openapi::HandoffRoot)),
)]
pub(crate) async fn root(
    State(vault): State<Arc<Vault>>,
    Extension(client): Extension<ClientAddress>,
    JsonBody(body): JsonBody,
) -> Result<Json<Handover>, ApiError> {
    let what = "the body is no {handoff, evidence, configuration, releaseStatements}";
    vault.hand_root_over(&client, read::<Request>(&body, what)?).await.map(Json)
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8], what: &'static str) -> Result<T, ApiError> {
    let Object(message) = serde_json::from_slice(body).map_err(|_| Code::MalformedRequest.because(what))?;
    Ok(message)
}
