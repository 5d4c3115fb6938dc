//! ADRS (FIPS 205 §4.2): the 32 bytes that name the place of a hash, as the four little-endian
//! words that Keccak absorbs.

use crate::lanes::Row;
use crate::node::Node;

/// The type word of ADRS (§4.2): what a hash is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdrsType {
    WotsHash = 0,
    WotsPk = 1,
    Tree = 2,
    ForsTree = 3,
    ForsRoots = 4,
    WotsPrf = 5,
    ForsPrf = 6,
}

/// An address: layer, tree, type, and three words whose meaning depends on the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Adrs([u64; 4]);

/// Joins two big-endian 32-bit words of ADRS.
const fn words(first: u32, second: u32) -> u64 {
    first.swap_bytes() as u64 | (second.swap_bytes() as u64) << 32
}

impl Adrs {
    /// The address of a tree in a layer of the hypertree. A tree's number has 96 bits, of which the
    /// parameter sets use 64.
    pub(crate) const fn new(layer: u32, tree: u64) -> Self {
        Self([words(layer, 0), tree.swap_bytes(), 0, 0])
    }

    /// `setTypeAndClear` and `setKeyPairAddress`. Types without a key pair have 0 there.
    pub(crate) const fn of(self, kind: AdrsType, key_pair: u32) -> Self {
        Self([self.0[0], self.0[1], words(kind as u32, key_pair), 0])
    }

    /// `setChainAddress` and `setHashAddress`.
    pub(crate) const fn chain(self, chain: u32, hash: u32) -> Self {
        Self([self.0[0], self.0[1], self.0[2], words(chain, hash)])
    }

    /// `setTreeHeight` and `setTreeIndex`, which lie where a chain's words do.
    pub(crate) const fn node(self, height: u32, index: u32) -> Self {
        self.chain(height, index)
    }
}

/// PK.seed and ADRS of each of `LANES` hashes, with which their inputs begin.
#[derive(Clone)]
pub(crate) struct Places<const LANES: usize> {
    pub(crate) seeds: [Row<LANES>; 4],
    pub(crate) adrs: [Row<LANES>; 4],
}

impl<const LANES: usize> Places<LANES> {
    /// Asks for the place of each lane.
    pub(crate) fn from_fn(mut place: impl FnMut(usize) -> (Node, Adrs)) -> Self {
        let mut places = Self { seeds: [[0; LANES]; 4], adrs: [[0; LANES]; 4] };
        for lane in 0..LANES {
            let (seed, adrs) = place(lane);
            places.put(lane, &seed, adrs);
        }
        places
    }

    /// Changes the address of each lane.
    pub(crate) fn set(&mut self, mut adrs: impl FnMut(usize) -> Adrs) {
        for lane in 0..LANES {
            self.adrs.iter_mut().zip(adrs(lane).0).for_each(|(row, word)| row[lane] = word);
        }
    }

    /// Adds one to each lane's hash address. It stays below w = 16, so only the last byte of ADRS
    /// changes.
    pub(crate) fn next_hash(&mut self) {
        for word in &mut self.adrs[3] {
            *word = word.wrapping_add(1 << 56);
        }
    }

    /// Copies the place of lane `from` to lane `to`.
    pub(crate) fn copy(&mut self, from: usize, to: usize) {
        for row in self.seeds.iter_mut().chain(&mut self.adrs) {
            row[to] = row[from];
        }
    }

    /// Changes the place of one lane.
    pub(crate) fn put(&mut self, lane: usize, seed: &Node, adrs: Adrs) {
        self.seeds.iter_mut().zip(seed).for_each(|(row, word)| row[lane] = *word);
        self.adrs.iter_mut().zip(adrs.0).for_each(|(row, word)| row[lane] = word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_standards_bytes() {
        let adrs = Adrs::new(0x0102_0304, 0x1122_3344_5566_7788)
            .of(AdrsType::WotsPrf, 0x0A0B_0C0D)
            .chain(0x21, 0x31);
        let bytes: Vec<u8> = adrs.0.iter().flat_map(|word| word.to_le_bytes()).collect();
        let layer_and_tree = [1, 2, 3, 4, 0, 0, 0, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
        let rest = [0, 0, 0, 5, 0x0A, 0x0B, 0x0C, 0x0D, 0, 0, 0, 0x21, 0, 0, 0, 0x31];
        assert_eq!(bytes, [layer_and_tree, rest].concat());
        let mut places = Places::<1>::from_fn(|_| ([7; 4], adrs));
        places.next_hash();
        assert_eq!(places.adrs[3][0].to_le_bytes(), [0, 0, 0, 0x21, 0, 0, 0, 0x32]);
    }
}
