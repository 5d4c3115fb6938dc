//! `/backups/…`: upload, list, read, delete.

use super::answers::{BackupAnswer, BackupListAnswer, BackupVersionsAnswer, Done, OK, QueryAnswer};
use super::answers::{found, listed, version_list};
use super::grant::{DatedProof, DeleteGrant, ListGrant, ReadGrant};
use super::parameters::{
    BackupInPath, KeyInPath, KeyParameter, UserParameter, VersionInQuery, VersionParameter,
};
use super::parameters::{bad_version, user_id};
use super::schema;
use super::versions::Backups;
use crate::error::{ApiError, Code};
use crate::http::body::JsonBody;
use crate::http::parameters::signature;
use crate::limits::ClientAddress;
use crate::sign_in::SignIns;
use crate::verifier::Verifier;
use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use strongroom::backup::{MAX_COUNTER, SignedBackup, SignedBackupError, VerifyError};
use strongroom::json::{self, Object};
use utoipa::ToSchema;

/// A call about backups, with the signature of a dated message: a text that names the day, the
/// act, and the key or the backup (spec/sign-in.md#dated-messages).
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryRequest {
    /// The signature of the dated message: 0x and 99,712 hex digits.
    signature: String,
    /// The backup's user id; if it is left out, the call lists all backups.
    #[schema(required = false)]
    user_id: Option<String>,
    /// The number of the version to read; the newest if it is left out.
    #[schema(required = false, minimum = 1)]
    version: Option<u64>,
    /// Whether to list the backup's versions.
    #[serde(default)]
    #[schema(required = false)]
    versions: bool,
    /// Whether to delete the backup.
    #[serde(default)]
    #[schema(required = false)]
    delete: bool,
}

/// The signature of a dated message, which names the day and the act
/// (spec/sign-in.md#dated-messages).
#[derive(Deserialize, ToSchema)]
pub(crate) struct SignatureRequest {
    /// The signature of the dated message: 0x and 99,712 hex digits.
    signature: String,
}

/// Upload a version of a backup
///
/// The body has either `payload`, or `envelope` and `statement`. Uploading the newest version again
/// gets the same answer; an older one is refused.
#[utoipa::path(
    post,
    path = "/backups/{publicKey}/users/{userId}",
    tag = "backups",
    operation_id = "uploadBackup",
    params(KeyParameter, UserParameter),
    request_body(content = schema::BackupUpload),
    responses((status = 200, description = "Stored, durably", body = Done)),
)]
pub(crate) async fn upload(
    State(backups): State<Arc<Backups>>,
    State(verifier): State<Arc<Verifier>>,
    State(sign_ins): State<Arc<SignIns>>,
    Extension(client): Extension<ClientAddress>,
    BackupInPath(public_key, user_id): BackupInPath,
    JsonBody(body): JsonBody,
) -> Result<Json<Done>, ApiError> {
    let backup = SignedBackup::from_json(&body).map_err(malformed)?;
    if backup.statement().is_some_and(|statement| statement.position().user_id() != user_id) {
        return Err(Code::WrongStatement.because("the statement has another user id than the path"));
    }
    let verified = verifier.run(&client, move || backup.verify(&public_key)).await?;
    let verified = verified.map_err(|error| match error {
        VerifyError::Signature(_) => Code::BadSignature.because(error.to_string()),
        _ => Code::WrongStatement.because(error.to_string()),
    })?;
    sign_ins.name_in_log(&verified.owner().into());
    backups.admit_upload(&client, body.len())?;
    backups.keep(user_id, &verified).await?;
    Ok(OK)
}

/// The backups of a key
#[utoipa::path(
    get,
    path = "/backups/{publicKey}",
    tag = "backups",
    operation_id = "listBackups",
    params(KeyParameter),
    security(("session" = [])),
    responses((status = 200, description = "The backups that were not deleted", body = BackupListAnswer)),
)]
pub(crate) async fn list(
    State(backups): State<Arc<Backups>>,
    State(sign_ins): State<Arc<SignIns>>,
    KeyInPath(public_key): KeyInPath,
    headers: HeaderMap,
) -> Result<Json<BackupListAnswer>, ApiError> {
    let grant = ListGrant::by_session(&sign_ins, &headers, &public_key)?;
    Ok(listed(&backups.list(&grant).await?))
}

/// Read a backup
#[utoipa::path(
    get,
    path = "/backups/{publicKey}/users/{userId}",
    tag = "backups",
    operation_id = "readBackup",
    params(KeyParameter, UserParameter, VersionParameter),
    security(("session" = [])),
    responses((status = 200, description = "The version as it was uploaded", body = BackupAnswer)),
)]
pub(crate) async fn read(
    State(backups): State<Arc<Backups>>,
    State(sign_ins): State<Arc<SignIns>>,
    BackupInPath(public_key, user_id): BackupInPath,
    version: VersionInQuery,
    headers: HeaderMap,
) -> Result<Json<BackupAnswer>, ApiError> {
    let grant = ReadGrant::by_session(&sign_ins, &headers, &public_key, user_id)?;
    Ok(found(user_id, backups.read(&grant, version.0).await?))
}

/// The versions of a backup
#[utoipa::path(
    get,
    path = "/backups/{publicKey}/users/{userId}/versions",
    tag = "backups",
    operation_id = "listBackupVersions",
    params(KeyParameter, UserParameter),
    security(("session" = [])),
    responses((
        status = 200,
        description = "The versions that can be read, and the position of the next one",
        body = BackupVersionsAnswer,
    )),
)]
pub(crate) async fn versions(
    State(backups): State<Arc<Backups>>,
    State(sign_ins): State<Arc<SignIns>>,
    BackupInPath(public_key, user_id): BackupInPath,
    headers: HeaderMap,
) -> Result<Json<BackupVersionsAnswer>, ApiError> {
    let grant = ReadGrant::by_session(&sign_ins, &headers, &public_key, user_id)?;
    Ok(version_list(&backups.versions(&grant).await?))
}

/// Delete a backup
///
/// The caller proves that they hold the key by a session that names the act, or in the body by the
/// signature of a dated message. That is a text that names the day, the act and the backup. The
/// versions stay readable for seven days after the deletion.
#[utoipa::path(
    delete,
    path = "/backups/{publicKey}/users/{userId}",
    tag = "backups",
    operation_id = "deleteBackup",
    params(KeyParameter, UserParameter),
    request_body(content = Option<SignatureRequest>),
    security((), ("session" = [])),
    responses((status = 200, description = "Deleted, durably, or not there", body = Done)),
)]
pub(crate) async fn delete(
    State(backups): State<Arc<Backups>>,
    State(verifier): State<Arc<Verifier>>,
    State(sign_ins): State<Arc<SignIns>>,
    Extension(client): Extension<ClientAddress>,
    BackupInPath(public_key, user_id): BackupInPath,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Json<Done>, ApiError> {
    let grant = if body.is_empty() {
        DeleteGrant::by_session(&sign_ins, &headers, &public_key, user_id)?
    } else {
        let request: SignatureRequest = parse(&body, "{signature}")?;
        let signature = signature(&request.signature)?;
        DeleteGrant::by_message(
            DatedProof { sign_ins: &sign_ins, verifier: &verifier, client, public_key, signature },
            user_id,
        )
        .await?
    };
    backups.delete(&grant).await?;
    Ok(OK)
}

/// List, read or delete with the signature of a dated message
///
/// A dated message names the day, the act, and the key or the backup. Its signature fits neither a
/// URI nor most headers, so it is in the body. The answer is that of the call that the query stands
/// for.
#[utoipa::path(
    post,
    path = "/backups/{publicKey}/query",
    tag = "backups",
    operation_id = "queryBackups",
    params(KeyParameter),
    request_body(content = QueryRequest),
    responses((status = 200, description = "The answer of the call that the query stands for", body = QueryAnswer)),
)]
pub(crate) async fn query(
    State(backups): State<Arc<Backups>>,
    State(verifier): State<Arc<Verifier>>,
    State(sign_ins): State<Arc<SignIns>>,
    Extension(client): Extension<ClientAddress>,
    KeyInPath(public_key): KeyInPath,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let request: QueryRequest = parse(&body, "{signature, userId?, version?, versions?, delete?}")?;
    let signature = signature(&request.signature)?;
    let user_id = request.user_id.as_deref().map(user_id).transpose()?;
    if request.version.is_some_and(|version| !(1..=MAX_COUNTER).contains(&version)) {
        return Err(bad_version());
    }
    let dated = DatedProof { sign_ins: &sign_ins, verifier: &verifier, client, public_key, signature };
    let ambiguous =
        || Code::MalformedRequest.because("send one of version, versions and delete, and userId with it");
    Ok(match (user_id, request.version, request.versions, request.delete) {
        (None, None, false, false) => {
            listed(&backups.list(&ListGrant::by_message(dated).await?).await?).into_response()
        }
        (Some(user_id), version, false, false) => {
            let grant = ReadGrant::by_message(dated, user_id).await?;
            found(user_id, backups.read(&grant, version).await?).into_response()
        }
        (Some(user_id), None, true, false) => {
            let grant = ReadGrant::by_message(dated, user_id).await?;
            version_list(&backups.versions(&grant).await?).into_response()
        }
        (Some(user_id), None, false, true) => {
            backups.delete(&DeleteGrant::by_message(dated, user_id).await?).await?;
            OK.into_response()
        }
        _ => return Err(ambiguous()),
    })
}

/// Refuses a signature in the URI, with the way that works. Wallets that were built for short
/// signatures put them there, and an SLH-DSA signature does not fit.
pub(crate) async fn refuse_signature_in_uri(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or("");
    if query.split('&').any(|parameter| parameter.starts_with("signature=")) {
        return Code::SignatureInUri
            .because(
                "an SLH-DSA signature does not fit a URI: send {signature} as JSON to POST /backups/{publicKey}/query, or trade it \
                 once for a token at POST /auth/session",
            )
            .into_response();
    }
    next.run(request).await
}

fn parse<T: DeserializeOwned>(body: &[u8], shape: &str) -> Result<T, ApiError> {
    let Object(request) = json::from_slice(body)
        .map_err(|_| Code::MalformedRequest.because(format!("the body is not {shape}")))?;
    Ok(request)
}

fn malformed(error: SignedBackupError) -> ApiError {
    let code = match error {
        SignedBackupError::Signature(_) => Code::MalformedSignature,
        SignedBackupError::Json { .. } => Code::MalformedRequest,
        _ => Code::MalformedBackup,
    };
    code.because(error.to_string())
}
