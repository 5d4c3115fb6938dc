//! One file a platform.

pub mod none;
