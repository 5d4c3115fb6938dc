//! One file a platform: what its report says, once its signature holds.

pub mod dstack;
pub mod nitro;
pub mod none;
pub mod snp;
pub mod tdx;

/// What a report binds, once everything about its platform holds.
pub(crate) struct Bound {
    /// 64 bytes that must be [`Claims::report_data`](crate::Claims::report_data).
    pub(crate) report_data: Vec<u8>,
    /// Which code, for people.
    pub(crate) measurement: String,
}
