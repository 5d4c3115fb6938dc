//! Moves a root over HTTP: the donor of a handoff, and the server that waits for its root.
//! `strongroom-root` decides who gets a root.

mod donor;
pub(crate) mod routes;
pub(crate) mod schema;
mod waiting_server;

pub(crate) use donor::RootDonor;
pub use waiting_server::wait_for_root;
