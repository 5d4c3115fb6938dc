//! `/backups/…`: upload, list, read, delete.

use crate::backup_grant::{Dated, DeleteGrant, ListGrant, ReadGrant};
use crate::backups::{Found, Listed, Versions};
use crate::edge::JsonBody;
use crate::error::{ApiError, Code};
use crate::limits::ClientAddress;
use crate::routes::rfc3339;
use crate::series::Kept;
use crate::vault::Vault;
use axum::Json;
use axum::extract::{Extension, FromRequestParts, Path, Query, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strongroom::backup::{Content, MAX_COUNTER, ParseError, SignedBackup, UserId, VerifyError};
use strongroom::encoding;
use strongroom::json::Object;
use strongroom::slh_dsa::{PublicKey, Signature};
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
    request_body(content = crate::openapi::BackupUpload),
    responses((status = 200, description = "Stored, durably", body = Done)),
)]
pub(crate) async fn upload(
    State(vault): State<Arc<Vault>>,
    Extension(client): Extension<ClientAddress>,
    BackupInPath(public_key, user_id): BackupInPath,
    JsonBody(body): JsonBody,
) -> Result<Json<Done>, ApiError> {
    let backup = SignedBackup::from_json(&body).map_err(malformed)?;
    if backup.statement().is_some_and(|statement| statement.position().user_id() != user_id) {
        return Err(Code::WrongStatement.because("the statement is of another user id than the path"));
    }
    let verified = vault.verify(&client, move || backup.verify(&public_key)).await?;
    let verified = verified.map_err(|error| match error {
        VerifyError::Signature(_) => Code::BadSignature.because(error.to_string()),
        _ => Code::WrongStatement.because(error.to_string()),
    })?;
    crate::sign_in::name_signer(&vault, &verified.owner().into());
    // Keys cost nothing, so that what one address stores is counted, whoever signs it.
    vault.guard.admit_anonymous(&client, body.len())?;
    vault.keep_backup(user_id, &verified).await?;
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
    State(vault): State<Arc<Vault>>,
    KeyInPath(public_key): KeyInPath,
    headers: HeaderMap,
) -> Result<Json<BackupListAnswer>, ApiError> {
    let grant = ListGrant::by_session(&vault, &headers, &public_key)?;
    Ok(listed(&vault.backups_of(&grant).await?))
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
    State(vault): State<Arc<Vault>>,
    BackupInPath(public_key, user_id): BackupInPath,
    version: VersionInQuery,
    headers: HeaderMap,
) -> Result<Json<BackupAnswer>, ApiError> {
    let grant = ReadGrant::by_session(&vault, &headers, &public_key, user_id)?;
    Ok(found(user_id, vault.backup(&grant, version.0).await?))
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
    State(vault): State<Arc<Vault>>,
    BackupInPath(public_key, user_id): BackupInPath,
    headers: HeaderMap,
) -> Result<Json<BackupVersionsAnswer>, ApiError> {
    let grant = ReadGrant::by_session(&vault, &headers, &public_key, user_id)?;
    Ok(version_list(&vault.backup_versions(&grant).await?))
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
    State(vault): State<Arc<Vault>>,
    Extension(client): Extension<ClientAddress>,
    BackupInPath(public_key, user_id): BackupInPath,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Json<Done>, ApiError> {
    let grant = if body.is_empty() {
        DeleteGrant::by_session(&vault, &headers, &public_key, user_id)?
    } else {
        let request: SignatureRequest = parse(&body, "{signature}")?;
        let signature = signature(&request.signature)?;
        DeleteGrant::by_message(Dated { vault: &vault, client, public_key, signature }, user_id).await?
    };
    vault.delete_backup(&grant).await?;
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
    responses((status = 200, description = "As of the call that it stands for", body = crate::openapi::QueryAnswer)),
)]
pub(crate) async fn query(
    State(vault): State<Arc<Vault>>,
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
    let dated = Dated { vault: &vault, client, public_key, signature };
    let ambiguous =
        || Code::MalformedRequest.because("one of version, versions and delete, and userId with it");
    Ok(match (user_id, request.version, request.versions, request.delete) {
        (None, None, false, false) => {
            listed(&vault.backups_of(&ListGrant::by_message(dated).await?).await?).into_response()
        }
        (Some(user_id), version, false, false) => {
            let grant = ReadGrant::by_message(dated, user_id).await?;
            found(user_id, vault.backup(&grant, version).await?).into_response()
        }
        (Some(user_id), None, true, false) => {
            let grant = ReadGrant::by_message(dated, user_id).await?;
            version_list(&vault.backup_versions(&grant).await?).into_response()
        }
        (Some(user_id), None, false, true) => {
            vault.delete_backup(&DeleteGrant::by_message(dated, user_id).await?).await?;
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

impl FromRequestParts<Arc<Vault>> for KeyInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, vault: &Arc<Vault>) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, vault).await.map_err(|_| no_text())?;
        public_key(&text).map(Self)
    }
}

/// Key and name of a path.
pub(crate) struct BackupInPath(PublicKey, UserId);

impl FromRequestParts<Arc<Vault>> for BackupInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, vault: &Arc<Vault>) -> Result<Self, ApiError> {
        let Path((key, user)) =
            Path::<(String, String)>::from_request_parts(parts, vault).await.map_err(|_| no_text())?;
        Ok(Self(public_key(&key)?, user_id(&user)?))
    }
}

/// `?version=`.
pub(crate) struct VersionInQuery(Option<u64>);

impl FromRequestParts<Arc<Vault>> for VersionInQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, vault: &Arc<Vault>) -> Result<Self, ApiError> {
        let query = Query::<VersionParameter>::from_request_parts(parts, vault).await;
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

/// Servers in the field take either case, and sign with the lower one.
pub(crate) fn public_key(text: &str) -> Result<PublicKey, ApiError> {
    let key = text.to_ascii_lowercase().parse();
    key.map_err(|error| Code::MalformedPublicKey.because(format!("the public key: {error}")))
}

fn user_id(text: &str) -> Result<UserId, ApiError> {
    let id = text.to_ascii_lowercase().parse();
    id.map_err(|error: strongroom::backup::UserIdError| Code::MalformedUserId.because(error.to_string()))
}

pub(crate) fn signature(text: &str) -> Result<Signature, ApiError> {
    text.parse().map_err(|error| Code::MalformedSignature.because(format!("signature: {error}")))
}

fn parse<T: DeserializeOwned>(body: &[u8], shape: &str) -> Result<T, ApiError> {
    let Object(request) = serde_json::from_slice(body)
        .map_err(|_| Code::MalformedRequest.because(format!("the body is no {shape}")))?;
    Ok(request)
}

fn malformed(error: ParseError) -> ApiError {
    let code = match error {
        ParseError::Signature(_) => Code::MalformedSignature,
        ParseError::Json { .. } => Code::MalformedRequest,
        _ => Code::MalformedBackup,
    };
    code.because(error.to_string())
}

fn listed(backups: &[Listed]) -> Json<BackupListAnswer> {
    let backups = backups.iter().map(|backup| ListedBackup {
        user_id: backup.user_id.to_string(),
        updated_at: rfc3339(backup.updated_at),
        version: backup.version,
    });
    Json(BackupListAnswer { backups: backups.collect() })
}

fn found(user_id: UserId, found: Found) -> Json<BackupAnswer> {
    let (mut payload, mut envelope, mut statement) = (None, None, None);
    let signature = found.backup.signature().to_string();
    match found.backup.content() {
        Content::Compatible { payload: bytes } => payload = Some(encoding::prefixed_hex(bytes)),
        Content::Native { envelope: bytes, statement: said } => {
            envelope = Some(encoding::base64(bytes.as_bytes()));
            statement = Some(encoding::base64(&said.to_bytes()));
        }
    }
    let Kept { number, stored_at, .. } = found.version;
    let (user_id, updated_at) = (user_id.to_string(), rfc3339(stored_at));
    let backup =
        BackupVersion { user_id, updated_at, version: number, payload, envelope, statement, signature };
    Json(BackupAnswer { backup })
}

fn version_list(found: &Versions) -> Json<BackupVersionsAnswer> {
    let versions = found.versions.iter().map(|version| ListedVersion {
        version: version.number,
        updated_at: rfc3339(version.stored_at),
        bytes: version.bytes,
        digest: hex::encode(version.digest),
        deleted_at: version.deleted_at.map(rfc3339),
    });
    let next = NextVersion { counter: found.next, previous: hex::encode(found.previous) };
    Json(BackupVersionsAnswer { versions: versions.collect(), next })
}
