//! WOTS+ (FIPS 205 §5): one-time signatures from chains of F.

use crate::address::{Adrs, AdrsType, Places};
use crate::hash::Hasher;
use crate::lanes::Lanes;
use crate::node::{Node, Nodes, node_to_bytes};
use crate::params::{ParameterSet, W};
use alloc::vec::Vec;
use zeroize::Zeroize;

/// The digits in base w = 16 of a message of n bytes and its checksum (algorithm 7, lines 1 to 7).
pub(crate) fn digits<P: ParameterSet>(message: &Node) -> impl Iterator<Item = u32> {
    let message: Vec<u32> =
        node_to_bytes::<P>(message).flat_map(|byte| [u32::from(byte >> 4), u32::from(byte & 15)]).collect();
    let checksum: u32 = message.iter().map(|digit| W - 1 - digit).sum();
    message.into_iter().chain([8, 4, 0].map(|shift| checksum >> shift & 15))
}

/// A chain from the value in a signature to its end.
pub(crate) struct Chain {
    pub(crate) seed: Node,
    /// The address, with the chain and the first hash.
    pub(crate) adrs: Adrs,
    pub(crate) steps: u32,
    pub(crate) value: Node,
}

impl<P: ParameterSet, L: Lanes<LANES>, const LANES: usize> Hasher<P, L, LANES> {
    /// The public keys of `LANES` key pairs of a tree (algorithm 6, `wots_pkGen`). `show` is called
    /// with chain, step and value, for each value of each chain. All values but the last of a chain
    /// are secret.
    pub(crate) fn wots_pk_gen(
        &mut self,
        pk_seed: &Node,
        sk_seed: &Nodes<LANES>,
        tree: Adrs,
        key_pairs: impl Fn(usize) -> u32,
        mut show: impl FnMut(usize, usize, &Nodes<LANES>),
    ) -> Nodes<LANES> {
        let mut places = Places::from_fn(|lane| (*pk_seed, tree.of(AdrsType::WotsPk, key_pairs(lane))));
        let mut compression = self.compress(&places, LANES);
        let mut value = sk_seed.clone();
        for chain in 0..P::LEN {
            let at = |kind| move |lane: u32| tree.of(kind, lane).chain(chain as u32, 0);
            places.set(|lane| at(AdrsType::WotsPrf)(key_pairs(lane)));
            value.clone_from(sk_seed);
            self.prf(&places, &mut value);
            show(chain, 0, &value);
            places.set(|lane| at(AdrsType::WotsHash)(key_pairs(lane)));
            for step in 1..W as usize {
                self.f(&places, &mut value, LANES);
                places.next_hash();
                show(chain, step, &value);
            }
            self.absorb(&mut compression, &value);
        }
        value.zeroize();
        self.finish(compression)
    }

    /// Takes each value to the end of its chain (algorithm 5, `chain`). The longest chain comes
    /// first, and a lane takes another chain as soon as one ends, so lanes are seldom idle. The
    /// lengths of chains are public: they follow from what was signed.
    pub(crate) fn finish_chains(&mut self, chains: &mut [Chain]) {
        let mut order: Vec<usize> = (0..chains.len()).filter(|&i| chains[i].steps > 0).collect();
        order.sort_unstable_by_key(|&i| core::cmp::Reverse(chains[i].steps));
        let mut waiting = order.into_iter();
        let mut running: Vec<usize> = waiting.by_ref().take(LANES).collect();
        if running.is_empty() {
            return;
        }
        let of = |lane: usize| &chains[running[lane.min(running.len() - 1)]];
        let mut places = Places::from_fn(|lane| (of(lane).seed, of(lane).adrs));
        let mut values = Nodes::<LANES>::from_fn(|lane| of(lane).value);
        while let Some(steps) = running.iter().map(|&i| chains[i].steps).min() {
            for _ in 0..steps {
                self.f(&places, &mut values, running.len());
                places.next_hash();
            }
            for lane in (0..running.len()).rev() {
                let chain = &mut chains[running[lane]];
                chain.steps -= steps;
                if chain.steps > 0 {
                    continue;
                }
                chain.value = values.lane(lane);
                if let Some(next) = waiting.next() {
                    running[lane] = next;
                    let next = &chains[next];
                    places.put(lane, &next.seed, next.adrs);
                    values.put(lane, &next.value);
                } else {
                    // The chain of the last lane continues in this one.
                    let last = running.len() - 1;
                    places.copy(last, lane);
                    let value = values.lane(last);
                    values.put(lane, &value);
                    running.swap_remove(lane);
                }
            }
        }
    }
}
