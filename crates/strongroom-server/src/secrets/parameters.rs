//! The parameters of calls about secrets, in paths, queries and headers.

use super::answers::etag;
use super::grant;
use crate::error::{ApiError, Code};
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::Deserialize;
use strongroom::SlotId;
use utoipa::IntoParams;

/// The header with the `expiresAt` of an envelope that is sent as bytes.
pub(crate) const EXPIRES_AT_HEADER: &str = "x-strongroom-expires-at";
/// Slots in a page, if the caller names no number.
const DEFAULT_PAGE: u32 = 100;
/// Slots in a page at most.
const MAX_PAGE: u32 = 1000;

/// The slot in a path, for the description.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes what `SlotInPath` and the grants read")]
pub(super) struct SlotParameter {
    /// The slot's name, 64 hex digits.
    #[param(pattern = "^[0-9a-f]{64}$")]
    slot: String,
}

/// The expiry of an envelope that is sent as bytes, for the description.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "it describes what `parse` reads")]
pub(super) struct ExpiresAtHeader {
    /// When the slot of an envelope that is sent as bytes expires: RFC 3339. A statement that is
    /// bound to the request hashes body ‖ this header.
    #[param(rename = "x-strongroom-expires-at")]
    expires_at: Option<String>,
}

/// The page of a list. It is read before the sign-in, so a mistake in it uses up no nonce.
pub(crate) struct Page {
    pub(super) after: Option<SlotId>,
    pub(super) limit: u32,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParameters {
    /// The last slot of the previous page.
    #[param(pattern = "^[0-9a-f]{64}$")]
    after: Option<String>,
    /// The number of slots in the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let malformed =
            || Code::MalformedQuery.because(format!("after is not a slot, or limit is not 1 to {MAX_PAGE}"));
        let Query(page) =
            Query::<PageParameters>::from_request_parts(parts, state).await.map_err(|_| malformed())?;
        let after = page.after.map(|text| text.parse()).transpose().map_err(|_| malformed())?;
        let limit = page.limit.unwrap_or(DEFAULT_PAGE);
        if (1..=MAX_PAGE).contains(&limit) { Ok(Self { after, limit }) } else { Err(malformed()) }
    }
}

/// The slot in the path, for handlers that check a grant later.
pub(crate) struct SlotInPath(pub(super) SlotId);

impl<S: Send + Sync> FromRequestParts<S> for SlotInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        grant::slot_in_path(parts, state).await.map(Self)
    }
}

/// The generation in `If-Match: "n"`. Any other tag gives 0, which no slot has.
pub(super) fn if_match(headers: &HeaderMap) -> Result<u64, ApiError> {
    let mut values = headers.get_all(header::IF_MATCH).iter();
    let value = values
        .next()
        .ok_or_else(|| Code::IfMatchRequired.because("If-Match is missing: send the slot's ETag"))?;
    let text = value.to_str().unwrap_or("");
    let generation =
        text.trim_matches('"').parse().ok().filter(|n| etag(*n) == text && values.next().is_none());
    Ok(generation.unwrap_or(0))
}
