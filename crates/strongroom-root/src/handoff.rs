//! A root on its way from one replica to another, once each has verified the other: the donor's
//! side and the joiner's (spec/attestation.md §9).

mod donor;
mod joiner;

pub use donor::{Donor, DonorError, TakenOffer};
pub use joiner::{JoinError, JoinRequest, join};
