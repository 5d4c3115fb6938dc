//! Grants: proof, as a value, that the holder of a key asks for the key's backups. Each grant has
//! two constructors: by a session, and by a signed message with a date.

use crate::error::{ApiError, Code};
use crate::limits::ClientAddress;
use crate::sign_in::SignIns;
use crate::verifier::Verifier;
use axum::http::HeaderMap;
use strongroom::backup::{DatedMessage, UserId};
use strongroom::sign_in::Act;
use strongroom::slh_dsa::{Context, Owner, PublicKey, Signature};

/// The holder of a key may list its backups.
pub(crate) struct ListGrant(Owner);

/// The holder of a key may read a backup.
pub(crate) struct ReadGrant(Owner, UserId);

/// The holder of a key may delete a backup.
pub(crate) struct DeleteGrant(Owner, UserId);

/// The signature of a dated message, and all that its verification needs.
pub(crate) struct DatedProof<'a> {
    pub(crate) sign_ins: &'a SignIns,
    pub(crate) verifier: &'a Verifier,
    pub(crate) client: ClientAddress,
    pub(crate) public_key: PublicKey,
    pub(crate) signature: Signature,
}

impl ListGrant {
    pub(crate) fn owner(&self) -> Owner {
        self.0
    }

    pub(crate) fn by_session(
        sign_ins: &SignIns,
        headers: &HeaderMap,
        key: &PublicKey,
    ) -> Result<Self, ApiError> {
        by_session(sign_ins, headers, key, &Act::Backups).map(Self)
    }

    pub(crate) async fn by_message(dated: DatedProof<'_>) -> Result<Self, ApiError> {
        let message = DatedMessage::List(dated.public_key);
        by_message(dated, message).await.map(Self)
    }
}

impl ReadGrant {
    pub(crate) fn parts(&self) -> (Owner, UserId) {
        (self.0, self.1)
    }

    pub(crate) fn by_session(
        sign_ins: &SignIns,
        headers: &HeaderMap,
        key: &PublicKey,
        user_id: UserId,
    ) -> Result<Self, ApiError> {
        by_session(sign_ins, headers, key, &Act::Backups).map(|owner| Self(owner, user_id))
    }

    pub(crate) async fn by_message(dated: DatedProof<'_>, user_id: UserId) -> Result<Self, ApiError> {
        by_message(dated, DatedMessage::Read(user_id)).await.map(|owner| Self(owner, user_id))
    }
}

impl DeleteGrant {
    pub(crate) fn parts(&self) -> (Owner, UserId) {
        (self.0, self.1)
    }

    pub(crate) fn by_session(
        sign_ins: &SignIns,
        headers: &HeaderMap,
        key: &PublicKey,
        user_id: UserId,
    ) -> Result<Self, ApiError> {
        let act = Act::DeleteBackup(user_id);
        by_session(sign_ins, headers, key, &act).map(|owner| Self(owner, user_id))
    }

    pub(crate) async fn by_message(dated: DatedProof<'_>, user_id: UserId) -> Result<Self, ApiError> {
        by_message(dated, DatedMessage::Delete(user_id)).await.map(|owner| Self(owner, user_id))
    }
}

fn by_session(
    sign_ins: &SignIns,
    headers: &HeaderMap,
    key: &PublicKey,
    act: &Act,
) -> Result<Owner, ApiError> {
    let owner = sign_ins.owner_by_session(headers, act)?;
    if owner == key.owner() {
        return Ok(owner);
    }
    Err(Code::SignInForAnotherAct
        .because("the session is of another key than the one in the path: start a session for that key"))
}

/// Verifies the signature over each message that is valid now, the likeliest first.
async fn by_message(dated: DatedProof<'_>, message: DatedMessage) -> Result<Owner, ApiError> {
    let DatedProof { sign_ins, verifier, client, public_key, signature } = dated;
    let candidates = message.candidates(sign_ins.now());
    let verified = move || {
        let mut candidates = candidates.iter();
        let signed =
            candidates.any(|text| public_key.verify(Context::NONE, text.as_bytes(), &signature).is_ok());
        signed.then_some(()).ok_or(())
    };
    verifier.run(&client, verified).await?.map_err(|()| {
        Code::BadSignature.because(
            "the signature is not of this key over this act and today's date: sign the message that spec/sign-in.md describes",
        )
    })?;
    sign_ins.admit(&public_key.owner().into())?;
    Ok(public_key.owner())
}
