//! A root on its way from one replica to another, once each has verified the other: the donor's
//! side and the joiner's (spec/root.md §10).

mod donor;
mod joiner;

pub use donor::{Donor, DonorError, TakenOffer};
pub use joiner::{JoinError, JoinRequest, join};
