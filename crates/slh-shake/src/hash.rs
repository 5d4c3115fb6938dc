//! The tweakable hashes of the SHAKE sets (FIPS 205 §11.1), `LANES` at once. PRF, F, H and T_l are
//! all SHAKE256(PK.seed ‖ ADRS ‖ M, 8n). Their inputs are whole 64-bit words, since n is a multiple
//! of eight.

use crate::address::Places;
use crate::block::{DOMAIN, LAST, RATE_WORDS, squeeze};
use crate::lanes::{ALL_ROWS, HASH_ROWS, Lanes, Row, States};
use crate::node::Nodes;
use crate::params::ParameterSet;
use core::marker::PhantomData;
use shake::Shake256;
use shake::digest::{ExtendableOutput, Update, XofReader};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// SHAKE256 over the concatenation of some parts: H_msg and PRF_msg (§11.1).
pub(crate) fn shake256(parts: &[&[u8]], out: &mut [u8]) {
    let mut hash = Shake256::default();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize_xof().read(out);
}

/// The hashes of a parameter set. It keeps the states that secrets go through, and wipes them on
/// drop.
pub(crate) struct Hasher<P, L: Lanes<LANES>, const LANES: usize> {
    lanes: L,
    states: States<LANES>,
    set: PhantomData<P>,
}

impl<P, L: Lanes<LANES>, const LANES: usize> Zeroize for Hasher<P, L, LANES> {
    fn zeroize(&mut self) {
        self.states.zeroize();
    }
}

impl<P, L: Lanes<LANES>, const LANES: usize> Drop for Hasher<P, L, LANES> {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl<P, L: Lanes<LANES>, const LANES: usize> ZeroizeOnDrop for Hasher<P, L, LANES> {}

/// A hash of many nodes, which are absorbed one by one.
pub(crate) struct Compression<const LANES: usize> {
    states: States<LANES>,
    at: usize,
    used: usize,
}

impl<P: ParameterSet, L: Lanes<LANES>, const LANES: usize> Hasher<P, L, LANES> {
    pub(crate) fn new(lanes: L) -> Self {
        Self { lanes, states: States::new(), set: PhantomData }
    }

    /// PRF of SK.seed in all lanes: each lane gets the secret value of its place.
    pub(crate) fn prf(&mut self, places: &Places<LANES>, sk_seed: &mut Nodes<LANES>) {
        self.f(places, sk_seed, LANES);
    }

    /// F in the first `used` lanes: each node becomes its hash.
    #[inline(never)]
    pub(crate) fn f(&mut self, places: &Places<LANES>, node: &mut Nodes<LANES>, used: usize) {
        self.lanes.hash::<P, 0>(&mut self.states, places, node, [], used);
    }

    /// H in the first `used` lanes: each left node becomes the hash of both nodes.
    #[inline(never)]
    pub(crate) fn h(
        &mut self,
        places: &Places<LANES>,
        left: &mut Nodes<LANES>,
        right: &Nodes<LANES>,
        used: usize,
    ) {
        self.lanes.hash::<P, 1>(&mut self.states, places, left, [right], used);
    }

    /// Starts T_l, whose nodes [`Self::absorb`] takes one by one. The nodes are public, so these
    /// states are not wiped.
    pub(crate) fn compress(&self, places: &Places<LANES>, used: usize) -> Compression<LANES> {
        let mut compression = Compression { states: States::new(), at: 0, used };
        let seeds = &places.seeds[..P::N / 8];
        seeds.iter().chain(&places.adrs).for_each(|row| self.absorb_row(&mut compression, row));
        compression
    }

    pub(crate) fn absorb(&self, compression: &mut Compression<LANES>, nodes: &Nodes<LANES>) {
        nodes.0[..P::N / 8].iter().for_each(|row| self.absorb_row(compression, row));
    }

    #[inline(never)]
    fn absorb_row(&self, compression: &mut Compression<LANES>, row: &Row<LANES>) {
        for (state, word) in compression.states.0[compression.at].iter_mut().zip(row) {
            *state ^= word;
        }
        compression.at += 1;
        if compression.at == RATE_WORDS {
            self.lanes.permute::<ALL_ROWS>(&mut compression.states, compression.used);
            compression.at = 0;
        }
    }

    pub(crate) fn finish(&self, mut compression: Compression<LANES>) -> Nodes<LANES> {
        let mut node = Nodes([[0; LANES]; 4]);
        let rows = &mut compression.states.0;
        rows[compression.at].iter_mut().for_each(|word| *word ^= DOMAIN);
        rows[RATE_WORDS - 1].iter_mut().for_each(|word| *word ^= LAST);
        self.lanes.permute::<HASH_ROWS>(&mut compression.states, compression.used);
        squeeze::<P, LANES>(&compression.states, &mut node);
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{Adrs, AdrsType};
    use crate::lanes::Portable;
    use crate::node::Node;
    use crate::sets::Shake128f;
    use crate::sign::{Opened, Secrets};
    use static_assertions::assert_impl_all;
    use zeroize::Zeroizing;

    assert_impl_all!(Hasher<Shake128f, Portable, 1>: ZeroizeOnDrop);
    assert_impl_all!(Secrets<8>: ZeroizeOnDrop);

    /// The values that a signature chooses from have a type that wipes them.
    const _: fn(&Opened) -> &Zeroizing<alloc::vec::Vec<Node>> = |opened| &opened.shown;

    #[test]
    fn what_secrets_went_through_is_wiped() {
        let mut hasher = Hasher::<Shake128f, _, 1>::new(Portable);
        let places = Places::from_fn(|_| ([1, 2, 0, 0], Adrs::new(3, 4).of(AdrsType::WotsPrf, 5)));
        hasher.f(&places, &mut Nodes::from_fn(|_| [6, 7, 0, 0]), 1);
        assert_ne!(hasher.states.0, [[0]; 25]);
        hasher.zeroize();
        assert_eq!(hasher.states.0, [[0]; 25]);
    }
}
