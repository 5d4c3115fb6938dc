//! Wallets' backups: versions that their owner has signed. They are kept, and given back only to
//! the owner.

mod answers;
mod grant;
mod head;
mod parameters;
mod quota;
pub(crate) mod routes;
pub(crate) mod schema;
mod versions;

pub(crate) use versions::Backups;
