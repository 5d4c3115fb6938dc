//! Nodes: the n bytes that FIPS 205 hashes, signs and shows, as whole 64-bit words.

use crate::lanes::Row;
use crate::params::ParameterSet;
use zeroize::Zeroize;

/// n bytes as little-endian words, of which the first n/8 count.
pub(crate) type Node = [u64; 4];

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

/// A node in each of `LANES` lanes, word by word.
#[derive(Clone)]
pub(crate) struct Nodes<const LANES: usize>(pub(crate) [Row<LANES>; 4]);

impl<const LANES: usize> Nodes<LANES> {
    pub(crate) fn from_fn(mut node: impl FnMut(usize) -> Node) -> Self {
        let mut nodes = Self([[0; LANES]; 4]);
        for lane in 0..LANES {
            nodes.put(lane, &node(lane));
        }
        nodes
    }

    pub(crate) fn lane(&self, lane: usize) -> Node {
        self.0.map(|row| row[lane])
    }

    #[inline(never)]
    pub(crate) fn put(&mut self, lane: usize, node: &Node) {
        for (row, word) in self.0.iter_mut().zip(node) {
            row[lane] = *word;
        }
    }
}

impl<const LANES: usize> Zeroize for Nodes<LANES> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}
