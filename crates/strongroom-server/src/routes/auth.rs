//! `/auth/nonce`

use super::JSON;
use crate::edge::JsonBody;
use crate::error::{ApiError, Code};
use crate::vault::Vault;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use strongroom::json::Object;
use strongroom::principal::WalletAddress;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[derive(Deserialize)]
struct Request {
    address: Option<String>,
}

/// A nonce for anybody, or for the wallet that the body names. An empty body is one that names nobody.
pub(super) async fn nonce(
    State(vault): State<Arc<Vault>>,
    body: JsonBody,
) -> Result<impl IntoResponse, ApiError> {
    let address: Option<WalletAddress> = if body.0.is_empty() {
        None
    } else {
        let Object(request): Object<Request> = serde_json::from_slice(&body.0)
            .map_err(|_| Code::MalformedRequest.because("the body is no {address?}"))?;
        request
            .address
            .map(|text| {
                text.parse().map_err(|error| Code::MalformedAddress.because(format!("address: {error}")))
            })
            .transpose()?
    };
    let issued = vault.nonces.issue(address.as_ref(), vault.now());
    let body = json!({
        "nonce": issued.nonce,
        "issuedAt": rfc3339(issued.issued_at),
        "expiresAt": rfc3339(issued.expires_at),
    });
    Ok((StatusCode::CREATED, JSON, body.to_string()))
}

fn rfc3339(at: OffsetDateTime) -> String {
    let at = at.replace_millisecond(at.millisecond()).expect("its own millisecond");
    at.format(&Rfc3339).expect("the clock is before the year 10000")
}
