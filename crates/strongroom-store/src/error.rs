//! Why a store did not serve.

/// Why a store did not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database cannot be reached, read or written.
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no room for a write. Reads go on.
    #[error("the database's disk is full: writes go on when there is room")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database did not answer in time. A write may have been done.
    #[error("the database did not answer in time")]
    TimedOut,
    /// A setting of the database lets it lose what it has committed.
    #[error("the database runs with {0}=off, and would lose what it has committed: {0}=on is needed")]
    Unsafe(&'static str),
    /// The store was made by a vault with another root.
    #[error("this store belongs to another vault")]
    ForeignVault,
    /// The tables are of a version that this build does not know.
    #[error("the store's tables have version {0}, which this build does not know: run a newer build")]
    UnknownSchema(i64),
    /// The file system does not let SQLite write its log.
    #[error(
        "the file system gives no write-ahead log, but the journal mode {0}: put the data directory on a local disk"
    )]
    NoWal(String),
    /// The linked SQLite can corrupt its log.
    #[error("SQLite {0} is linked: 3.51.3 or newer is needed")]
    OldSqlite(&'static str),
    /// The store has been shut down, or the thread that writes has ended.
    #[error("the store is shut down")]
    Closed,
}
