//! Kills servers and databases under load, again and again.

use crate::ledger::{Ledger, ready};
use crate::server::UNLIMITED;
use crate::store::{Kind, Place};
use anyhow::{Context, Result};
use getrandom::rand_core::Rng;
use std::sync::Arc;
use std::time::Duration;

const CLIENTS: u32 = 16;

/// What a number of kills found.
#[derive(Debug, Clone, Copy, Default)]
pub struct Survived {
    /// How often the server was killed.
    pub server_kills: u32,
    /// How often the database was killed, each time with all its processes at once.
    pub database_kills: u32,
    /// Slots that were acknowledged, and could be opened after the last kill.
    pub kept: usize,
    /// Slots that were acknowledged as forgotten, and stayed forgotten.
    pub gone: usize,
}

/// Kills `kills` times, each at a random moment of at most `load`. On PostgreSQL the server and its
/// database take turns. After each kill the server starts again and is asked for what the round
/// acknowledged. At the end it is asked for everything.
///
/// What was lost, or came back.
pub async fn kill_again_and_again(kind: Kind, kills: u32, load: Duration) -> Result<Survived> {
    let mut place = Place::new(kind)?;
    let mut survived = Survived::default();
    let (all, mut round) = (Ledger::new(), Ledger::new());
    let mut server = place.start(&UNLIMITED)?;
    for n in 0..kills {
        let loading = {
            let (round, address) = (Arc::clone(&round), server.address);
            tokio::spawn(async move { round.load(address, CLIENTS).await })
        };
        let least = load / 4;
        let span = u64::try_from((load - least).as_micros())?.max(1);
        tokio::time::sleep(least + Duration::from_micros(crate::rng().next_u64() % span)).await;
        // On a machine that has much else to do, a kill that hits nothing shows nothing.
        for _ in 0..100 {
            let (kept, gone) = round.sizes();
            if kept >= CLIENTS as usize && gone > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        match &mut place.postgres {
            Some(postgres) if n % 2 == 1 => {
                postgres.kill();
                postgres.start_again();
                survived.database_kills += 1;
                loading.await?;
                // The server ran all the while, and must find its way back by itself.
                ready(server.address).await.context("after the database was killed")?;
            }
            _ => {
                server.kill()?;
                survived.server_kills += 1;
                loading.await?;
                server = place.start(&UNLIMITED)?;
            }
        }
        round
            .verify(server.address, CLIENTS as usize)
            .await
            .with_context(|| format!("after kill {}", n + 1))?;
        all.take(&round);
        round = Ledger::new();
    }
    all.verify(server.address, CLIENTS as usize).await.context("at the end")?;
    (survived.kept, survived.gone) = all.sizes();
    server.terminate()?;
    Ok(survived)
}
