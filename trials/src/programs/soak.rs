//! Kills a server, or its database, under load a number of times, and counts what was lost.
//!
//! ```text
//! trials soak sqlite 1000
//! trials soak sqlite 100 backups      while wallets push versions
//! ```

use crate::kill::kill_again_and_again;
use crate::kill_pushes::kill_while_wallets_push;
use anyhow::{Context, Result};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Runs the program with its arguments.
pub async fn run(mut arguments: impl Iterator<Item = String>) -> Result<ExitCode> {
    let kind = arguments.next().context("name a store: sqlite or postgres")?.parse()?;
    let kills = arguments.next().context("say how many kills, such as 1000")?.parse()?;
    let start = Instant::now();
    if arguments.next().as_deref() == Some("backups") {
        let survived = kill_while_wallets_push(kind, kills).await?;
        println!(
            "{kind:?}: killed the server {} and the database {} times in {} s: all {} acknowledged versions are there, {} more whose answers were lost, and all {} that were fetched are whole",
            survived.server_kills,
            survived.database_kills,
            start.elapsed().as_secs(),
            survived.acknowledged,
            survived.unacknowledged,
            survived.whole,
        );
        return Ok(ExitCode::SUCCESS);
    }
    let survived = kill_again_and_again(kind, kills, Duration::from_millis(600)).await?;
    println!(
        "{kind:?}: killed the server {} and the database {} times in {} s: all {} acknowledged slots open, all {} forgotten ones stay so",
        survived.server_kills,
        survived.database_kills,
        start.elapsed().as_secs(),
        survived.kept,
        survived.gone,
    );
    Ok(ExitCode::SUCCESS)
}
