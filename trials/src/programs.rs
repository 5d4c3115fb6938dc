//! The programs of `trials`. They are longer than a test, or not tests.

pub mod backups;
pub mod curve;
pub mod http;
pub mod sign_ins;
pub mod soak;
