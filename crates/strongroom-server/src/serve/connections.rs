//! How many connections each address has.

use crate::limits::ClientAddress;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts connections by address.
pub(super) struct PerAddress {
    max: usize,
    counts: Mutex<HashMap<ClientAddress, usize>>,
}

/// A connection that counts, until it is dropped.
pub(super) struct Entered {
    counter: Arc<PerAddress>,
    address: ClientAddress,
}

impl PerAddress {
    pub(super) fn new(max: usize) -> Self {
        Self { max, counts: Mutex::default() }
    }

    /// One more of this address, where it may have one.
    pub(super) fn enter(counter: &Arc<Self>, address: IpAddr) -> Option<Entered> {
        let address = ClientAddress::new(address);
        let mut counts = counter.counts();
        let count = counts.entry(address).or_default();
        if *count >= counter.max {
            return None;
        }
        *count += 1;
        Some(Entered { counter: Arc::clone(counter), address })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<ClientAddress, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut counts = self.counter.counts();
        match counts.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_and_gets_them_back() {
        let counter = Arc::new(PerAddress::new(2));
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().expect("an address"));
        let entered = [(); 2].map(|()| PerAddress::enter(&counter, one).expect("two may"));
        assert!(PerAddress::enter(&counter, one).is_none());
        assert!(PerAddress::enter(&counter, other).is_some());
        drop(entered);
        assert!(counter.counts().is_empty(), "and nothing is left behind");
    }
}
