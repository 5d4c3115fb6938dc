//! How the vault keeps what the store must not read: sealed records and look-up tags. The data
//! directory, the sweeper and the store's timing are here too.

mod data_dir;
mod readiness;
mod records;
mod sweeper;
mod tags;
mod timed_store;

pub use data_dir::{DataDir, DataDirError};
pub(crate) use readiness::Readiness;
pub use records::RecordCheck;
pub(crate) use records::{RecordDamaged, Records};
pub(crate) use sweeper::Sweeper;
pub(crate) use tags::Tags;
pub(crate) use timed_store::TimedStore;
