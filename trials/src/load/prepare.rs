//! Makes requests before the clock starts: sealing and signing are the clients' work.

use super::requests::request;
use crate::client::{Client, body_for};
use anyhow::Result;
use strongroom::SlotId;
use strongroom::key::EncapsulationKey;
use strongroom::wallet::WalletKey;

/// Bytes of a secret's plaintext. A request that stores it has 6 KB.
pub const PLAINTEXT_BYTES: usize = 1150;

/// Requests that store, each one with another payload.
pub fn stores(vault: &EncapsulationKey, owner: &WalletKey, count: usize) -> Result<Vec<Vec<u8>>> {
    let text = "x".repeat(PLAINTEXT_BYTES);
    let recipients = std::slice::from_ref(vault);
    (0..count)
        .map(|_| Ok(request("POST", "/secret/store", &[], &body_for(recipients, owner, &text)?)))
        .collect()
}

/// Stores secrets that this wallet can open, and gives their slots.
pub async fn slots(
    client: &mut Client,
    vault: &EncapsulationKey,
    owner: &WalletKey,
    count: usize,
) -> Result<Vec<SlotId>> {
    let text = "x".repeat(PLAINTEXT_BYTES);
    let mut slots = Vec::new();
    for _ in 0..count {
        slots.push(client.store(body_for(std::slice::from_ref(vault), owner, &text)?).await?.slot()?);
    }
    Ok(slots)
}

/// Requests that open one of these slots, each with a sign-in of its own. They can be used for five
/// minutes.
pub async fn accesses(
    client: &mut Client,
    owner: &WalletKey,
    slots: &[SlotId],
    count: usize,
) -> Result<Vec<Vec<u8>>> {
    let mut requests = Vec::with_capacity(count);
    for n in 0..count {
        let headers = client.signed(owner, &[]).await?;
        let path = format!("/secret/access/{}", slots[n * 7919 % slots.len()]);
        requests.push(request("GET", &path, &headers, b""));
    }
    Ok(requests)
}
