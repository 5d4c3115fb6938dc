//! Kills a server, or its database, under load a number of times, and counts what was lost.
//!
//! ```text
//! trials soak sqlite 1000
//! ```

use crate::kill::kill_again_and_again;
use anyhow::{Context, Result};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Runs it with its arguments.
pub async fn run(mut arguments: impl Iterator<Item = String>) -> Result<ExitCode> {
    let kind = arguments.next().context("sqlite or postgres")?.parse()?;
    let kills = arguments.next().context("a number of kills")?.parse()?;
    let start = Instant::now();
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
