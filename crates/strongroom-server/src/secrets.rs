//! Secrets: sealed payloads in slots, opened only for their readers.

mod grant;
mod policy;
mod record;
mod request;
pub(crate) mod routes;
pub(crate) mod schema;
mod service;
mod slots;

pub(crate) use service::Secrets;
pub(crate) use slots::Slots;
