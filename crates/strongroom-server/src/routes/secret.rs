//! `/secret/…`: store, access, envelope, list, delete.

use super::JSON;
use crate::edge::JsonBody;
use crate::error::{ApiError, Code};
use crate::grant::{self, AccessGrant, Lister, OwnerGrant};
use crate::request::StoreRequest;
use crate::sign_in::{self, SignIn};
use crate::vault::{Stored, Vault};
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use strongroom::signin::Act;
use strongroom::{Plaintext, SlotId, encoding};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

const DEFAULT_PAGE: u32 = 100;
const MAX_PAGE: u32 = 1000;

/// Takes a payload in; who signed the request, if somebody did, owns the slot.
pub(super) async fn store(
    State(vault): State<Arc<Vault>>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let request = StoreRequest::parse(&body, vault.now())?;
    let signer = match SignIn::from_headers(&headers)? {
        Some(sign_in) => Some(sign_in.verify(&vault, &Act::store(&body)).await?),
        None if vault.config.require_sign_in_to_store => {
            return Err(sign_in::missing());
        }
        None => None,
    };
    Ok((StatusCode::CREATED, stored(vault.take_in(request, signer).await?)).into_response())
}

/// Opens the payload for a reader.
pub(super) async fn access(
    State(vault): State<Arc<Vault>>,
    grant: AccessGrant<grant::Access>,
) -> Result<impl IntoResponse, ApiError> {
    Ok((JSON, opened(&vault.open(grant.record())?)))
}

/// Gives a reader the payload as it is.
pub(super) async fn envelope(grant: AccessGrant<grant::Envelope>) -> impl IntoResponse {
    let etag = [(header::ETAG, etag(grant.generation()))];
    (JSON, etag, grant.record().payload.clone())
}

/// Replaces the payload for the owner, where nobody else has meanwhile.
pub(super) async fn replace(
    State(vault): State<Arc<Vault>>,
    SlotInPath(slot): SlotInPath,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let expected = if_match(&headers)?;
    let request = StoreRequest::parse(&body, vault.now())?;
    let sign_in = SignIn::required(&headers)?;
    let grant = OwnerGrant::check(&vault, &sign_in, slot, &Act::put(slot, &body)).await?;
    Ok(stored(vault.replace(grant, expected, request).await?).into_response())
}

/// Forgets the slot for the owner.
pub(super) async fn forget(
    State(vault): State<Arc<Vault>>,
    SlotInPath(slot): SlotInPath,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let sign_in = SignIn::required(&headers)?;
    let grant = OwnerGrant::check(&vault, &sign_in, slot, &Act::Delete(slot)).await?;
    vault.forget(grant).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which part of a list. Read before the sign-in, so that a mistake here costs no nonce.
pub(super) struct Page {
    after: Option<SlotId>,
    limit: u32,
}

impl FromRequestParts<Arc<Vault>> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, vault: &Arc<Vault>) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        struct Raw {
            after: Option<String>,
            limit: Option<u32>,
        }
        let malformed = || Code::MalformedQuery.because(format!("after is a slot, limit is 1 to {MAX_PAGE}"));
        let Query(raw) = Query::<Raw>::from_request_parts(parts, vault).await.map_err(|_| malformed())?;
        let after = raw.after.map(|text| text.parse()).transpose().map_err(|_| malformed())?;
        let limit = raw.limit.unwrap_or(DEFAULT_PAGE);
        if (1..=MAX_PAGE).contains(&limit) { Ok(Self { after, limit }) } else { Err(malformed()) }
    }
}

/// The slots that a wallet owns or may read.
pub(super) async fn list(
    State(vault): State<Arc<Vault>>,
    page: Page,
    Lister(address): Lister,
) -> Result<impl IntoResponse, ApiError> {
    let (listed, next) = vault.slots_of(address, page.after, page.limit).await?;
    let slots: Vec<_> = listed
        .iter()
        .map(|entry| {
            let mut slot = json!({
                "slot": entry.slot.to_string(),
                "owner": entry.owner,
                "reader": entry.reader,
                "openable": entry.openable,
                "createdAt": rfc3339(entry.created_at),
                "etag": etag(entry.generation),
            });
            if let Some(end) = entry.expires_at {
                slot["expiresAt"] = rfc3339(end).into();
            }
            slot
        })
        .collect();
    let mut body = json!({ "slots": slots });
    if let Some(next) = next {
        body["next"] = next.to_string().into();
    }
    Ok((JSON, body.to_string()))
}

/// The slot of the path, for handlers that need no grant of it yet.
pub(super) struct SlotInPath(SlotId);

impl FromRequestParts<Arc<Vault>> for SlotInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, vault: &Arc<Vault>) -> Result<Self, ApiError> {
        grant::slot_in_path(parts, vault).await.map(Self)
    }
}

fn stored(stored: Stored) -> impl IntoResponse {
    let body = json!({ "slot": stored.slot.to_string(), "openable": stored.openable });
    (JSON, [(header::ETAG, etag(stored.generation))], body.to_string())
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

fn rfc3339(at: i64) -> String {
    OffsetDateTime::from_unix_timestamp(at)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .expect("times are checked when they are taken in")
}
