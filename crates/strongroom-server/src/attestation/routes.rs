//! `/attestation`, `/secret/attestation`

use super::evidence::Attestation;
use super::schema;
use crate::error::{ApiError, Code};
use crate::http::headers::JSON;
use axum::Json;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use serde::Deserialize;
use std::sync::Arc;
use strongroom_attest::Configuration;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// A nonce that the client made: 64 hex digits. Without it, the evidence may be a minute old.
    #[param(pattern = "^[0-9a-fA-F]{64}$")]
    nonce: Option<String>,
}

/// The vault's evidence: which code holds which key
///
/// It is made for the request if the client sends a nonce (spec/attestation.md).
#[utoipa::path(
    get,
    path = "/secret/attestation",
    tag = "attestation",
    operation_id = "attestation",
    params(Parameters),
    responses((status = 200, description = "The evidence", body = schema::Evidence)),
)]
pub(crate) async fn show(
    State(attestation): State<Arc<Attestation>>,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let malformed = || Code::MalformedNonce.because("nonce is not 64 hex digits");
    let Query(parameters) = parameters.map_err(|_| malformed())?;
    let nonce = parameters
        .nonce
        .map(|text| {
            let mut nonce = [0; 32];
            hex::decode_to_slice(text, &mut nonce).map(|()| nonce).map_err(|_| malformed())
        })
        .transpose()?;
    Ok((JSON, attestation.evidence(nonce).await?))
}

/// The settings whose digest the evidence binds
///
/// They say who else may get the key, who could recover it, and which origins' sign-ins are
/// accepted (spec/attestation.md#configuration).
#[utoipa::path(
    get,
    path = "/attestation/configuration",
    tag = "attestation",
    operation_id = "configuration",
    responses((status = 200, description = "The settings", body = schema::BoundConfiguration)),
)]
pub(crate) async fn configuration(State(attestation): State<Arc<Attestation>>) -> Json<Configuration> {
    Json(attestation.configuration().clone())
}
