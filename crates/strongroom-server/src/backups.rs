//! Wallets' backups: versions that their owner signed, kept and given back to the owner alone.

mod grant;
mod head;
pub(crate) mod routes;
pub(crate) mod schema;
mod service;

pub(crate) use service::Backups;
