//! `/attestation`, `/secret/attestation`

use super::JSON;
use crate::error::{ApiError, Code};
use crate::vault::Vault;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct Parameters {
    nonce: Option<String>,
}

/// The evidence, for the client's nonce where it has one.
pub(super) async fn show(
    State(vault): State<Arc<Vault>>,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let malformed = || Code::MalformedNonce.because("nonce is 64 hex digits");
    let Query(parameters) = parameters.map_err(|_| malformed())?;
    let nonce = parameters
        .nonce
        .map(|text| {
            let mut nonce = [0; 32];
            hex::decode_to_slice(text, &mut nonce).map(|()| nonce).map_err(|_| malformed())
        })
        .transpose()?;
    Ok((JSON, vault.attestation(nonce)))
}
