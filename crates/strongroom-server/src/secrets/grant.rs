//! Grants: proof, as a value, that somebody may do something with a slot. Each grant has one
//! constructor, which is the check.

use super::record::Record;
use super::slots::Slots;
use crate::error::{ApiError, Code};
use crate::sign_in::{SignIn, SignIns};
use axum::extract::{FromRef, FromRequestParts, Path};
use axum::http::request::Parts;
use std::marker::PhantomData;
use std::sync::Arc;
use strongroom::SlotId;
use strongroom::key::Recipient;
use strongroom::principal::Principal;
use strongroom::sign_in::Act;

/// An act of a reader on a slot.
pub(crate) trait ReadAct: Send + 'static {
    /// The act that a bound statement must name.
    fn of(slot: SlotId) -> Act;
}

/// The vault opens the payload.
pub(crate) struct OpenAct;

impl ReadAct for OpenAct {
    fn of(slot: SlotId) -> Act {
        Act::Access(slot)
    }
}

/// The vault opens the payload and seals it to a key that the request names.
pub(crate) struct SealToAct;

/// The reader fetches the sealed payload.
pub(crate) struct FetchAct;

impl ReadAct for FetchAct {
    fn of(slot: SlotId) -> Act {
        Act::Envelope(slot)
    }
}

/// A signed-in wallet or key is a reader of the slot in the path. Carries the slot's record, and is
/// an axum extractor.
pub(crate) struct AccessGrant<A> {
    generation: u64,
    record: Record,
    act: PhantomData<fn() -> A>,
}

impl<A> AccessGrant<A> {
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }
}

impl<A> AccessGrant<A> {
    /// Checks a sign-in for an act on a slot, then that the signer may read the slot.
    async fn check(
        (sign_ins, slots): (&SignIns, &Slots),
        sign_in: &SignIn,
        slot: SlotId,
        act: &Act,
    ) -> Result<Self, ApiError> {
        let signer = sign_ins.verify(sign_in, act).await?;
        let (row, record) = slots.load(slot).await?.ok_or_else(not_found)?;
        if !record.readers.contains(&signer) {
            return Err(not_found());
        }
        Ok(Self { generation: row.generation, record, act: PhantomData })
    }
}

impl<S, A: ReadAct> FromRequestParts<S> for AccessGrant<A>
where
    S: Send + Sync,
    Arc<SignIns>: FromRef<S>,
    Arc<Slots>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let slot = slot_in_path(parts, state).await?;
        let (sign_ins, slots) = (Arc::<SignIns>::from_ref(state), Arc::<Slots>::from_ref(state));
        Self::check((&sign_ins, &slots), &SignIn::required(&parts.headers)?, slot, &A::of(slot)).await
    }
}

impl AccessGrant<SealToAct> {
    /// A grant for an answer that is sealed to this key. The statement must name the key.
    pub(crate) async fn to_key(
        parts: (&SignIns, &Slots),
        sign_in: &SignIn,
        slot: SlotId,
        recipient: &Recipient,
    ) -> Result<Self, ApiError> {
        Self::check(parts, sign_in, slot, &Act::seal_to(slot, recipient)).await
    }
}

/// A signed-in wallet or key owns a slot. Carries the slot's record.
pub(crate) struct OwnerGrant {
    slot: SlotId,
    generation: u64,
    record: Record,
}

impl OwnerGrant {
    /// Checks a sign-in for an act on a slot, then that the signer owns the slot.
    pub(crate) async fn check(
        (sign_ins, slots): (&SignIns, &Slots),
        sign_in: &SignIn,
        slot: SlotId,
        act: &Act,
    ) -> Result<Self, ApiError> {
        let signer = sign_ins.verify(sign_in, act).await?;
        let (row, record) = slots.load(slot).await?.ok_or_else(not_found)?;
        if record.owners.contains(&signer) {
            return Ok(Self { slot, generation: row.generation, record });
        }
        // Only a reader may learn that the slot is there.
        if !record.readers.contains(&signer) {
            return Err(not_found());
        }
        Err(if record.owners.is_empty() {
            Code::NoOwner.because("the slot has no owner, because it was stored unsigned for several readers")
        } else {
            Code::NotTheOwner
                .because("only an owner of the slot may do this: ask the owner, or sign in as one")
        })
    }

    /// The slot, with the generation and the record that were checked.
    pub(crate) fn into_parts(self) -> (SlotId, u64, Record) {
        (self.slot, self.generation, self.record)
    }
}

/// A signed-in wallet or key, which may list its own slots.
pub(crate) struct Lister(pub(crate) Principal);

impl<S> FromRequestParts<S> for Lister
where
    S: Send + Sync,
    Arc<SignIns>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let sign_in = SignIn::required(&parts.headers)?;
        Ok(Self(Arc::<SignIns>::from_ref(state).verify(&sign_in, &Act::Slots).await?))
    }
}

/// The slot in a path such as `/secret/access/{slot}`. A malformed name counts as an unknown slot.
pub(crate) async fn slot_in_path<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<SlotId, ApiError> {
    let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| not_found())?;
    text.parse().map_err(|_| not_found())
}

fn not_found() -> ApiError {
    Code::SlotNotFound.because("no such slot for this wallet")
}
