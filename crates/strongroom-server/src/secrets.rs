//! Secrets: sealed payloads in slots. The vault opens them only for their readers.

mod answers;
mod grant;
mod opening;
pub(crate) mod parameters;
mod policy;
mod record;
mod request;
pub(crate) mod routes;
pub(crate) mod schema;
mod slots;
mod storing;

pub(crate) use slots::Slots;
pub(crate) use storing::Secrets;
