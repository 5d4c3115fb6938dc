//! The description of the HTTP interface, from the handlers and the table of codes.

use crate::error::Code;
use crate::routes::{attestation, auth, backups, handoff, health, secret};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

/// A sealed payload and who may read it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what request.rs reads")]
pub(crate) struct StoreRequest {
    /// The payload or the envelope, or a string that holds its JSON. Never plaintext.
    secret: Secret,
    /// Wallets that may read it: `0x` and 40 hex digits each, in any case. May be left out with an envelope, whose
    /// policy names them.
    #[schema(min_items = 1, max_items = 100, required = false)]
    public_addresses: Option<Vec<String>>,
    /// When the vault forgets it: RFC 3339, in the future.
    #[schema(required = false)]
    expires_at: Option<String>,
}

/// What is sealed.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it describes what request.rs reads")]
pub(crate) enum Secret {
    /// In the native format.
    Envelope(NativeEnvelope),
    /// As w3pk seals.
    Payload(Payload),
}

/// A native envelope (spec/envelope.md §4).
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct NativeEnvelope {
    /// Base64 of its bytes.
    envelope: String,
}

/// A native envelope as its bytes.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct EnvelopeBytes(Vec<u8>);

/// A w3pk payload (spec/envelope.md); sizes are of the decoded bytes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct Payload {
    /// 2 for the second generation; not there for the first.
    #[schema(required = false)]
    version: Option<u32>,
    /// One entry for each who can open it.
    recipients: Vec<PayloadRecipient>,
    /// Base64.
    encrypted_data: String,
    /// Base64 of 12 bytes.
    iv: String,
    /// Base64 of 16 bytes.
    auth_tag: String,
}

/// Who can open a payload.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct PayloadRecipient {
    /// Base64 of an ML-KEM-1024 encapsulation key, 1,568 bytes.
    public_key: String,
    /// Base64 of 1,600 bytes in the first generation, 1,608 in the second.
    ciphertext: String,
}

/// A version of a backup, signed: `payload` of the compatible form, `envelope` and `statement` of the native one (spec/backup.md).
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes what the library reads")]
pub(crate) struct BackupUpload {
    /// The owner's SLH-DSA signature: 0x and 99,712 hex digits.
    signature: String,
    /// 0x and hex.
    #[schema(required = false)]
    payload: Option<String>,
    /// Base64 of a native envelope.
    #[schema(required = false)]
    envelope: Option<String>,
    /// Base64 of a statement.
    #[schema(required = false)]
    statement: Option<String>,
}

/// What a query is answered: one of the calls' that it can stand for.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it describes what routes/backups.rs writes")]
pub(crate) enum QueryAnswer {
    List(backups::BackupListAnswer),
    Read(backups::BackupAnswer),
    Versions(backups::BackupVersionsAnswer),
    Done(backups::Done),
}

/// An opened secret: one of the two.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what is written so that it can be wiped")]
pub(crate) struct Opened {
    /// The text.
    #[schema(required = false)]
    secret: Option<String>,
    /// Base64, where it is no UTF-8.
    #[schema(required = false)]
    secret_base64: Option<String>,
}

/// The vault's evidence (spec/attestation.md).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct Evidence {
    /// What vouches for the server; `none` in development.
    platform: String,
    /// The platform's report, base64.
    report: String,
    /// What the report says that runs.
    measurement: String,
    /// RFC 3339, UTC.
    timestamp: String,
    /// Base64 of an ML-KEM-1024 encapsulation key: seal for it.
    mlkem_public_key: String,
    /// 1
    version: u32,
    /// 64 hex digits, zeros where the client sent none.
    nonce: String,
    /// 64 hex digits.
    vault_id: String,
    /// 64 hex digits.
    key_id: String,
    /// Which of the vault's keys it is.
    epoch: u32,
    /// `generated`, `recovered`, `handoff:generated`, `handoff:recovered` or `imported`.
    key_origin: String,
    /// SHA-256 of the settings that decide who else may get the key or sign in, hex.
    config_digest: String,
    /// SHA-256 of the key of a TLS that ends inside the TEE, hex; empty where there is none.
    tls_spki_sha256: String,
    /// The platform's own.
    evidence: serde_json::Value,
    /// Certificates and lists that a verifier needs.
    collateral: serde_json::Value,
}

/// The settings whose digest the evidence binds (spec/attestation.md §1).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct BoundConfiguration {
    /// As in the evidence.
    key_origin: String,
    /// Ascending.
    sign_in_origins: Vec<String>,
    /// Whether storing needs a sign-in.
    require_sign_in_to_store: bool,
    /// How the root is kept: `plain`, `passphrase`, `dstack`, `sev-snp`, `pkcs11` or `memory`.
    protection: String,
    /// Whose statements say which other code may get the root: an SLH-DSA key, 0x and 128 hex digits.
    #[schema(required = false)]
    release_key: Option<String>,
    /// Who could bring the root back.
    #[schema(required = false)]
    recovery: Option<Recovery>,
}

/// Who could bring the root back.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct Recovery {
    /// How many of them it takes.
    threshold: u32,
    /// The ids of their keys, 32 hex digits each, ascending.
    key_ids: Vec<String>,
}

/// The first message of a replica that wants the root.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest reads")]
pub(crate) struct HandoffHello {
    /// 64 hex digits.
    nonce: String,
    /// Base64 of an ML-KEM-1024 encapsulation key that is made for this handoff.
    ephemeral_key: String,
}

/// What the replica that has the root runs.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct HandoffOffer {
    /// The name of this handoff, 64 hex digits.
    handoff: String,
    /// Of the donor, for this handoff.
    evidence: Evidence,
    /// The donor's settings.
    configuration: BoundConfiguration,
}

/// The second message of a replica that wants the root.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest reads")]
pub(crate) struct HandoffRequest {
    /// As in the offer.
    handoff: String,
    /// Of the joiner, for this handoff.
    evidence: Evidence,
    /// The settings that the joiner will run with.
    configuration: BoundConfiguration,
    /// What the release key signed, where the joiner runs other code than the donor.
    #[schema(max_items = 4)]
    release_statements: Vec<serde_json::Value>,
}

/// The root on its way.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what strongroom-attest writes")]
pub(crate) struct HandoffRoot {
    /// Base64 of a native envelope to the joiner's key.
    envelope: String,
}

/// A refusal.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes what edge.rs writes")]
pub(crate) struct Refusal {
    /// The HTTP status.
    status_code: u16,
    /// Stable; the table is in spec/access.md.
    code: String,
    /// For people.
    message: String,
    /// What the operator's log calls this request.
    request_id: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Strongroom",
        description = "A post-quantum secret vault. Everything under /secret/ answers the same under /chest/, and /attestation as \
                       /secret/attestation. spec/access.md has the whole of it.",
        license(name = "MIT OR Apache-2.0"),
    ),
    servers((url = "/")),
    paths(
        attestation::show,
        attestation::configuration,
        handoff::offer,
        handoff::root,
        auth::nonce,
        auth::session,
        secret::store,
        secret::access,
        secret::access_to_key,
        secret::envelope,
        secret::replace,
        secret::forget,
        secret::list,
        backups::upload,
        backups::list,
        backups::read,
        backups::versions,
        backups::delete,
        backups::query,
        health::ready,
        health::live,
        health::version,
    ),
    components(schemas(Refusal)),
    modifiers(&SignInHeaders),
)]
struct Interface;

/// The two headers of a sign-in, and the token of a session.
struct SignInHeaders;

impl Modify for SignInHeaders {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        for (name, header, description) in [
            ("siweMessage", "x-siwe-message", "Base64 of an EIP-4361 statement"),
            ("siweSignature", "x-siwe-signature", "Its EIP-191 signature: 0x and 130 hex digits"),
        ] {
            let scheme = ApiKey::Header(ApiKeyValue::with_description(header, description));
            components.add_security_scheme(name, SecurityScheme::ApiKey(scheme));
        }
        let mut session = Http::new(HttpAuthScheme::Bearer);
        session.description = Some("A token of /auth/session".to_owned());
        components.add_security_scheme("session", SecurityScheme::Http(session));
    }
}

/// What every call can be told.
const ALWAYS: &[Code] = &[Code::MethodNotAllowed, Code::Internal];
/// What every call but health can be told: whatever is asked, a body may come along.
const BOUNDED: &[Code] = &[
    Code::MalformedRequest,
    Code::RequestTimeout,
    Code::BodyTooLarge,
    Code::TooManyRequests,
    Code::Overloaded,
];
const SIGN_IN: &[Code] = &[
    Code::SessionMalformed,
    Code::SessionExpired,
    Code::SignInRequired,
    Code::SignInMalformed,
    Code::SignInWrongDomain,
    Code::SignInWrongChain,
    Code::SignInExpired,
    Code::SignInForAnotherAct,
    Code::WrongSigner,
    Code::NonceUnknown,
    Code::NonceExpired,
    Code::NonceSpent,
    Code::HeaderTooLarge,
    Code::StoreUnavailable,
    Code::StoreFull,
];
const PAYLOAD: &[Code] = &[
    Code::NotSealed,
    Code::MalformedPayload,
    Code::MalformedAddress,
    Code::MalformedExpiry,
    Code::CiphertextHeld,
    Code::UnsupportedMediaType,
    Code::VaultCannotOpen,
    Code::VaultRecipientRepeated,
    Code::PolicyWithoutReaders,
    Code::ReadersDisagree,
    Code::WrongAudience,
    Code::UnsupportedPolicy,
    Code::OutsideValidity,
    Code::RecordDamaged,
];
const OPEN: &[Code] = &[
    Code::VaultNotRecipient,
    Code::PolicyWithoutReaders,
    Code::WrongAudience,
    Code::UnsupportedPolicy,
    Code::OutsideValidity,
];
const SLOT: &[Code] = &[Code::SlotNotFound, Code::RecordDamaged];
const OWNER: &[Code] = &[Code::NoOwner, Code::NotTheOwner];

const SESSION: &[Code] = &[
    Code::SignInRequired,
    Code::SessionMalformed,
    Code::SessionExpired,
    Code::SignInForAnotherAct,
    Code::HeaderTooLarge,
];
/// What every call to a key's backups can be told.
const BACKUP: &[Code] =
    &[Code::MalformedPublicKey, Code::SignatureInUri, Code::StoreUnavailable, Code::RecordDamaged];
const SIGNED: &[Code] = &[Code::MalformedSignature, Code::BadSignature, Code::UnsupportedMediaType];

/// Which refusals an operation has, in groups.
fn refusals_of(operation: &str) -> &'static [&'static [Code]] {
    match operation {
        "configuration" => &[ALWAYS, BOUNDED],
        "attestation" => &[ALWAYS, BOUNDED, &[Code::MalformedNonce]],
        "offerRoot" => &[
            ALWAYS,
            BOUNDED,
            &[Code::UnsupportedMediaType, Code::HandoffRefused, Code::AttestationUnavailable],
        ],
        "handRootOver" => {
            &[ALWAYS, BOUNDED, &[Code::UnsupportedMediaType, Code::HandoffRefused, Code::HandoffUnknown]]
        }
        "nonce" => &[ALWAYS, BOUNDED, &[Code::MalformedAddress, Code::UnsupportedMediaType]],
        "session" => &[
            ALWAYS,
            BOUNDED,
            SIGNED,
            &[
                Code::MalformedPublicKey,
                Code::SignInMalformed,
                Code::SignInWrongDomain,
                Code::SignInWrongChain,
                Code::SignInExpired,
                Code::NonceUnknown,
                Code::NonceExpired,
                Code::NonceSpent,
                Code::StoreUnavailable,
            ],
        ],
        "uploadBackup" => &[
            ALWAYS,
            BOUNDED,
            BACKUP,
            SIGNED,
            &[
                Code::MalformedUserId,
                Code::MalformedBackup,
                Code::WrongStatement,
                Code::BackupSuperseded,
                Code::BackupCounter,
                Code::BackupForm,
                Code::BackupQuota,
                Code::AnonymousQuota,
                Code::StoreFull,
            ],
        ],
        "listBackups" => &[ALWAYS, BOUNDED, BACKUP, SESSION],
        "readBackup" => &[
            ALWAYS,
            BOUNDED,
            BACKUP,
            SESSION,
            &[Code::MalformedUserId, Code::MalformedQuery, Code::BackupNotFound],
        ],
        "listBackupVersions" => &[ALWAYS, BOUNDED, BACKUP, SESSION, &[Code::MalformedUserId]],
        "deleteBackup" => {
            &[ALWAYS, BOUNDED, BACKUP, SESSION, SIGNED, &[Code::MalformedUserId, Code::StoreFull]]
        }
        "queryBackups" => &[
            ALWAYS,
            BOUNDED,
            BACKUP,
            SIGNED,
            &[Code::MalformedUserId, Code::MalformedQuery, Code::BackupNotFound, Code::StoreFull],
        ],
        "store" => &[ALWAYS, BOUNDED, SIGN_IN, PAYLOAD, &[Code::AnonymousQuota]],
        "access" => &[ALWAYS, BOUNDED, SIGN_IN, SLOT, OPEN],
        "accessToKey" => {
            &[ALWAYS, BOUNDED, SIGN_IN, SLOT, OPEN, &[Code::MalformedKey, Code::UnsupportedMediaType]]
        }
        "envelope" => &[ALWAYS, BOUNDED, SIGN_IN, SLOT],
        "replace" => &[
            ALWAYS,
            BOUNDED,
            SIGN_IN,
            PAYLOAD,
            SLOT,
            OWNER,
            &[Code::GenerationChanged, Code::IfMatchRequired],
        ],
        "forget" => &[ALWAYS, BOUNDED, SIGN_IN, SLOT, OWNER],
        "list" => &[ALWAYS, BOUNDED, SIGN_IN, &[Code::MalformedQuery]],
        "ready" => &[ALWAYS, &[Code::StoreUnavailable]],
        _ => &[ALWAYS],
    }
}

/// The whole document, OpenAPI 3.1.
#[must_use]
pub fn openapi() -> Value {
    let mut document = serde_json::to_value(Interface::openapi()).expect("the description is plain data");
    let paths = document["paths"].as_object_mut().expect("an object of paths");
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(|path| path.values_mut()) {
        let id = operation["operationId"].as_str().expect("every operation is named").to_owned();
        let possible = |code: &Code| refusals_of(&id).iter().any(|group| group.contains(code));
        for code in Code::ALL.into_iter().filter(possible) {
            let (status, name) = code.parts();
            let answer = &mut operation["responses"][status.to_string()];
            match answer["description"].as_str() {
                Some(others) => answer["description"] = format!("{others}, `{name}`").into(),
                None => *answer = refusal(&format!("`{name}`")),
            }
        }
    }
    document
}

fn refusal(description: &str) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Refusal" });
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What clients are built from changes only on purpose: `UPDATE_GOLDEN=1` writes it anew.
    #[test]
    fn the_description_is_the_committed_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/openapi.json");
        let text = serde_json::to_string_pretty(&openapi()).expect("JSON") + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &text).expect("written");
        }
        let golden = std::fs::read_to_string(path).expect("spec/openapi.json");
        assert!(
            golden == text,
            "the interface changed: run this test with UPDATE_GOLDEN=1 and read the difference"
        );
    }

    /// Every path of the table of calls in spec/http.md is described, but those of the other name.
    #[test]
    fn every_call_of_the_spec_is_described() {
        let spec = include_str!("../../../spec/http.md");
        let document = openapi();
        for call in [
            "POST /auth/nonce",
            "GET /secret/attestation",
            "POST /secret/store",
            "GET /secret/access/{slot}",
            "POST /secret/access/{slot}",
            "GET /secret/envelope/{slot}",
            "PUT /secret/envelope/{slot}",
            "DELETE /secret/{slot}",
            "GET /secret/slots",
            "POST /auth/session",
            "POST /backups/{publicKey}/users/{userId}",
            "GET /backups/{publicKey}",
            "GET /backups/{publicKey}/users/{userId}",
            "GET /backups/{publicKey}/users/{userId}/versions",
            "DELETE /backups/{publicKey}/users/{userId}",
            "POST /backups/{publicKey}/query",
        ] {
            let (method, path) = call.split_once(' ').expect("two words");
            assert!(spec.contains(&format!("`{call}`")), "{call} is not in the spec");
            assert!(document["paths"][path][method.to_lowercase()].is_object(), "{call} is not described");
        }
    }
}
