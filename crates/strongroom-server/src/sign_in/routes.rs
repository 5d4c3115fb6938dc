//! `/auth/nonce`, `/auth/session`

use crate::edge::JsonBody;
use crate::error::{ApiError, Code};
use crate::limits::ClientAddress;
use crate::routes::backups;
use crate::sign_in;
use crate::vault::Vault;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strongroom::json::Object;
use strongroom::principal::WalletAddress;
use strongroom::signin::SlhDsaStatement;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
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
    State(vault): State<Arc<Vault>>,
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
    let issued = vault.nonces.issue(address.as_ref(), vault.now());
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
    /// A statement that an SLH-DSA key signed (spec/backup.md §4).
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
    State(vault): State<Arc<Vault>>,
    Extension(client): Extension<ClientAddress>,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<SessionAnswer>), ApiError> {
    let Object(request): Object<SessionRequest> = serde_json::from_slice(&body)
        .map_err(|_| Code::MalformedRequest.because("the body is no {message, publicKey, signature}"))?;
    let statement = SlhDsaStatement::parse(&request.message)
        .map_err(|error| Code::SignInMalformed.because(error.to_string()))?;
    let public_key = backups::public_key(&request.public_key)?;
    let signature = backups::signature(&request.signature)?;
    let (rules, now) = (vault.rules.clone(), vault.now());
    let verified =
        vault.verify(&client, move || statement.verify(&public_key, &signature, &rules, now)).await?;
    let asked = verified.map_err(sign_in::refusal)?;
    let signer = asked.owner().into();
    sign_in::name_signer(&vault, &signer);
    vault.guard.admit_signer(&signer)?;
    sign_in::spend_nonce(&vault, asked.nonce(), None).await?;
    let (token, expires_at) = vault.sessions.issue(&asked, now);
    let answer = SessionAnswer { token: token.to_string(), expires_at: rfc3339(expires_at) };
    Ok((StatusCode::CREATED, Json(answer)))
}

fn rfc3339(at: OffsetDateTime) -> String {
    let at = at.replace_millisecond(at.millisecond()).expect("its own millisecond");
    at.format(&Rfc3339).expect("the clock is before the year 10000")
}
