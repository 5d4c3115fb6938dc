//! The OpenAPI description of the HTTP interface, made from the handlers and the table of codes.

use crate::attestation::routes as attestation;
use crate::backups::routes as backups;
use crate::error::Code;
use crate::http::health;
use crate::http::refusal::Refusal;
use crate::root::routes as handoff;
use crate::secrets::routes as secret;
use crate::sign_in::routes as auth;
use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Strongroom",
        description = "A post-quantum secret vault. Each path under /secret/ answers under /chest/ too, and /attestation is \
                       another name of /secret/attestation. The specification is spec/http.md.",
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
            ("siweMessage", "x-siwe-message", "An EIP-4361 statement, in base64"),
            ("siweSignature", "x-siwe-signature", "The statement's EIP-191 signature: 0x and 130 hex digits"),
        ] {
            let scheme = ApiKey::Header(ApiKeyValue::with_description(header, description));
            components.add_security_scheme(name, SecurityScheme::ApiKey(scheme));
        }
        let mut session = Http::new(HttpAuthScheme::Bearer);
        session.description = Some("A token from POST /auth/session".to_owned());
        components.add_security_scheme("session", SecurityScheme::Http(session));
    }
}

/// The refusals of every call.
const ALWAYS: &[Code] = &[Code::MethodNotAllowed, Code::Internal];
/// The refusals of every call but health. Each request may have a body, even one that needs none.
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
/// The refusals of every call to a key's backups.
const BACKUP: &[Code] =
    &[Code::MalformedPublicKey, Code::SignatureInUri, Code::StoreUnavailable, Code::RecordDamaged];
const SIGNED: &[Code] = &[Code::MalformedSignature, Code::BadSignature, Code::UnsupportedMediaType];

/// The refusals of an operation, in groups.
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

    /// Clients are generated from the description, so it changes only on purpose: `UPDATE_GOLDEN=1`
    /// writes the file again.
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

    /// Every path in the table of calls of spec/http.md is described, except for the second names.
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
