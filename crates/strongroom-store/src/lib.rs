//! What a vault keeps: sealed records, look-up tags, spent nonces and wallets' backups. All of it
//! is ciphertext or a keyed hash; this crate never sees a key.
//!
//! [`Store`] has two implementations. [`SqliteStore`] is one file for one server, [`PostgresStore`]
//! a database for any number of them. Both pass the same suite, `conformance.rs`.
//!
//! An `Ok` of a writing call means that the bytes are on stable storage. After an error they may be
//! there or not. A store refuses to open for another vault, with tables that this build does not
//! know, or on a database that may lose what it has committed.
//!
//! ```
//! use strongroom::SlotId;
//! use strongroom_store::{Inserted, SlotContent, SqliteStore, Store, StoreError};
//!
//! # tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
//! # let folder = tempfile::tempdir().expect("a folder");
//! # let path = folder.path().join("vault.sqlite");
//! let store = SqliteStore::open(&path, &[1; 32])?;
//! let slot = SlotId::from_bytes([7; 32]);
//! let record = b"a sealed record".to_vec();
//! let content = SlotContent { record, expires_at: None, held: None, principals: vec![] };
//! assert_eq!(store.insert(slot, content).await?, Inserted::Stored);
//! assert_eq!(store.slot(slot).await?.expect("it was stored").generation, 1);
//! # Ok::<_, StoreError>(())
//! # }).expect("a store");
//! ```

mod backups;
#[cfg(test)]
mod conformance;
mod error;
mod expiry;
mod place;
mod postgres;
mod slots;
mod sqlite;
mod store;
mod tag;

pub use backups::{BackupRow, HeadRow, MAX_BACKUPS, NewVersion, Pushed};
pub use error::StoreError;
pub use expiry::UnixSeconds;
pub use place::Place;
pub use postgres::{DatabaseUrl, DatabaseUrlError, PostgresDatabase, PostgresOptions, PostgresStore};
pub use slots::{Inserted, MAX_PAGE_BYTES, Replaced, SlotContent, SlotPage, SlotRow};
pub use sqlite::{Snapshot, SnapshotError, SqliteStore};
pub use store::{Answer, Store};
pub use tag::Tag;
