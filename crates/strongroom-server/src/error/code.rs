//! The codes of refusals, which are stable: spec/http.md §9 lists each with its remedy.

use axum::http::StatusCode;

/// A stable code of an error answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The body is not JSON, lacks a member, or has one of a wrong type.
    MalformedRequest,
    /// `secret` is a string that is not a payload.
    NotSealed,
    /// A payload or an envelope has wrong base64, sizes, recipients or version.
    MalformedPayload,
    /// An address is malformed, or there are none or too many.
    MalformedAddress,
    /// `expiresAt` is not an RFC 3339 time, or is past.
    MalformedExpiry,
    /// `sealTo` is not a public key.
    MalformedKey,
    /// `?nonce=` of an attestation is not 64 hex digits.
    MalformedNonce,
    /// A query parameter, such as `after`, `limit` or `version`, is malformed.
    MalformedQuery,
    /// The SLH-DSA public key in a path or a body is malformed.
    MalformedPublicKey,
    /// The user id in a path or a body is malformed.
    MalformedUserId,
    /// An SLH-DSA signature is not hex, or has a wrong length.
    MalformedSignature,
    /// A backup has wrong members, hex, base64, envelope or statement.
    MalformedBackup,
    /// The headers of a sign-in are missing.
    SignInRequired,
    /// The statement or the signature of a sign-in is malformed.
    SignInMalformed,
    /// The statement's domain or URI is not one of the vault's origins.
    SignInWrongDomain,
    /// The statement's chain is not allowed.
    SignInWrongChain,
    /// The statement is not valid yet, or no longer.
    SignInExpired,
    /// The statement or session is for another act, or does not name the act and has to.
    SignInForAnotherAct,
    /// Another wallet signed the statement.
    WrongSigner,
    /// This vault did not issue the nonce.
    NonceUnknown,
    /// The nonce is older than five minutes.
    NonceExpired,
    /// The nonce was used before.
    NonceSpent,
    /// An SLH-DSA signature does not verify.
    BadSignature,
    /// A backup's statement names another owner, user id or envelope.
    WrongStatement,
    /// This vault did not issue the token.
    SessionMalformed,
    /// The token is older than ten minutes.
    SessionExpired,
    /// The slot has no owner.
    NoOwner,
    /// A reader who is not an owner asked for an owner's act.
    NotTheOwner,
    /// This server does not hand its root to the one that asks for it.
    HandoffRefused,
    /// The root that was brought is not this vault's.
    RecoveryRefused,
    /// The slot is unknown, gone, or not for this wallet.
    SlotNotFound,
    /// The owner has no such backup, or the backup has no such version.
    BackupNotFound,
    /// No handoff waits under this name.
    HandoffUnknown,
    /// There is no such path.
    NoSuchRoute,
    /// The path has no such method.
    MethodNotAllowed,
    /// The body did not come in time.
    RequestTimeout,
    /// The vault holds or held this KEM ciphertext.
    CiphertextHeld,
    /// This payload was uploaded before.
    BackupSuperseded,
    /// A version's counter or previous digest does not follow the last version.
    BackupCounter,
    /// The backup's other versions have the other form.
    BackupForm,
    /// `If-Match` is not the present ETag.
    GenerationChanged,
    /// The body is larger than the server takes.
    BodyTooLarge,
    /// The owner would keep more than they may.
    BackupQuota,
    /// A signature is in the URI, where it does not fit.
    SignatureInUri,
    /// The content type of the body is not JSON.
    UnsupportedMediaType,
    /// The payload has no entry for the vault.
    VaultNotRecipient,
    /// The payload's entry for the vault does not open.
    VaultCannotOpen,
    /// The payload has two entries for the vault.
    VaultRecipientRepeated,
    /// An envelope's policy names no readers.
    PolicyWithoutReaders,
    /// `publicAddresses` differ from the readers in the policy.
    ReadersDisagree,
    /// The policy's audience is not this vault.
    WrongAudience,
    /// The policy asks for something that this vault does not do yet.
    UnsupportedPolicy,
    /// The time is before the policy's not-before, or at or after its not-after.
    OutsideValidity,
    /// A PUT has no `If-Match`.
    IfMatchRequired,
    /// The address, wallet or key sends more requests than its rate.
    TooManyRequests,
    /// The address has stored as much unsigned as it may in a day.
    AnonymousQuota,
    /// A header of a sign-in is too long.
    HeaderTooLarge,
    /// A stored row was altered.
    RecordDamaged,
    /// The server has a defect.
    Internal,
    /// The server has more to do than it can.
    Overloaded,
    /// The platform gives no report.
    AttestationUnavailable,
    /// The server waits for a recovery recipient to bring its root.
    WaitingForRoot,
    /// The store does not answer.
    StoreUnavailable,
    /// The store has no room.
    StoreFull,
}

impl Code {
    /// All codes, in the order of spec/http.md §9.
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

    /// The HTTP status and the code's name on the wire.
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

    /// The HTTP status, from 400 on.
    #[must_use]
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.parts().0).expect("the table holds statuses")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of spec/http.md and this file agree, in the same order.
    #[test]
    fn the_spec_lists_every_code() {
        let spec = include_str!("../../../../spec/http.md");
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
