//! What `trials` runs: longer than a test, or no test at all.

pub mod backups;
pub mod curve;
pub mod http;
pub mod sign_ins;
pub mod soak;
