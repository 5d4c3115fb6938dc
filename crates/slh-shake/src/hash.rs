//! The tweakable hashes of the SHAKE sets (FIPS 205 §11.1), `N` at once: PRF, F, H and T_l are all SHAKE256(PK.seed ‖ ADRS ‖ M, 8n).
//! Everything is whole 64-bit words, since n is a multiple of eight.

use crate::address::Places;
use crate::lanes::{Lanes, Row, States};
use crate::params::ParameterSet;
use core::marker::PhantomData;
use shake::Shake256;
use shake::digest::{ExtendableOutput, Update, XofReader};
use zeroize::Zeroize;

/// n bytes as little-endian words, of which the first n/8 count.
pub(crate) type Node = [u64; 4];

/// Words of SHAKE256's rate.
const RATE_WORDS: usize = 17;
/// SHAKE's domain separation and the first bit of the padding (FIPS 202 §6.2).
const DOMAIN: u64 = 0x1F;
/// The last bit of the padding, at the end of the rate.
const LAST: u64 = 1 << 63;

pub(crate) fn node_from_bytes(bytes: &[u8]) -> Node {
    let mut node = [0; 4];
    for (word, chunk) in node.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = u64::from_le_bytes(chunk.try_into().expect("chunks have eight bytes"));
    }
    node
}

/// The n bytes of a node.
pub(crate) fn node_to_bytes<P: ParameterSet>(node: &Node) -> impl Iterator<Item = u8> {
    node.iter().take(P::N / 8).flat_map(|word| word.to_le_bytes())
}

/// SHAKE256 over some parts: H_msg and PRF_msg (§11.1).
pub(crate) fn shake256(parts: &[&[u8]], out: &mut [u8]) {
    let mut hash = Shake256::default();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize_xof().read(out);
}

/// A node in each of `N` lanes, word by word.
#[derive(Clone)]
pub(crate) struct Nodes<const N: usize>([Row<N>; 4]);

impl<const N: usize> Nodes<N> {
    pub(crate) fn from_fn(mut node: impl FnMut(usize) -> Node) -> Self {
        let mut nodes = Self([[0; N]; 4]);
        for lane in 0..N {
            nodes.put(lane, &node(lane));
        }
        nodes
    }

    pub(crate) fn lane(&self, lane: usize) -> Node {
        self.0.map(|row| row[lane])
    }

    pub(crate) fn put(&mut self, lane: usize, node: &Node) {
        for (row, word) in self.0.iter_mut().zip(node) {
            row[lane] = *word;
        }
    }
}

impl<const N: usize> Zeroize for Nodes<N> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// Hashes of a parameter set. The states that secrets go through are kept, and wiped on drop.
pub(crate) struct Hasher<P, L: Lanes<N>, const N: usize> {
    lanes: L,
    states: States<N>,
    set: PhantomData<P>,
}

impl<P, L: Lanes<N>, const N: usize> Drop for Hasher<P, L, N> {
    fn drop(&mut self) {
        self.states.zeroize();
    }
}

/// A hash of many nodes, of which some were taken in.
pub(crate) struct Compression<const N: usize> {
    states: States<N>,
    at: usize,
    used: usize,
}

impl<P: ParameterSet, L: Lanes<N>, const N: usize> Hasher<P, L, N> {
    const WORDS: usize = P::N / 8;

    pub(crate) fn new(lanes: L) -> Self {
        Self { lanes, states: States::new(), set: PhantomData }
    }

    /// The first words of the states.
    fn squeeze(states: &States<N>) -> Nodes<N> {
        let mut nodes = Nodes([[0; N]; 4]);
        nodes.0[..Self::WORDS].copy_from_slice(&states.0[..Self::WORDS]);
        nodes
    }

    /// A hash of so few nodes that the rate holds all of it.
    #[inline(always)]
    fn block<const M: usize>(&mut self, places: &Places<N>, nodes: [&Nodes<N>; M], used: usize) -> Nodes<N> {
        let rows = &mut self.states.0;
        let end = (1 + M) * Self::WORDS + 4;
        rows[..Self::WORDS].copy_from_slice(&places.seeds[..Self::WORDS]);
        rows[Self::WORDS..Self::WORDS + 4].copy_from_slice(&places.adrs);
        for (i, node) in nodes.into_iter().enumerate() {
            let at = (1 + i) * Self::WORDS + 4;
            rows[at..at + Self::WORDS].copy_from_slice(&node.0[..Self::WORDS]);
        }
        rows[end..].fill([0; N]);
        rows[end] = [DOMAIN; N];
        rows[RATE_WORDS - 1].iter_mut().for_each(|word| *word ^= LAST);
        self.lanes.permute(&mut self.states, used);
        Self::squeeze(&self.states)
    }

    /// F, and PRF with SK.seed for its input, in the first `used` lanes.
    pub(crate) fn f(&mut self, places: &Places<N>, nodes: &Nodes<N>, used: usize) -> Nodes<N> {
        self.block(places, [nodes], used)
    }

    /// H.
    pub(crate) fn h(
        &mut self,
        places: &Places<N>,
        left: &Nodes<N>,
        right: &Nodes<N>,
        used: usize,
    ) -> Nodes<N> {
        self.block(places, [left, right], used)
    }

    /// T_l, whose nodes [`Self::absorb`] takes one by one. They are public ones: these states are not wiped.
    pub(crate) fn compress(&self, places: &Places<N>, used: usize) -> Compression<N> {
        let mut compression = Compression { states: States::new(), at: 0, used };
        let seeds = &places.seeds[..Self::WORDS];
        seeds.iter().chain(&places.adrs).for_each(|row| self.absorb_row(&mut compression, row));
        compression
    }

    pub(crate) fn absorb(&self, compression: &mut Compression<N>, nodes: &Nodes<N>) {
        nodes.0[..Self::WORDS].iter().for_each(|row| self.absorb_row(compression, row));
    }

    fn absorb_row(&self, compression: &mut Compression<N>, row: &Row<N>) {
        for (state, word) in compression.states.0[compression.at].iter_mut().zip(row) {
            *state ^= word;
        }
        compression.at += 1;
        if compression.at == RATE_WORDS {
            self.lanes.permute(&mut compression.states, compression.used);
            compression.at = 0;
        }
    }

    pub(crate) fn finish(&self, mut compression: Compression<N>) -> Nodes<N> {
        let rows = &mut compression.states.0;
        rows[compression.at].iter_mut().for_each(|word| *word ^= DOMAIN);
        rows[RATE_WORDS - 1].iter_mut().for_each(|word| *word ^= LAST);
        self.lanes.permute(&mut compression.states, compression.used);
        Self::squeeze(&compression.states)
    }
}
