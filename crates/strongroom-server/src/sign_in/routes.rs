//! `/auth/nonce`, `/auth/session`.

use super::checks::SignIns;
use crate::error::{ApiError, Code};
use crate::http::body::JsonBody;
use crate::http::parameters::{public_key, signature};
use crate::http::times::rfc3339;
use crate::limits::ClientAddress;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strongroom::json::{self, Object};
use strongroom::sign_in::SlhDsaStatement;
use strongroom::wallet::WalletAddress;
use utoipa::ToSchema;

/// The wallet that a nonce is for.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NonceRequest {
    /// The only wallet that may use the nonce; if it is left out, anybody may.
    #[schema(pattern = "^0[xX][0-9a-fA-F]{40}$")]
    address: Option<String>,
}

/// A nonce, which can be signed once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NonceAnswer {
    /// The nonce, 80 hex digits.
    nonce: String,
    /// The vault's time now: RFC 3339, UTC.
    issued_at: String,
    /// When the nonce expires, five minutes later: RFC 3339, UTC.
    expires_at: String,
}

/// Get a nonce for a sign-in
///
/// Only the wallet that the body names may use it. If the body is empty or names nobody, anybody
/// may.
#[utoipa::path(
    post,
    path = "/auth/nonce",
    tag = "sign-in",
    operation_id = "nonce",
    request_body(content = Option<NonceRequest>),
    responses((status = 201, description = "The nonce", body = NonceAnswer)),
)]
pub(crate) async fn nonce(
    State(sign_ins): State<Arc<SignIns>>,
    body: JsonBody,
) -> Result<(StatusCode, Json<NonceAnswer>), ApiError> {
    let address: Option<WalletAddress> = if body.0.is_empty() {
        None
    } else {
        let Object(request): Object<NonceRequest> = json::from_slice(&body.0)
            .map_err(|_| Code::MalformedRequest.because("the body is not {address?}"))?;
        request
            .address
            .map(|text| {
                text.parse().map_err(|error| Code::MalformedAddress.because(format!("address: {error}")))
            })
            .transpose()?
    };
    let issued = sign_ins.issue_nonce(address.as_ref());
    let answer = NonceAnswer {
        nonce: issued.nonce,
        issued_at: rfc3339(issued.issued_at),
        expires_at: rfc3339(issued.expires_at),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// A signed statement, which is traded for a session.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SessionRequest)]
pub(crate) struct StartSessionRequest {
    /// A statement that an SLH-DSA key signed (spec/sign-in.md#sessions).
    message: String,
    /// The SLH-DSA public key: 0x and 128 hex digits.
    public_key: String,
    /// The signature over the message: 0x and 99,712 hex digits.
    signature: String,
}

/// A session, which lasts ten minutes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionAnswer {
    /// The token to send in `Authorization: Bearer`.
    token: String,
    /// When the session ends, ten minutes later: RFC 3339, UTC.
    expires_at: String,
}

/// Start a session for an SLH-DSA key
///
/// The statement's nonce must be one that anybody may use.
#[utoipa::path(
    post,
    path = "/auth/session",
    tag = "sign-in",
    operation_id = "session",
    request_body(content = StartSessionRequest),
    responses((status = 201, description = "The session", body = SessionAnswer)),
)]
pub(crate) async fn session(
    State(sign_ins): State<Arc<SignIns>>,
    Extension(client): Extension<ClientAddress>,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<SessionAnswer>), ApiError> {
    let Object(request): Object<StartSessionRequest> = json::from_slice(&body)
        .map_err(|_| Code::MalformedRequest.because("the body is not {message, publicKey, signature}"))?;
    let statement = SlhDsaStatement::parse(&request.message)
        .map_err(|error| Code::SignInMalformed.because(error.to_string()))?;
    let public_key = public_key(&request.public_key)?;
    let signature = signature(&request.signature)?;
    let (token, expires_at) = sign_ins.start_session(&client, statement, public_key, signature).await?;
    let answer = SessionAnswer { token: token.to_string(), expires_at: rfc3339(expires_at) };
    Ok((StatusCode::CREATED, Json(answer)))
}
