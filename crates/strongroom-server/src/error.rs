//! Every refusal of the vault: one code each, listed in spec/http.md §9 with its remedy.

use crate::storage::RecordDamaged;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::borrow::Cow;
use std::sync::Arc;
use strongroom_store::StoreError;

/// A stable code of an error answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Not JSON, a missing field, a wrong type.
    MalformedRequest,
    /// `secret` is a string that is no payload.
    NotSealed,
    /// Base64, sizes, recipients, version.
    MalformedPayload,
    /// No address, none at all, or too many.
    MalformedAddress,
    /// No time, or past.
    MalformedExpiry,
    /// `sealTo` is no key.
    MalformedKey,
    /// `?nonce=` of attestation.
    MalformedNonce,
    /// `after` or `limit`.
    MalformedQuery,
    /// The SLH-DSA public key of a path or a body.
    MalformedPublicKey,
    /// The user id of a path or a body.
    MalformedUserId,
    /// An SLH-DSA signature: hex, length.
    MalformedSignature,
    /// A backup: fields, hex, base64, envelope, statement.
    MalformedBackup,
    /// A sign-in header is missing.
    SignInRequired,
    /// Base64, ABNF, checksum, signature shape.
    SignInMalformed,
    /// Domain or URI is not configured.
    SignInWrongDomain,
    /// The chain is not allowed.
    SignInWrongChain,
    /// Outside its times.
    SignInExpired,
    /// Bound to another act, or not bound and has to be.
    SignInForAnotherAct,
    /// The signature is another's.
    WrongSigner,
    /// Not issued here.
    NonceUnknown,
    /// Too old.
    NonceExpired,
    /// Used before.
    NonceSpent,
    /// An SLH-DSA signature that does not verify.
    BadSignature,
    /// A backup's statement is of another owner, user or envelope.
    WrongStatement,
    /// A token that this vault did not issue.
    SessionMalformed,
    /// A token's time is over.
    SessionExpired,
    /// The slot has no owner.
    NoOwner,
    /// A reader asked for an owner's act.
    NotTheOwner,
    /// The root is not handed to who asks for it.
    HandoffRefused,
    /// The root that was brought is not this vault's.
    RecoveryRefused,
    /// Unknown, gone, or not for this wallet.
    SlotNotFound,
    /// No backup of that owner under that name, or not that version.
    BackupNotFound,
    /// No handoff of this name waits.
    HandoffUnknown,
    /// No such path.
    NoSuchRoute,
    /// No such method there.
    MethodNotAllowed,
    /// The body did not come in time.
    RequestTimeout,
    /// The vault holds or held this KEM ciphertext.
    CiphertextHeld,
    /// This payload was uploaded before.
    BackupSuperseded,
    /// A backup's counter or previous digest does not follow the last one's.
    BackupCounter,
    /// The series has backups of the other form.
    BackupForm,
    /// `If-Match` is not the present ETag.
    GenerationChanged,
    /// Over the body's bound.
    BodyTooLarge,
    /// Over what an owner may keep.
    BackupQuota,
    /// A signature in the URI, where it does not fit.
    SignatureInUri,
    /// Not JSON by its header.
    UnsupportedMediaType,
    /// No entry for the vault.
    VaultNotRecipient,
    /// The vault's entry does not open.
    VaultCannotOpen,
    /// Two entries for the vault.
    VaultRecipientRepeated,
    /// An envelope's policy names no readers.
    PolicyWithoutReaders,
    /// `publicAddresses` are others than the policy's readers.
    ReadersDisagree,
    /// The policy's audience is not this vault.
    WrongAudience,
    /// The policy asks for what this vault does not do yet.
    UnsupportedPolicy,
    /// Before the policy's not-before, or from its not-after on.
    OutsideValidity,
    /// PUT without `If-Match`.
    IfMatchRequired,
    /// Over the rate of its address or wallet.
    TooManyRequests,
    /// Over what an address may store unsigned.
    AnonymousQuota,
    /// A sign-in header over its bound.
    HeaderTooLarge,
    /// A stored row was altered.
    RecordDamaged,
    /// A defect.
    Internal,
    /// More to do than the server can.
    Overloaded,
    /// The platform gives no report.
    AttestationUnavailable,
    /// The server waits for a recovery recipient to bring its root.
    WaitingForRoot,
    /// The store does not serve.
    StoreUnavailable,
    /// The store has no room.
    StoreFull,
}

impl Code {
    /// All of them, in the order of spec/http.md §9.
    pub const ALL: [Self; 64] = [
        Self::MalformedRequest,
        Self::NotSealed,
        Self::MalformedPayload,
        Self::MalformedAddress,
        Self::MalformedExpiry,
        Self::MalformedKey,
        Self::MalformedNonce,
        Self::MalformedQuery,
        Self::MalformedPublicKey,
        Self::MalformedUserId,
        Self::MalformedSignature,
        Self::MalformedBackup,
        Self::SignInRequired,
        Self::SignInMalformed,
        Self::SignInWrongDomain,
        Self::SignInWrongChain,
        Self::SignInExpired,
        Self::SignInForAnotherAct,
        Self::WrongSigner,
        Self::NonceUnknown,
        Self::NonceExpired,
        Self::NonceSpent,
        Self::BadSignature,
        Self::WrongStatement,
        Self::SessionMalformed,
        Self::SessionExpired,
        Self::NoOwner,
        Self::NotTheOwner,
        Self::HandoffRefused,
        Self::RecoveryRefused,
        Self::SlotNotFound,
        Self::BackupNotFound,
        Self::HandoffUnknown,
        Self::NoSuchRoute,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::CiphertextHeld,
        Self::BackupSuperseded,
        Self::BackupCounter,
        Self::BackupForm,
        Self::GenerationChanged,
        Self::BodyTooLarge,
        Self::BackupQuota,
        Self::SignatureInUri,
        Self::UnsupportedMediaType,
        Self::VaultNotRecipient,
        Self::VaultCannotOpen,
        Self::VaultRecipientRepeated,
        Self::PolicyWithoutReaders,
        Self::ReadersDisagree,
        Self::WrongAudience,
        Self::UnsupportedPolicy,
        Self::OutsideValidity,
        Self::IfMatchRequired,
        Self::TooManyRequests,
        Self::AnonymousQuota,
        Self::HeaderTooLarge,
        Self::RecordDamaged,
        Self::Internal,
        Self::Overloaded,
        Self::AttestationUnavailable,
        Self::WaitingForRoot,
        Self::StoreUnavailable,
        Self::StoreFull,
    ];

    /// The HTTP status and the name on the wire.
    #[must_use]
    pub fn parts(self) -> (u16, &'static str) {
        match self {
            Self::MalformedRequest => (400, "malformed_request"),
            Self::NotSealed => (400, "not_sealed"),
            Self::MalformedPayload => (400, "malformed_payload"),
            Self::MalformedAddress => (400, "malformed_address"),
            Self::MalformedExpiry => (400, "malformed_expiry"),
            Self::MalformedKey => (400, "malformed_key"),
            Self::MalformedNonce => (400, "malformed_nonce"),
            Self::MalformedQuery => (400, "malformed_query"),
            Self::MalformedPublicKey => (400, "malformed_public_key"),
            Self::MalformedUserId => (400, "malformed_user_id"),
            Self::MalformedSignature => (400, "malformed_signature"),
            Self::MalformedBackup => (400, "malformed_backup"),
            Self::SignInRequired => (401, "sign_in_required"),
            Self::SignInMalformed => (401, "sign_in_malformed"),
            Self::SignInWrongDomain => (401, "sign_in_wrong_domain"),
            Self::SignInWrongChain => (401, "sign_in_wrong_chain"),
            Self::SignInExpired => (401, "sign_in_expired"),
            Self::SignInForAnotherAct => (401, "sign_in_for_another_act"),
            Self::WrongSigner => (401, "wrong_signer"),
            Self::NonceUnknown => (401, "nonce_unknown"),
            Self::NonceExpired => (401, "nonce_expired"),
            Self::NonceSpent => (401, "nonce_spent"),
            Self::BadSignature => (401, "bad_signature"),
            Self::WrongStatement => (401, "wrong_statement"),
            Self::SessionMalformed => (401, "session_malformed"),
            Self::SessionExpired => (401, "session_expired"),
            Self::NoOwner => (403, "no_owner"),
            Self::NotTheOwner => (403, "not_the_owner"),
            Self::HandoffRefused => (403, "handoff_refused"),
            Self::RecoveryRefused => (403, "recovery_refused"),
            Self::SlotNotFound => (404, "slot_not_found"),
            Self::BackupNotFound => (404, "backup_not_found"),
            Self::HandoffUnknown => (404, "handoff_unknown"),
            Self::NoSuchRoute => (404, "no_such_route"),
            Self::MethodNotAllowed => (405, "method_not_allowed"),
            Self::RequestTimeout => (408, "request_timeout"),
            Self::CiphertextHeld => (409, "ciphertext_held"),
            Self::BackupSuperseded => (409, "backup_superseded"),
            Self::BackupCounter => (409, "backup_counter"),
            Self::BackupForm => (409, "backup_form"),
            Self::GenerationChanged => (412, "generation_changed"),
            Self::BodyTooLarge => (413, "body_too_large"),
            Self::BackupQuota => (413, "backup_quota"),
            Self::SignatureInUri => (414, "signature_in_uri"),
            Self::UnsupportedMediaType => (415, "unsupported_media_type"),
            Self::VaultNotRecipient => (422, "vault_not_recipient"),
            Self::VaultCannotOpen => (422, "vault_cannot_open"),
            Self::VaultRecipientRepeated => (422, "vault_recipient_repeated"),
            Self::PolicyWithoutReaders => (422, "policy_without_readers"),
            Self::ReadersDisagree => (422, "readers_disagree"),
            Self::WrongAudience => (422, "wrong_audience"),
            Self::UnsupportedPolicy => (422, "unsupported_policy"),
            Self::OutsideValidity => (422, "outside_validity"),
            Self::IfMatchRequired => (428, "if_match_required"),
            Self::TooManyRequests => (429, "too_many_requests"),
            Self::AnonymousQuota => (429, "anonymous_quota"),
            Self::HeaderTooLarge => (431, "header_too_large"),
            Self::RecordDamaged => (500, "record_damaged"),
            Self::Internal => (500, "internal"),
            Self::Overloaded => (503, "overloaded"),
            Self::AttestationUnavailable => (503, "attestation_unavailable"),
            Self::WaitingForRoot => (503, "waiting_for_root"),
            Self::StoreUnavailable => (503, "store_unavailable"),
            Self::StoreFull => (507, "store_full"),
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.parts().0).expect("the table holds statuses")
    }

    /// This refusal, with a message for the caller.
    pub fn because(self, message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError { code: self, message: message.into(), retry_after_s: None, cause: None }
    }
}

/// A refusal on its way to the caller, with the cause that only the log sees.
#[derive(Debug, Clone)]
pub struct ApiError {
    pub(crate) code: Code,
    pub(crate) message: Cow<'static, str>,
    /// Seconds after which it may go better.
    pub(crate) retry_after_s: Option<u32>,
    pub(crate) cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl ApiError {
    /// Adds what the log shall say.
    pub(crate) fn caused_by(self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { cause: Some(Arc::new(cause)), ..self }
    }

    /// Adds when to try again.
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }
}

/// The status alone: the edge writes the body, since only it knows the request id.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<RecordDamaged> for ApiError {
    fn from(error: RecordDamaged) -> Self {
        Code::RecordDamaged.because("the stored record was altered and is refused").caused_by(error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let refusal = match error {
            StoreError::Full(_) => {
                Code::StoreFull.because("the store has no room for this; what it holds can be read")
            }
            _ => Code::StoreUnavailable.because("the store does not serve now; try again").retry_after(2),
        };
        refusal.caused_by(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of spec/http.md and this file say the same, in the same order.
    #[test]
    fn the_spec_lists_every_code() {
        let spec = include_str!("../../../spec/http.md");
        let listed: Vec<(u16, &str)> = spec
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| ")?.split(" | ");
                Some((cells.next()?.parse().ok()?, cells.next()?.trim_matches('`')))
            })
            .collect();
        assert_eq!(listed, Code::ALL.map(Code::parts));
    }
}
