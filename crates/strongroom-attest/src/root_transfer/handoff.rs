//! Moves a root from one replica of a vault to another, without a network or a clock
//! (spec/root.md §10). Each replica verifies the other's evidence before anything secret
//! moves.
//!
//! ```text
//! joiner                         donor
//! Joiner          -- Hello ---------->  ReceivedHello
//! Joiner          <- Offer -----------  PendingOffer
//! PendingRequest  -- HandoffRequest ->  HandoffGrant
//! ReceivedRoot    <- Handover --------
//! ```
//!
//! The states are types: there is no [`HandoffGrant`] without a verified joiner, and no
//! [`ReceivedRoot`] without a verified donor.

mod donor;
mod error;
mod joiner;
mod message;
mod peer;
mod transcript;

pub use donor::{HandoffGrant, PendingOffer, ReceivedHello};
pub use error::{HandoffError, MAX_STATEMENTS};
pub use joiner::{Joiner, PendingRequest, ReceivedRoot};
pub use message::{HandoffRequest, Handover, Hello, Offer};
pub use peer::ReleasePolicies;
