//! Keys (spec/keys.md). `EncapsulationKey` and `DecapsulationKey` are of ML-KEM-1024, their
//! hybrid counterparts of MLKEM1024-P384. A `Recipient` or an `Identity` is of either KEM.

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
