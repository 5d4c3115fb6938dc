//! What was acknowledged, kept outside of the server, and a check of whether the server still knows
//! it.

use crate::client::{Client, store_body, wallet};
use anyhow::{Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use strongroom::SlotId;
use tokio::task::JoinSet;

/// What must hold after a crash.
#[derive(Default)]
pub struct Ledger {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    /// Slots that were acknowledged, with their owners and texts.
    kept: BTreeMap<SlotId, (u32, String)>,
    /// Slots whose deletion was acknowledged.
    gone: BTreeSet<SlotId>,
    /// Nonces whose use was acknowledged, with their sign-in headers and the slots that they
    /// opened.
    spent: Vec<(SlotId, [(&'static str, String); 2])>,
    next: u32,
}

impl Ledger {
    /// A ledger without entries.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of slots that were acknowledged and are not forgotten, and the number of those
    /// that are.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize) {
        let entries = self.entries();
        (entries.kept.len(), entries.gone.len())
    }

    /// Takes over all entries of another ledger.
    pub fn take(&self, other: &Self) {
        let other = std::mem::take(&mut *other.entries());
        let mut entries = self.entries();
        entries.kept.extend(other.kept);
        entries.gone.extend(other.gone);
    }

    /// Loads a server with `clients` that store, open and forget, until it goes away. Each act is
    /// entered once it was acknowledged.
    pub async fn load(self: &Arc<Self>, address: SocketAddr, clients: u32) {
        let mut tasks = JoinSet::new();
        for n in 0..clients {
            let ledger = Arc::clone(self);
            // The error is the server's end, which this waits for. Only the ledger counts.
            tasks.spawn(async move { ledger.one_client(address, n).await.err() });
        }
        tasks.join_all().await;
    }

    async fn one_client(&self, address: SocketAddr, n: u32) -> Result<()> {
        let mut client = Client::connect(address).await?;
        let (vault, owner) = (client.vault_key().await?, wallet(n));
        for round in 0_u32.. {
            let number = {
                let mut entries = self.entries();
                entries.next += 1;
                entries.next
            };
            let text = format!("secret {number} of client {n}");
            let slot = client.store(store_body(&vault, &owner, &text)?).await?.slot()?;
            self.entries().kept.insert(slot, (n, text));
            if round % 3 == 0 {
                let headers = client.signed(&owner, &[]).await?;
                let answer = client.send("GET", &format!("/secret/access/{slot}"), &headers, "").await?;
                ensure!(answer.status == 200, "{}: {}", answer.status, answer.json());
                self.entries().spent.push((slot, headers));
            }
            if round % 3 == 1 {
                // Until the deletion is acknowledged, and for ever after a failure, the slot may be
                // there or not.
                self.entries().kept.remove(&slot);
                let answer = client.delete(slot, &owner).await?;
                ensure!(answer.status == 204, "{}: {}", answer.status, answer.json());
                self.entries().gone.insert(slot);
            }
        }
        unreachable!("it ends with its server")
    }

    /// Asks a server for everything that was acknowledged, over `clients` connections. Gives the
    /// number of slots that it asked for.
    ///
    /// # Errors
    /// What was lost, or came back.
    pub async fn verify(self: &Arc<Self>, address: SocketAddr, clients: usize) -> Result<usize> {
        let (kept, gone, spent) = {
            let mut entries = self.entries();
            // Nonces of more than five minutes ago are refused for their age.
            let spent = std::mem::take(&mut entries.spent);
            (entries.kept.clone(), entries.gone.clone(), spent)
        };
        let asked = kept.len() + gone.len();
        let kept: Vec<_> = kept.into_iter().map(|(slot, (owner, text))| (slot, owner, Some(text))).collect();
        let gone = gone.into_iter().map(|slot| (slot, 0, None));
        let all: Arc<Vec<_>> = Arc::new(kept.into_iter().chain(gone).collect());
        let mut tasks = JoinSet::new();
        for n in 0..clients {
            let all = Arc::clone(&all);
            tasks.spawn(async move {
                let mut client = Client::connect(address).await?;
                for (slot, owner, text) in all.iter().skip(n).step_by(clients) {
                    let answer = client.access(*slot, &wallet(*owner)).await?;
                    match text {
                        Some(text) => ensure!(
                            answer.status == 200 && answer.json()["secret"] == *text,
                            "lost: {slot}: {}: {}",
                            answer.status,
                            answer.json()
                        ),
                        None => ensure!(answer.status == 404, "came back: {slot}: {}", answer.status),
                    }
                }
                Ok(())
            });
        }
        for result in tasks.join_all().await {
            result?;
        }
        let mut client = Client::connect(address).await?;
        for (slot, headers) in spent {
            let answer = client.send("GET", &format!("/secret/access/{slot}"), &headers, "").await?;
            ensure!(answer.status == 401 || answer.status == 404, "a nonce served twice: {}", answer.status);
        }
        Ok(asked)
    }
}

/// Waits until a server answers that its store does.
///
/// # Errors
/// If it does not answer so within 30 seconds.
pub async fn ready(address: SocketAddr) -> Result<()> {
    for _ in 0..300 {
        if let Ok(mut client) = Client::connect(address).await
            && client.send("GET", "/health", &[], "").await.is_ok_and(|answer| answer.status == 200)
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the server is not ready after 30 seconds")
}
