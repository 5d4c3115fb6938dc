//! `/backups/…`: upload, list, read, delete.

use super::grant::{Dated, DeleteGrant, ListGrant, ReadGrant};
use super::head::KeptVersion;
use super::schema;
use super::service::{BackupSummary, Backups, FoundVersion, VersionList};
use crate::error::{ApiError, Code};
use crate::http::body::JsonBody;
use crate::http::parameters::{public_key, signature};
use crate::http::times::unix_rfc3339;
use crate::limits::ClientAddress;
use crate::sign_in::SignIns;
use crate::verifier::Verifier;
use axum::Json;
use axum::extract::{Extension, FromRequestParts, Path, Query, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strongroom::backup::{BackupContent, MAX_COUNTER, SignedBackup, SignedBackupError, UserId, VerifyError};
use strongroom::encoding;
use strongroom::json::Object;
use strongroom::slh_dsa::PublicKey;
use utoipa::{IntoParams, ToSchema};

/// Done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {
    /// `Ok`
    message: &'static str,
}

const OK: Json<Done> = Json(Done { message: "Ok" });

/// The backups of a key.
#[derive(Serialize, ToSchema)]
pub(crate) struct BackupListAnswer {
    /// The last changed first, 100 at most.
    backups: Vec<ListedBackup>,
}

/// A backup in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedBackup {
    /// A UUID.
    user_id: String,
    /// RFC 3339, of its newest version.
    updated_at: String,
    /// The number of its newest version.
    version: u64,
}

/// A backup.
#[derive(Serialize, ToSchema)]
pub(crate) struct BackupAnswer {
    backup: BackupVersion,
}

/// A version of a backup: `payload` of a compatible one, `envelope` and `statement` of a native one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackupVersion {
    /// A UUID.
    user_id: String,
    /// RFC 3339, when it was stored.
    updated_at: String,
    /// Its number.
    version: u64,
    /// 0x and hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    /// Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope: Option<String>,
    /// Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<String>,
    /// The owner's, as it was uploaded: 0x and 99,712 hex digits.
    signature: String,
}

/// The versions of a backup.
#[derive(Serialize, ToSchema)]
pub(crate) struct BackupVersionsAnswer {
    /// The newest first.
    versions: Vec<ListedVersion>,
    /// What the next native version must have.
    next: NextVersion,
}

/// A version in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedVersion {
    /// Its number.
    version: u64,
    /// RFC 3339.
    updated_at: String,
    /// As they count for the quota.
    bytes: u64,
    /// Keccak-256 of a compatible payload, SHA-256 of a native envelope, hex.
    digest: String,
    /// RFC 3339, where it was deleted; it can be read for seven days after.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<String>,
}

/// Where the next native version stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct NextVersion {
    counter: u64,
    /// SHA-256 of the statement before, hex; zeros before the first.
    previous: String,
}

/// What a dated message's signature is sent with.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryRequest {
    /// Of a dated message: 0x and 99,712 hex digits.
    signature: String,
    /// Which backup; the list where there is none.
    #[schema(required = false)]
    user_id: Option<String>,
    /// Which version of it.
    #[schema(required = false, minimum = 1)]
    version: Option<u64>,
    /// The list of its versions.
    #[serde(default)]
    #[schema(required = false)]
    versions: bool,
    /// Delete it.
    #[serde(default)]
    #[schema(required = false)]
    delete: bool,
}

/// What a query is answered: one of the calls' that it can stand for.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it describes what the handlers write")]
pub(crate) enum QueryAnswer {
    List(BackupListAnswer),
    Read(BackupAnswer),
    Versions(BackupVersionsAnswer),
    Done(Done),
}

/// The signature of a dated message.
#[derive(Deserialize, ToSchema)]
pub(crate) struct SignatureRequest {
    /// Of a dated message: 0x and 99,712 hex digits.
    signature: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes what `KeyInPath` reads")]
struct KeyParameter {
    /// An SLH-DSA-SHAKE-256f public key.
    #[param(rename = "publicKey", pattern = "^0x[0-9a-fA-F]{128}$")]
    public_key: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes what `BackupInPath` reads")]
struct UserParameter {
    /// A UUID.
    #[param(rename = "userId", pattern = "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$")]
    user_id: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionParameter {
    /// Which version; the newest where there is none.
    #[param(minimum = 1)]
    version: Option<u64>,
}

/// Upload a version of a backup
///
/// Of either form: `payload`, or `envelope` and `statement`. The same upload again is answered alike.
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
        return Err(Code::WrongStatement.because("the statement is of another user id than the path"));
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
    responses((status = 200, description = "Those that were not deleted", body = BackupListAnswer)),
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

/// A backup
#[utoipa::path(
    get,
    path = "/backups/{publicKey}/users/{userId}",
    tag = "backups",
    operation_id = "readBackup",
    params(KeyParameter, UserParameter, VersionParameter),
    security(("session" = [])),
    responses((status = 200, description = "As it was uploaded", body = BackupAnswer)),
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
    responses((status = 200, description = "Those that can be read, and what the next must be", body = BackupVersionsAnswer)),
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
/// By a session that names the act, or the signature of a dated message in the body. Its versions can be read for seven days.
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
            Dated { sign_ins: &sign_ins, verifier: &verifier, client, public_key, signature },
            user_id,
        )
        .await?
    };
    backups.delete(&grant).await?;
    Ok(OK)
}

/// List, read or delete with the signature of a dated message
///
/// It fits neither a URI nor most headers. The answer is that of the call that it stands for.
#[utoipa::path(
    post,
    path = "/backups/{publicKey}/query",
    tag = "backups",
    operation_id = "queryBackups",
    params(KeyParameter),
    request_body(content = QueryRequest),
    responses((status = 200, description = "As of the call that it stands for", body = QueryAnswer)),
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
    let dated = Dated { sign_ins: &sign_ins, verifier: &verifier, client, public_key, signature };
    let ambiguous =
        || Code::MalformedRequest.because("one of version, versions and delete, and userId with it");
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

/// Wallets that were built for short signatures put them into the URI. One of SLH-DSA does not fit there.
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

/// The key of a path.
pub(crate) struct KeyInPath(PublicKey);

impl<S: Send + Sync> FromRequestParts<S> for KeyInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| no_text())?;
        public_key(&text).map(Self)
    }
}

/// Key and name of a path.
pub(crate) struct BackupInPath(PublicKey, UserId);

impl<S: Send + Sync> FromRequestParts<S> for BackupInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path((key, user)) =
            Path::<(String, String)>::from_request_parts(parts, state).await.map_err(|_| no_text())?;
        Ok(Self(public_key(&key)?, user_id(&user)?))
    }
}

/// `?version=`.
pub(crate) struct VersionInQuery(Option<u64>);

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

fn bad_version() -> ApiError {
    Code::MalformedQuery.because("the query is ?version= and a number from 1 on, or none")
}

fn no_text() -> ApiError {
    Code::MalformedPublicKey.because("the path is no text")
}

fn user_id(text: &str) -> Result<UserId, ApiError> {
    let id = text.to_ascii_lowercase().parse();
    id.map_err(|error: strongroom::backup::UserIdError| Code::MalformedUserId.because(error.to_string()))
}

fn parse<T: DeserializeOwned>(body: &[u8], shape: &str) -> Result<T, ApiError> {
    let Object(request) = serde_json::from_slice(body)
        .map_err(|_| Code::MalformedRequest.because(format!("the body is no {shape}")))?;
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

fn listed(backups: &[BackupSummary]) -> Json<BackupListAnswer> {
    let backups = backups.iter().map(|backup| ListedBackup {
        user_id: backup.user_id.to_string(),
        updated_at: unix_rfc3339(backup.updated_at),
        version: backup.version,
    });
    Json(BackupListAnswer { backups: backups.collect() })
}

fn found(user_id: UserId, found: FoundVersion) -> Json<BackupAnswer> {
    let (mut payload, mut envelope, mut statement) = (None, None, None);
    let signature = found.backup.signature().to_string();
    match found.backup.content() {
        BackupContent::Compatible { payload: bytes } => payload = Some(encoding::prefixed_hex(bytes)),
        BackupContent::Native { envelope: bytes, statement: said } => {
            envelope = Some(encoding::base64(bytes.as_bytes()));
            statement = Some(encoding::base64(&said.to_bytes()));
        }
    }
    let KeptVersion { number, stored_at, .. } = found.version;
    let (user_id, updated_at) = (user_id.to_string(), unix_rfc3339(stored_at));
    let backup =
        BackupVersion { user_id, updated_at, version: number, payload, envelope, statement, signature };
    Json(BackupAnswer { backup })
}

fn version_list(found: &VersionList) -> Json<BackupVersionsAnswer> {
    let versions = found.versions.iter().map(|version| ListedVersion {
        version: version.number,
        updated_at: unix_rfc3339(version.stored_at),
        bytes: version.bytes,
        digest: hex::encode(version.digest),
        deleted_at: version.deleted_at.map(unix_rfc3339),
    });
    let next = NextVersion { counter: found.next, previous: hex::encode(found.previous) };
    Json(BackupVersionsAnswer { versions: versions.collect(), next })
}
