//! Kills a server, or its database, under load a number of times, and counts what was lost.
//!
//!     cargo run --release -p strongroom-trials --bin soak -- sqlite 1000

use anyhow::{Context, Result};
use std::time::{Duration, Instant};
use strongroom_trials::kill::kill_again_and_again;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
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
    Ok(())
}
