//! The parameters of calls about backups, in paths and queries.

use crate::error::{ApiError, Code};
use crate::http::parameters::public_key;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use strongroom::backup::{MAX_COUNTER, UserId};
use strongroom::slh_dsa::PublicKey;
use utoipa::IntoParams;

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes what `KeyInPath` reads")]
pub(super) struct KeyParameter {
    /// The owner's SLH-DSA-SHAKE-256f public key: 0x and 128 hex digits.
    #[param(rename = "publicKey", pattern = "^0x[0-9a-fA-F]{128}$")]
    public_key: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes what `BackupInPath` reads")]
pub(super) struct UserParameter {
    /// The backup's user id, a UUID.
    #[param(rename = "userId", pattern = "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$")]
    user_id: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct VersionParameter {
    /// The version's number; the newest version if it is left out.
    #[param(minimum = 1)]
    version: Option<u64>,
}

/// The key in a path.
pub(crate) struct KeyInPath(pub(super) PublicKey);

impl<S: Send + Sync> FromRequestParts<S> for KeyInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| no_text())?;
        public_key(&text).map(Self)
    }
}

/// The key and the user id in a path.
pub(crate) struct BackupInPath(pub(super) PublicKey, pub(super) UserId);

impl<S: Send + Sync> FromRequestParts<S> for BackupInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path((key, user)) =
            Path::<(String, String)>::from_request_parts(parts, state).await.map_err(|_| no_text())?;
        Ok(Self(public_key(&key)?, user_id(&user)?))
    }
}

/// The number in `?version=`.
pub(crate) struct VersionInQuery(pub(super) Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for VersionInQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::<VersionParameter>::from_request_parts(parts, state).await;
        let Query(parameters) = query.map_err(|_| bad_version())?;
        match parameters.version {
            Some(version) if !(1..=MAX_COUNTER).contains(&version) => Err(bad_version()),
            version => Ok(Self(version)),
        }
    }
}

pub(super) fn bad_version() -> ApiError {
    Code::MalformedQuery.because("version is not a number from 1 on: leave it out for the newest version")
}

fn no_text() -> ApiError {
    Code::MalformedPublicKey.because("the path is not UTF-8")
}

pub(super) fn user_id(text: &str) -> Result<UserId, ApiError> {
    let id = text.to_ascii_lowercase().parse();
    id.map_err(|error: strongroom::backup::UserIdError| Code::MalformedUserId.because(error.to_string()))
}
