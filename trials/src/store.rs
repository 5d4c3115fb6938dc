//! The store that a trial runs on.

use crate::server::Server;
use anyhow::{Result, bail};
use std::str::FromStr;
use strongroom_testkit::postgres::TempPostgres;
use tempfile::TempDir;

/// The two back ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The embedded store, one file for one server.
    Sqlite,
    /// The shared store, a PostgreSQL database for several servers.
    Postgres,
}

impl FromStr for Kind {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            _ => bail!("{text:?} is not a store: sqlite or postgres is expected"),
        }
    }
}

/// A place for servers to run in: a folder, and a database where one is needed.
pub struct Place {
    /// The folder that holds the data directories.
    pub folder: TempDir,
    /// The database, if the place is of [`Kind::Postgres`].
    pub postgres: Option<TempPostgres>,
}

impl Place {
    /// Makes a new folder, and starts a database if it needs one.
    pub fn new(kind: Kind) -> Result<Self> {
        let postgres = (kind == Kind::Postgres).then(TempPostgres::start);
        Ok(Self { folder: tempfile::tempdir()?, postgres })
    }

    /// Starts a server on it, with further arguments.
    pub fn start(&self, arguments: &[&str]) -> Result<Server> {
        self.start_another("data", arguments)
    }

    /// Starts a server with a data directory of its own, and the same root and database.
    pub fn start_another(&self, data_dir: &str, arguments: &[&str]) -> Result<Server> {
        let mut all = vec![format!("--data-dir={data_dir}"), "--root-file=root.sealed".to_owned()];
        if let Some(postgres) = &self.postgres {
            all.push(format!("--database-url={}", postgres.url("vault")));
            all.push("--database-connections=32".to_owned());
        }
        let all: Vec<&str> = all.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
        Server::start(self.folder.path(), &all)
    }
}
