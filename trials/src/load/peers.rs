//! Bare programs to compare with: an axum server that answers with as many bytes, and a loop that
//! inserts the same rows.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::routing::any;
use getrandom::rand_core::Rng;
use rusqlite::{Connection, params};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path as FilePath;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The argument that makes `trials` an echo server.
pub const ECHO: &str = "echo";

/// Serves `/{bytes}`. It reads the body of any request, and answers with as many bytes.
pub async fn echo() -> Result<()> {
    let app = Router::new()
        .route("/{bytes}", any(|Path(bytes): Path<usize>, _: Bytes| async move { vec![b'x'; bytes] }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    axum::serve(listener, app).await?;
    Ok(())
}

/// A process that runs [`echo`]. It is killed when dropped.
pub struct Echo {
    child: Child,
    /// The address on which it listens.
    pub address: SocketAddr,
}

impl Echo {
    /// Starts this program again, as an echo server.
    pub fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?).arg(ECHO).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the echo server has no stdout")?).read_line(&mut line)?;
        Ok(Self { child, address: line.trim().parse()? })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // Both calls fail if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Inserts the rows of stored secrets for `time`, in groups of `batch` that are each committed and
/// synced. Gives secrets a second.
pub fn insert_loop(folder: &FilePath, record_bytes: usize, batch: usize, time: Duration) -> Result<f64> {
    let mut db = open(folder, "insert.sqlite")?;
    let mut record = vec![0; record_bytes];
    crate::rng().fill_bytes(&mut record);
    let (start, mut rows) = (Instant::now(), 0);
    while start.elapsed() < time {
        let transaction = db.transaction()?;
        for _ in 0..batch {
            let [slot, held, principal] = random::<3, 32>();
            let run = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| -> Result<()> {
                transaction.prepare_cached(sql)?.execute(parameters)?;
                Ok(())
            };
            run("INSERT INTO held VALUES (?1, ?2)", params![held, slot])?;
            run("INSERT INTO slot VALUES (?1, 1, ?2, NULL)", params![slot, record])?;
            run("INSERT INTO principal VALUES (?1, ?2)", params![principal, slot])?;
            rows += 1;
        }
        transaction.commit()?;
    }
    Ok(f64::from(rows) / start.elapsed().as_secs_f64())
}

/// Inserts spent nonces in the same way. Gives nonces a second.
pub fn spend_loop(folder: &FilePath, batch: usize, time: Duration) -> Result<f64> {
    let mut db = open(folder, "spend.sqlite")?;
    let (start, mut rows) = (Instant::now(), 0);
    while start.elapsed() < time {
        let transaction = db.transaction()?;
        for _ in 0..batch {
            let [nonce] = random::<1, 16>();
            transaction.prepare_cached("INSERT INTO spent_nonce VALUES (?1, 1)")?.execute(params![nonce])?;
            rows += 1;
        }
        transaction.commit()?;
    }
    Ok(f64::from(rows) / start.elapsed().as_secs_f64())
}

fn random<const N: usize, const BYTES: usize>() -> [[u8; BYTES]; N] {
    [(); N].map(|()| {
        let mut bytes = [0; BYTES];
        crate::rng().fill_bytes(&mut bytes);
        bytes
    })
}

fn open(folder: &FilePath, name: &str) -> Result<Connection> {
    let db = Connection::open(folder.join(name))?;
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    db.execute_batch(
        "PRAGMA synchronous = FULL;
         CREATE TABLE slot (slot BLOB NOT NULL UNIQUE, generation INTEGER NOT NULL, record BLOB NOT NULL, expires_at INTEGER) STRICT;
         CREATE TABLE held (tag BLOB PRIMARY KEY, slot BLOB NOT NULL) STRICT, WITHOUT ROWID;
         CREATE TABLE principal (tag BLOB NOT NULL, slot BLOB NOT NULL, PRIMARY KEY (tag, slot)) STRICT, WITHOUT ROWID;
         CREATE INDEX principal_slot ON principal (slot);
         CREATE TABLE spent_nonce (nonce BLOB PRIMARY KEY, keep_until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
         CREATE INDEX spent_nonce_until ON spent_nonce (keep_until);",
    )?;
    Ok(db)
}
