//! Kills servers and databases while wallets push versions of their backups.

use crate::client::Client;
use crate::ledger::ready;
use crate::server::UNLIMITED;
use crate::store::{Kind, Place};
use crate::wallets::{Wallet, prepare};
use anyhow::{Context, Result, ensure};
use getrandom::rand_core::Rng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

const WALLETS: u32 = 3;
/// Versions of a wallet that a round may take.
const A_ROUND: usize = 3;
/// Versions that a server keeps by default.
const KEPT: usize = 5;

/// What a number of kills found.
#[derive(Debug, Clone, Copy, Default)]
pub struct Survived {
    /// How often the server was killed.
    pub server_kills: u32,
    /// How often the database was killed, each time with all its processes at once.
    pub database_kills: u32,
    /// Versions that were acknowledged.
    pub acknowledged: usize,
    /// Versions that were found without having been acknowledged, because their answers were lost.
    pub unacknowledged: usize,
    /// How often a version was fetched, verified, and found to be what was pushed.
    pub whole: usize,
}

/// A wallet that pushes.
struct Pusher {
    wallet: Wallet,
    session: [(&'static str, String); 1],
    /// The number of the last version that was acknowledged.
    acknowledged: AtomicUsize,
}

impl Pusher {
    /// Pushes a few of the next versions, until the server goes away.
    async fn push(&self, address: SocketAddr) -> Result<()> {
        let mut client = Client::connect(address).await?;
        let last = self.acknowledged.load(Ordering::Relaxed);
        for number in last + 1..=last + A_ROUND {
            let Some(backup) = self.wallet.version(number) else { return Ok(()) };
            let body = backup.to_json().into_bytes();
            let answer = client.send("POST", &self.wallet.path(), &[], body).await?;
            ensure!(answer.status == 200, "{}: {}", answer.status, answer.json());
            self.acknowledged.store(number, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Asks for everything that is kept.
    async fn verify(&self, address: SocketAddr, survived: &mut Survived) -> Result<()> {
        let mut client = Client::connect(address).await?;
        let path = self.wallet.path();
        let listed = client.send("GET", &format!("{path}/versions"), &self.session, "").await?;
        ensure!(listed.status == 200, "{}: {}", listed.status, listed.json());
        let listed = listed.json();
        let next =
            usize::try_from(listed["next"]["counter"].as_u64().context("the answer has no next counter")?)?;
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        ensure!(next > acknowledged, "lost: version {acknowledged} was acknowledged, and {next} is the next");
        ensure!(
            next <= acknowledged + 2,
            "{next} is the next after {acknowledged}: one was under way at most"
        );
        survived.unacknowledged += next - 1 - acknowledged;
        self.acknowledged.store(next - 1, Ordering::Relaxed);
        let versions = listed["versions"].as_array().context("the answer has no list of versions")?;
        let numbers: Vec<usize> = versions
            .iter()
            .filter_map(|version| usize::try_from(version["version"].as_u64()?).ok())
            .collect();
        let expected: Vec<usize> = (1..next).rev().take(KEPT).collect();
        ensure!(numbers == expected, "{numbers:?} are kept instead of {expected:?}");
        for number in numbers {
            let read = client.send("GET", &format!("{path}?version={number}"), &self.session, "").await?;
            ensure!(read.status == 200, "version {number}: {}: {}", read.status, read.json());
            self.wallet.is_whole(number, &read.json())?;
            survived.whole += 1;
        }
        Ok(())
    }
}

/// Kills `kills` times, each at a random moment while all wallets push. On PostgreSQL the server
/// and its database take turns. After each kill every wallet asks for what is kept. What was
/// acknowledged must be there, and everything that is there must be whole.
///
/// What was lost or half-written.
pub async fn kill_while_wallets_push(kind: Kind, kills: u32) -> Result<Survived> {
    let wallets = prepare(WALLETS, kills as usize * A_ROUND, 1000)?;
    let mut place = Place::new(kind)?;
    let arguments =
        [&UNLIMITED[..], &["--verification-rate=0", "--backup-rate=0", "--backup-quota=0"]].concat();
    let mut server = place.start(&arguments)?;
    let mut client = Client::connect(server.address).await?;
    let mut pushers = Vec::new();
    for wallet in wallets {
        let session = wallet.session(&mut client).await?;
        pushers.push(Arc::new(Pusher { wallet, session, acknowledged: AtomicUsize::new(0) }));
    }
    let mut survived = Survived::default();
    for n in 0..kills {
        let mut pushing = JoinSet::new();
        for pusher in &pushers {
            let (pusher, address) = (Arc::clone(pusher), server.address);
            // The error is the server's end. Only what was acknowledged counts.
            pushing.spawn(async move { pusher.push(address).await.err() });
        }
        let millis = 30 + crate::rng().next_u64() % 220;
        tokio::time::sleep(Duration::from_millis(millis)).await;
        match &mut place.postgres {
            Some(postgres) if n % 2 == 1 => {
                postgres.kill();
                postgres.start_again();
                survived.database_kills += 1;
                pushing.join_all().await;
                ready(server.address).await.context("after the database was killed")?;
            }
            _ => {
                server.kill()?;
                survived.server_kills += 1;
                pushing.join_all().await;
                server = place.start(&arguments)?;
            }
        }
        for pusher in &pushers {
            pusher
                .verify(server.address, &mut survived)
                .await
                .with_context(|| format!("after kill {}", n + 1))?;
        }
    }
    survived.acknowledged = pushers.iter().map(|pusher| pusher.acknowledged.load(Ordering::Relaxed)).sum();
    survived.acknowledged -= survived.unacknowledged;
    server.terminate()?;
    Ok(survived)
}
