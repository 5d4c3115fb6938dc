//! `/secret/…`: store, access, envelope, list, delete.

use super::grant::{self, AccessGrant, Lister, OwnerGrant};
use super::record::KeptSecret;
use super::request::StoreRequest;
use super::schema;
use super::service::{Secrets, Stored};
use crate::error::{ApiError, Code};
use crate::http::answer::JSON;
use crate::http::body::{self, JsonBody, SealedBody};
use crate::http::times::unix_rfc3339;
use crate::limits::ClientAddress;
use crate::sign_in::{SignIn, SignIns};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strongroom::json::Object;
use strongroom::key::Recipient;
use strongroom::sign_in::Act;
use strongroom::{Plaintext, SlotId, encoding};
use utoipa::{IntoParams, ToSchema};
use zeroize::Zeroizing;

/// `expiresAt` of an envelope that is sent as it is.
pub(crate) const EXPIRES_AT_HEADER: &str = "x-strongroom-expires-at";
const OCTET_STREAM: &str = "application/octet-stream";
const DEFAULT_PAGE: u32 = 100;
const MAX_PAGE: u32 = 1000;

/// What became of a stored payload.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreAnswer {
    /// Where it is: 64 hex digits.
    slot: String,
    /// Whether the vault is among the recipients and can open it.
    openable: bool,
    /// When the vault forgets it, RFC 3339; never where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// A slot in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedSlot {
    /// Its name.
    slot: String,
    /// Whether the wallet may replace and delete it.
    owner: bool,
    /// Whether the wallet may read it.
    reader: bool,
    /// Whether the vault can open it.
    openable: bool,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// For `If-Match`.
    etag: String,
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct ListAnswer {
    /// Ascending by name.
    slots: Vec<ListedSlot>,
    /// What to pass as `after` for the next page; none where this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The key that an answer is sealed to.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessRequest {
    /// A public key text `strongroom-pk-1…`, or base64 of an ML-KEM-1024 encapsulation key.
    seal_to: String,
}

/// An opened secret, sealed to the key of the request.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccessAnswer {
    /// Base64 of a native envelope.
    sealed: String,
}

/// Store a sealed payload
///
/// Signed or not. The owners are those of an envelope's policy; else who signs; else the sole reader; else nobody. The same
/// request again finds the same slot, if the vault is among the recipients.
#[utoipa::path(
    post,
    path = "/secret/store",
    tag = "secrets",
    operation_id = "store",
    params(ExpiresAtHeader),
    request_body(content((schema::StoreRequest = "application/json"), (schema::EnvelopeBytes = "application/octet-stream"))),
    security((), ("siweMessage" = [], "siweSignature" = []), ("session" = [])),
    responses((status = 201, description = "Stored, durably", body = StoreAnswer)),
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
    grant: AccessGrant<grant::Access>,
) -> Result<impl IntoResponse, ApiError> {
    Ok((JSON, opened(&secrets.open(grant.record())?)))
}

/// Have the vault open a secret for one key
///
/// Whoever ends the TLS does not see it. The statement names slot and key.
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
    let Object(request): Object<AccessRequest> = serde_json::from_slice(&body)
        .map_err(|_| Code::MalformedRequest.because("the body is no {sealTo}"))?;
    let recipient: Recipient =
        request.seal_to.parse().map_err(|error| Code::MalformedKey.because(format!("sealTo: {error}")))?;
    let sign_in = SignIn::required(&headers)?;
    let grant = AccessGrant::to_key((&sign_ins, &secrets.slots), &sign_in, slot, &recipient).await?;
    let sealed = secrets.open_to(grant.record(), recipient)?;
    Ok(Json(AccessAnswer { sealed: encoding::base64(sealed.as_bytes()) }))
}

/// Fetch the payload as it is
#[utoipa::path(
    get,
    path = "/secret/envelope/{slot}",
    tag = "secrets",
    operation_id = "envelope",
    params(SlotParameter),
    security(("siweMessage" = [], "siweSignature" = []), ("session" = [])),
    responses((
        status = 200,
        description = "What is stored, with its ETag; an envelope as its bytes, where `Accept` is application/octet-stream",
        content((schema::Secret = "application/json"), (schema::EnvelopeBytes = "application/octet-stream")),
    )),
)]
pub(crate) async fn envelope(
    headers: HeaderMap,
    grant: AccessGrant<grant::Envelope>,
) -> Result<Response, ApiError> {
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
/// Where nobody else has meanwhile. The statement names slot and body.
#[utoipa::path(
    put,
    path = "/secret/envelope/{slot}",
    tag = "secrets",
    operation_id = "replace",
    params(SlotParameter, ExpiresAtHeader, ("If-Match" = String, Header, description = "The ETag that is replaced")),
    request_body(content((schema::StoreRequest = "application/json"), (schema::EnvelopeBytes = "application/octet-stream"))),
    security(("siweMessage" = [], "siweSignature" = []), ("session" = [])),
    responses((status = 200, description = "Replaced, durably", body = StoreAnswer)),
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

/// Forget a slot, for its owner
///
/// The statement names the slot.
#[utoipa::path(
    delete,
    path = "/secret/{slot}",
    tag = "secrets",
    operation_id = "forget",
    params(SlotParameter),
    security(("siweMessage" = [], "siweSignature" = []), ("session" = [])),
    responses((status = 204, description = "Forgotten, durably")),
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

/// The slot of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes what `SlotInPath` and the grants read")]
struct SlotParameter {
    /// 64 hex digits.
    #[param(pattern = "^[0-9a-f]{64}$")]
    slot: String,
}

/// With an envelope that is sent as its bytes.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "it describes what `parse` reads")]
struct ExpiresAtHeader {
    /// When the vault forgets an envelope that is sent as its bytes: RFC 3339. A bound statement hashes body ‖ this.
    #[param(rename = "x-strongroom-expires-at")]
    expires_at: Option<String>,
}

/// Which part of a list. Read before the sign-in, so that a mistake here costs no nonce.
pub(crate) struct Page {
    after: Option<SlotId>,
    limit: u32,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PageParameters {
    /// The last slot of the page before.
    #[param(pattern = "^[0-9a-f]{64}$")]
    after: Option<String>,
    /// Slots in the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let malformed = || Code::MalformedQuery.because(format!("after is a slot, limit is 1 to {MAX_PAGE}"));
        let Query(page) =
            Query::<PageParameters>::from_request_parts(parts, state).await.map_err(|_| malformed())?;
        let after = page.after.map(|text| text.parse()).transpose().map_err(|_| malformed())?;
        let limit = page.limit.unwrap_or(DEFAULT_PAGE);
        if (1..=MAX_PAGE).contains(&limit) { Ok(Self { after, limit }) } else { Err(malformed()) }
    }
}

/// The slots that a wallet owns or may read
#[utoipa::path(
    get,
    path = "/secret/slots",
    tag = "secrets",
    operation_id = "list",
    params(PageParameters),
    security(("siweMessage" = [], "siweSignature" = []), ("session" = [])),
    responses((status = 200, description = "A page of them", body = ListAnswer)),
)]
pub(crate) async fn list(
    State(secrets): State<Arc<Secrets>>,
    page: Page,
    Lister(principal): Lister,
) -> Result<Json<ListAnswer>, ApiError> {
    let (listed, next) = secrets.list(principal, page.after, page.limit).await?;
    let slots = listed
        .iter()
        .map(|entry| ListedSlot {
            slot: entry.slot.to_string(),
            owner: entry.owner,
            reader: entry.reader,
            openable: entry.openable,
            created_at: unix_rfc3339(entry.created_at),
            expires_at: entry.expires_at.map(unix_rfc3339),
            etag: etag(entry.generation),
        })
        .collect();
    Ok(Json(ListAnswer { slots, next: next.map(|slot| slot.to_string()) }))
}

/// The slot of the path, for handlers that need no grant of it yet.
pub(crate) struct SlotInPath(SlotId);

impl<S: Send + Sync> FromRequestParts<S> for SlotInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        grant::slot_in_path(parts, state).await.map(Self)
    }
}

/// The request, and the bytes that a bound statement hashes: the body, and after it the header that says when it ends.
fn parse(
    secrets: &Secrets,
    headers: &HeaderMap,
    body: &SealedBody,
) -> Result<(StoreRequest, Bytes), ApiError> {
    let mut ends = headers.get_all(EXPIRES_AT_HEADER).iter();
    let (end, more) = (ends.next(), ends.next().is_some());
    match (body, end) {
        (_, Some(_)) if more => {
            Err(Code::MalformedExpiry.because(format!("{EXPIRES_AT_HEADER} is there twice")))
        }
        (SealedBody::Json(_), Some(_)) => {
            Err(Code::MalformedExpiry.because("a JSON body says itself when it ends: expiresAt"))
        }
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

fn stored(stored: Stored) -> impl IntoResponse {
    let answer = StoreAnswer {
        slot: stored.slot.to_string(),
        openable: stored.openable,
        expires_at: stored.expires_at.map(unix_rfc3339),
    };
    ([(header::ETAG, etag(stored.generation))], Json(answer))
}

/// `{"secret":…}`, or `{"secretBase64":…}` of bytes that are no text; wiped when it has been sent.
fn opened(plaintext: &Plaintext) -> Bytes {
    let bytes = plaintext.expose();
    // A character becomes at most six, so that the buffer never moves and leaves a copy behind.
    let mut json = Zeroizing::new(Vec::with_capacity(6 * bytes.len() + 32));
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            json.extend_from_slice(br#"{"secret":"#);
            serde_json::to_writer(&mut *json, text).expect("writing to memory does not fail");
            json.push(b'}');
        }
        Err(_) => {
            json.extend_from_slice(br#"{"secretBase64":""#);
            json.extend_from_slice(Zeroizing::new(encoding::base64(bytes)).as_bytes());
            json.extend_from_slice(br#""}"#);
        }
    }
    Bytes::from_owner(json)
}

fn etag(generation: u64) -> String {
    format!("\"{generation}\"")
}

/// The generation of `If-Match: "n"`; 0, which no slot has, where it is another's tag.
fn if_match(headers: &HeaderMap) -> Result<u64, ApiError> {
    let mut values = headers.get_all(header::IF_MATCH).iter();
    let value =
        values.next().ok_or_else(|| Code::IfMatchRequired.because("send If-Match with the slot's ETag"))?;
    let text = value.to_str().unwrap_or("");
    let generation =
        text.trim_matches('"').parse().ok().filter(|n| etag(*n) == text && values.next().is_none());
    Ok(generation.unwrap_or(0))
}
