//! `/auth/nonce`, `/auth/session`

use super::service::SignIns;
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
use strongroom::json::Object;
use strongroom::sign_in::SlhDsaStatement;
use strongroom::wallet::WalletAddress;
use utoipa::ToSchema;

/// For whom a nonce is.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NonceRequest {
    /// The wallet that alone may use it; anybody where there is none.
    #[schema(pattern = "^0[xX][0-9a-fA-F]{40}$")]
    address: Option<String>,
}

/// A nonce, to be signed once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NonceAnswer {
    /// 80 hex digits.
    nonce: String,
    /// RFC 3339, UTC.
    issued_at: String,
    /// Five minutes later.
    expires_at: String,
}

/// A nonce for a sign-in
///
/// For anybody, or for the wallet that the body names. An empty body is one that names nobody.
#[utoipa::path(
    post,
    path = "/auth/nonce",
    tag = "sign-in",
    operation_id = "nonce",
    request_body(content = Option<NonceRequest>),
    responses((status = 201, description = "A nonce", body = NonceAnswer)),
)]
pub(crate) async fn nonce(
    State(sign_ins): State<Arc<SignIns>>,
    body: JsonBody,
) -> Result<(StatusCode, Json<NonceAnswer>), ApiError> {
    let address: Option<WalletAddress> = if body.0.is_empty() {
        None
    } else {
        let Object(request): Object<NonceRequest> = serde_json::from_slice(&body.0)
            .map_err(|_| Code::MalformedRequest.because("the body is no {address?}"))?;
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

/// What is traded for a session.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionRequest {
    /// A statement that an SLH-DSA key signed (spec/sign-in.md#sessions).
    message: String,
    /// The key: 0x and 128 hex digits.
    public_key: String,
    /// Over the message: 0x and 99,712 hex digits.
    signature: String,
}

/// A session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionAnswer {
    /// For `Authorization: Bearer`.
    token: String,
    /// Ten minutes later, RFC 3339, UTC.
    expires_at: String,
}

/// A session for an SLH-DSA key
///
/// For a statement with a nonce that was issued for nobody in particular.
#[utoipa::path(
    post,
    path = "/auth/session",
    tag = "sign-in",
    operation_id = "session",
    request_body(content = SessionRequest),
    responses((status = 201, description = "A session", body = SessionAnswer)),
)]
pub(crate) async fn session(
    State(sign_ins): State<Arc<SignIns>>,
    Extension(client): Extension<ClientAddress>,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<SessionAnswer>), ApiError> {
    let Object(request): Object<SessionRequest> = serde_json::from_slice(&body)
        .map_err(|_| Code::MalformedRequest.because("the body is no {message, publicKey, signature}"))?;
    let statement = SlhDsaStatement::parse(&request.message)
        .map_err(|error| Code::SignInMalformed.because(error.to_string()))?;
    let public_key = public_key(&request.public_key)?;
    let signature = signature(&request.signature)?;
    let (token, expires_at) = sign_ins.start_session(&client, statement, public_key, signature).await?;
    let answer = SessionAnswer { token: token.to_string(), expires_at: rfc3339(expires_at) };
    Ok((StatusCode::CREATED, Json(answer)))
}
