//! Keys as people and programs hold them (spec/envelope.md §1): of ML-KEM-1024, of the hybrid, and of either KEM.

mod error;
mod hybrid;
mod id;
mod identity;
mod ml_kem_1024;
mod recipient;
mod text;

pub use error::KeyError;
pub use hybrid::{HybridDecapsulationKey, HybridEncapsulationKey};
pub use id::KeyId;
pub use identity::{Identity, IdentityRef};
pub use ml_kem_1024::{DecapsulationKey, EncapsulationKey};
pub use recipient::Recipient;
