//! Per-address shares of a bounded resource.

use super::client_address::ClientAddress;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The shares that addresses have taken of a bounded resource.
pub(crate) struct Shares {
    max: usize,
    taken: Mutex<HashMap<ClientAddress, usize>>,
}

/// A part of an address's share, which is given back on drop.
pub(crate) struct Share {
    shares: Arc<Shares>,
    client: ClientAddress,
    amount: usize,
}

impl Shares {
    /// Lets each address take `max`.
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, taken: Mutex::default() })
    }

    /// Takes an amount for this address; `None` if it would exceed its share.
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
