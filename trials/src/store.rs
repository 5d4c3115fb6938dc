//! Which store a trial runs on.

use crate::server::Server;
use anyhow::{Result, bail};
use std::str::FromStr;
use strongroom_testkit::postgres::TempPostgres;
use tempfile::TempDir;

/// The two back ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Embedded.
    Sqlite,
    /// Shared.
    Postgres,
}

impl FromStr for Kind {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            _ => bail!("sqlite or postgres is expected"),
        }
    }
}

/// A place for servers to run in: a folder, and a database where one is needed.
pub struct Place {
    /// The folder of data directories.
    pub folder: TempDir,
    /// The database, in a place of [`Kind::Postgres`].
    pub postgres: Option<TempPostgres>,
}

impl Place {
    /// A new one.
    pub fn new(kind: Kind) -> Result<Self> {
        let postgres = (kind == Kind::Postgres).then(TempPostgres::start);
        Ok(Self { folder: tempfile::tempdir()?, postgres })
    }

    /// A server on it, with more arguments.
    pub fn start(&self, arguments: &[&str]) -> Result<Server> {
        self.start_another("data", arguments)
    }

    /// A server with a data directory of its own, and the same root and database.
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
