//! Per-address shares of a bounded resource.

use super::client_address::ClientAddress;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Per-address share of a bounded resource.
pub(crate) struct Shares {
    max: usize,
    taken: Mutex<HashMap<ClientAddress, usize>>,
}

/// A part of an address's share, until it is dropped.
pub(crate) struct Share {
    shares: Arc<Shares>,
    client: ClientAddress,
    amount: usize,
}

impl Shares {
    /// A share of `max` for each address.
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, taken: Mutex::default() })
    }

    /// An amount for this address, where it may have that.
    pub(crate) fn take(self: &Arc<Self>, client: ClientAddress, amount: usize) -> Option<Share> {
        let mut taken = self.taken();
        let before = taken.get(&client).copied().unwrap_or(0);
        let after = before.checked_add(amount).filter(|after| *after <= self.max)?;
        taken.insert(client, after);
        Some(Share { shares: Arc::clone(self), client, amount })
    }

    pub(super) fn taken(&self) -> MutexGuard<'_, HashMap<ClientAddress, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        match taken.get_mut(&self.client) {
            Some(amount) if *amount > self.amount => *amount -= self.amount,
            _ => {
                taken.remove(&self.client);
            }
        }
    }
}
