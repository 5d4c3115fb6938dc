//! The answers to calls about secrets.

use super::slots::SlotSummary;
use super::storing::Stored;
use crate::http::times::unix_rfc3339;
use axum::Json;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use strongroom::{Plaintext, SlotId, encoding};
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// The slot of a payload that was stored.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreAnswer {
    /// The slot's name, 64 hex digits.
    slot: String,
    /// Whether the vault is among the recipients and can open the secret.
    openable: bool,
    /// When the slot expires: RFC 3339, UTC. If it is absent, the slot does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// A slot in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedSlot {
    /// The slot's name, 64 hex digits.
    slot: String,
    /// Whether the caller may replace and delete it.
    owner: bool,
    /// Whether the caller may read it.
    reader: bool,
    /// Whether the vault can open it.
    openable: bool,
    /// When the slot was first stored: RFC 3339, UTC.
    created_at: String,
    /// When the slot expires: RFC 3339, UTC. If it is absent, the slot does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// The slot's present ETag, for `If-Match`.
    etag: String,
}

/// A page of the caller's slots.
#[derive(Serialize, ToSchema)]
pub(crate) struct ListAnswer {
    /// The slots, in ascending order of their names.
    slots: Vec<ListedSlot>,
    /// The `after` of the next page; absent if this is the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// An opened secret, sealed to the key of the request.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccessAnswer {
    /// A native envelope, in base64.
    pub(super) sealed: String,
}

/// A page of a wallet's slots.
pub(super) fn listed(slots: &[SlotSummary], next: Option<SlotId>) -> Json<ListAnswer> {
    let slots = slots.iter().map(|entry| ListedSlot {
        slot: entry.slot.to_string(),
        owner: entry.owner,
        reader: entry.reader,
        openable: entry.openable,
        created_at: unix_rfc3339(entry.created_at),
        expires_at: entry.expires_at.map(unix_rfc3339),
        etag: etag(entry.generation),
    });
    Json(ListAnswer { slots: slots.collect(), next: next.map(|slot| slot.to_string()) })
}

pub(super) fn stored(stored: Stored) -> impl IntoResponse {
    let answer = StoreAnswer {
        slot: stored.slot.to_string(),
        openable: stored.openable,
        expires_at: stored.expires_at.map(unix_rfc3339),
    };
    ([(header::ETAG, etag(stored.generation))], Json(answer))
}

/// `{"secret":…}`, or `{"secretBase64":…}` if the bytes are not UTF-8. It is wiped once it was
/// sent.
pub(super) fn opened(plaintext: &Plaintext) -> Bytes {
    let bytes = plaintext.expose();
    // JSON writes a byte as six characters at most, so the buffer never moves and leaves no copy
    // behind.
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

pub(super) fn etag(generation: u64) -> String {
    format!("\"{generation}\"")
}
