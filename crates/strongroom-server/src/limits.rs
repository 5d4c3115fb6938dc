//! Bounds on what one client may ask of the vault, and on what all clients may ask together.

mod client_address;
mod guard;
mod queue;
mod rates;
mod settings;
mod shares;

pub use client_address::ClientAddress;
pub(crate) use guard::{BodyPermit, Guard};
pub(crate) use queue::Queue;
pub use settings::{Limits, Rate};
pub(crate) use shares::Shares;
