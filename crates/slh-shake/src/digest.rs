//! The message digest (FIPS 205 §9.2, algorithm 19, lines 5 to 10), which chooses a FORS key and
//! the leaves that are shown.

use crate::hash::shake256;
use crate::params::ParameterSet;
use alloc::vec::Vec;
use core::marker::PhantomData;

/// A leaf of a layer of the hypertree: idx_tree and idx_leaf.
#[derive(Clone, Copy)]
pub(crate) struct Idx {
    pub(crate) tree: u64,
    pub(crate) leaf: u32,
}

impl Idx {
    /// The leaf of the layer above, which signs this one's tree (algorithm 12, lines 7 and 8).
    pub(crate) fn above<P: ParameterSet>(self) -> Self {
        Self { tree: self.tree >> P::H_PRIME, leaf: (self.tree & ((1 << P::H_PRIME) - 1)) as u32 }
    }
}

/// The FORS key that signs, and the leaf of each of its trees that is shown. Both are public, since
/// the signature's R is.
pub(crate) struct Digest<P> {
    /// The leaf of layer 0 that signs the FORS key.
    pub(crate) idx: Idx,
    pub(crate) fors_indices: Vec<u32>,
    set: PhantomData<P>,
}

impl<P: ParameterSet> Digest<P> {
    /// The digest of R, PK.seed ‖ PK.root, and the parts of M'.
    pub(crate) fn new(randomizer: &[u8], public_key: &[u8], message: &[&[u8]]) -> Self {
        let parts: Vec<&[u8]> = [randomizer, public_key].into_iter().chain(message.iter().copied()).collect();
        let mut digest = alloc::vec![0; P::M];
        shake256(&parts, &mut digest);
        Self::of(&digest)
    }

    /// The digest from the m bytes that H_msg gives.
    pub(crate) fn of(digest: &[u8]) -> Self {
        let (md, rest) = digest.split_at((P::K * P::A).div_ceil(8));
        let (tree, leaf) = rest.split_at((P::H - P::H_PRIME).div_ceil(8));
        // toInt (algorithm 2), modulo a power of two.
        let number = |bytes: &[u8], bits: usize| {
            bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)) & u64::MAX >> (64 - bits)
        };
        Self {
            idx: Idx { tree: number(tree, P::H - P::H_PRIME), leaf: number(leaf, P::H_PRIME) as u32 },
            fors_indices: base_2b(md, P::A, P::K),
            set: PhantomData,
        }
    }
}

/// `count` numbers of `bits` bits each, the highest first (algorithm 4, `base_2b`).
fn base_2b(bytes: &[u8], bits: usize, count: usize) -> Vec<u32> {
    let bit = |at: usize| u32::from(bytes[at / 8] >> (7 - at % 8) & 1);
    (0..count).map(|i| (i * bits..(i + 1) * bits).fold(0, |number, at| number << 1 | bit(at))).collect()
}
