//! `/secret/…`: store, access, envelope, list, delete.

use super::answers::{AccessAnswer, ListAnswer, StoreAnswer, etag, listed, opened, stored};
use super::grant::{AccessGrant, FetchAct, Lister, OpenAct, OwnerGrant};
use super::parameters::{
    EXPIRES_AT_HEADER, ExpiresAtHeader, Page, PageParameters, SlotInPath, SlotParameter, if_match,
};
use super::record::KeptSecret;
use super::request::StoreRequest;
use super::schema;
use super::storing::Secrets;
use crate::error::{ApiError, Code};
use crate::http::body::{self, JsonBody, SealedBody};
use crate::http::headers::JSON;
use crate::limits::ClientAddress;
use crate::sign_in::{SignIn, SignIns};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;
use strongroom::encoding;
use strongroom::json::{self, Object};
use strongroom::key::Recipient;
use strongroom::sign_in::Act;
use utoipa::ToSchema;

const OCTET_STREAM: &str = "application/octet-stream";

/// The body of an access request: the key to which the answer is sealed.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessRequest {
    /// A public key text `strongroom-pk-1…`, or an ML-KEM-1024 encapsulation key in base64.
    seal_to: String,
}

/// Store a sealed payload
///
/// The request may be signed. The owners are those in an envelope's policy; else the signer; else
/// the only reader; else nobody. If the vault is among the recipients, the same request again gets
/// the same slot.
#[utoipa::path(
    post,
    path = "/secret/store",
    tag = "secrets",
    operation_id = "store",
    params(ExpiresAtHeader),
    request_body(content((schema::StoreRequest = "application/json"), (schema::EnvelopeBytes = "application/octet-stream"))),
    security((), ("siweMessage" = [], "siweSignature" = []), ("session" = [])),
    responses((status = 201, description = "The payload is stored durably", body = StoreAnswer)),
)]
pub(crate) async fn store(
    State(secrets): State<Arc<Secrets>>,
    State(sign_ins): State<Arc<SignIns>>,
    Extension(client): Extension<ClientAddress>,
    headers: HeaderMap,
    body: SealedBody,
) -> Result<Response, ApiError> {
    let (mut request, signed) = parse(&secrets, &headers, &body)?;
    let signer = match SignIn::from_headers(&headers)? {
        Some(sign_in) => Some(sign_ins.verify(&sign_in, &Act::store(&signed)).await?),
        None => {
            secrets.admit_unsigned(&mut request, &client, signed.len())?;
            None
        }
    };
    Ok((StatusCode::CREATED, stored(secrets.take_in(request, signer).await?)).into_response())
}

/// Have the vault open a secret
#[utoipa::path(
    get,
    path = "/secret/access/{slot}",
    tag = "secrets",
    operation_id = "access",
    params(SlotParameter),
    security(("siweMessage" = [], "siweSignature" = []), ("session" = [])),
    responses((status = 200, description = "The plaintext", body = schema::Opened)),
)]
pub(crate) async fn access(
    State(secrets): State<Arc<Secrets>>,
    grant: AccessGrant<OpenAct>,
) -> Result<impl IntoResponse, ApiError> {
    Ok((JSON, opened(&secrets.open(grant.record())?)))
}

/// Have the vault open a secret for one key
///
/// The answer is sealed, so whatever ends the TLS cannot read it. The statement must name the slot
/// and the key.
#[utoipa::path(
    post,
    path = "/secret/access/{slot}",
    tag = "secrets",
    operation_id = "accessToKey",
    params(SlotParameter),
    request_body(content = AccessRequest),
    security(("siweMessage" = [], "siweSignature" = []), ("session" = [])),
    responses((status = 200, description = "The plaintext, sealed to the key", body = AccessAnswer)),
)]
pub(crate) async fn access_to_key(
    State(secrets): State<Arc<Secrets>>,
    State(sign_ins): State<Arc<SignIns>>,
    SlotInPath(slot): SlotInPath,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Json<AccessAnswer>, ApiError> {
    let Object(request): Object<AccessRequest> =
        json::from_slice(&body).map_err(|_| Code::MalformedRequest.because("the body is not {sealTo}"))?;
    let recipient: Recipient =
        request.seal_to.parse().map_err(|error| Code::MalformedKey.because(format!("sealTo: {error}")))?;
    let sign_in = SignIn::required(&headers)?;
    let grant = AccessGrant::to_key((&sign_ins, &secrets.slots), &sign_in, slot, &recipient).await?;
    let sealed = secrets.open_to(grant.record(), recipient)?;
    Ok(Json(AccessAnswer { sealed: encoding::base64(sealed.as_bytes()) }))
}

/// Fetch the sealed payload
#[utoipa::path(
    get,
    path = "/secret/envelope/{slot}",
    tag = "secrets",
    operation_id = "envelope",
    params(SlotParameter),
    security(("siweMessage" = [], "siweSignature" = []), ("session" = [])),
    responses((
        status = 200,
        description = "The payload, with its ETag; an envelope comes as bytes if `Accept` is application/octet-stream",
        content((schema::Secret = "application/json"), (schema::EnvelopeBytes = "application/octet-stream")),
    )),
)]
pub(crate) async fn envelope(headers: HeaderMap, grant: AccessGrant<FetchAct>) -> Result<Response, ApiError> {
    let etag = [(header::ETAG, etag(grant.generation()))];
    let wants_bytes = headers.get(header::ACCEPT).is_some_and(|value| body::is(value, OCTET_STREAM));
    Ok(match &grant.record().kept {
        KeptSecret::W3pk(json) => (JSON, etag, json.clone()).into_response(),
        KeptSecret::Envelope(bytes) if wants_bytes => {
            ([(header::CONTENT_TYPE, OCTET_STREAM)], etag, bytes.clone()).into_response()
        }
        KeptSecret::Envelope(bytes) => {
            (JSON, etag, format!(r#"{{"envelope":"{}"}}"#, encoding::base64(bytes))).into_response()
        }
    })
}

/// Replace the payload, for its owner
///
/// The payload is replaced only if nobody has replaced it in the meantime. The statement must name
/// the slot and the body.
#[utoipa::path(
    put,
    path = "/secret/envelope/{slot}",
    tag = "secrets",
    operation_id = "replace",
    params(SlotParameter, ExpiresAtHeader, ("If-Match" = String, Header, description = "The ETag of the payload to replace")),
    request_body(content((schema::StoreRequest = "application/json"), (schema::EnvelopeBytes = "application/octet-stream"))),
    security(("siweMessage" = [], "siweSignature" = []), ("session" = [])),
    responses((status = 200, description = "The payload is replaced durably", body = StoreAnswer)),
)]
pub(crate) async fn replace(
    State(secrets): State<Arc<Secrets>>,
    State(sign_ins): State<Arc<SignIns>>,
    SlotInPath(slot): SlotInPath,
    headers: HeaderMap,
    body: SealedBody,
) -> Result<Response, ApiError> {
    let expected = if_match(&headers)?;
    let (request, signed) = parse(&secrets, &headers, &body)?;
    let sign_in = SignIn::required(&headers)?;
    let grant =
        OwnerGrant::check((&sign_ins, &secrets.slots), &sign_in, slot, &Act::put(slot, &signed)).await?;
    Ok(stored(secrets.replace(grant, expected, request).await?).into_response())
}

/// Delete a slot, for its owner
///
/// The statement must name the slot.
#[utoipa::path(
    delete,
    path = "/secret/{slot}",
    tag = "secrets",
    operation_id = "forget",
    params(SlotParameter),
    security(("siweMessage" = [], "siweSignature" = []), ("session" = [])),
    responses((status = 204, description = "The slot is deleted durably")),
)]
pub(crate) async fn forget(
    State(secrets): State<Arc<Secrets>>,
    State(sign_ins): State<Arc<SignIns>>,
    SlotInPath(slot): SlotInPath,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let sign_in = SignIn::required(&headers)?;
    let grant = OwnerGrant::check((&sign_ins, &secrets.slots), &sign_in, slot, &Act::Delete(slot)).await?;
    secrets.forget(grant).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The slots that the caller owns or may read
#[utoipa::path(
    get,
    path = "/secret/slots",
    tag = "secrets",
    operation_id = "list",
    params(PageParameters),
    security(("siweMessage" = [], "siweSignature" = []), ("session" = [])),
    responses((status = 200, description = "A page of the slots", body = ListAnswer)),
)]
pub(crate) async fn list(
    State(secrets): State<Arc<Secrets>>,
    page: Page,
    Lister(principal): Lister,
) -> Result<Json<ListAnswer>, ApiError> {
    let (slots, next) = secrets.list(principal, page.after, page.limit).await?;
    Ok(listed(&slots, next))
}

/// The request, and the bytes that a bound statement hashes: the body, followed by the header with
/// its expiry.
fn parse(
    secrets: &Secrets,
    headers: &HeaderMap,
    body: &SealedBody,
) -> Result<(StoreRequest, Bytes), ApiError> {
    let mut ends = headers.get_all(EXPIRES_AT_HEADER).iter();
    let (end, more) = (ends.next(), ends.next().is_some());
    match (body, end) {
        (_, Some(_)) if more => {
            Err(Code::MalformedExpiry.because(format!("{EXPIRES_AT_HEADER} is there twice: send it once")))
        }
        (SealedBody::Json(_), Some(_)) => Err(Code::MalformedExpiry
            .because(format!("{EXPIRES_AT_HEADER} is for envelopes: a JSON body has expiresAt instead"))),
        (SealedBody::Json(body), None) => Ok((StoreRequest::parse(body, secrets.now())?, body.clone())),
        (SealedBody::Envelope(body), None) => {
            Ok((StoreRequest::parse_envelope(body, None, secrets.now())?, body.clone()))
        }
        (SealedBody::Envelope(body), Some(end)) => {
            let text = end.to_str().unwrap_or("");
            let request = StoreRequest::parse_envelope(body, Some(text), secrets.now())?;
            Ok((request, [body, text.as_bytes()].concat().into()))
        }
    }
}
