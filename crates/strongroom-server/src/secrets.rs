//! Secrets: sealed payloads in slots. The vault opens them only for their readers.

mod answers;
mod grant;
pub(crate) mod parameters;
mod policy;
mod record;
mod request;
pub(crate) mod routes;
pub(crate) mod schema;
mod service;
mod slots;

pub(crate) use service::Secrets;
pub(crate) use slots::Slots;
