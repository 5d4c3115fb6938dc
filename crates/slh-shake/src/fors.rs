//! FORS (FIPS 205 §8): K trees. A signature shows the secret value of one leaf of each.

use crate::address::{Adrs, AdrsType, Places};
use crate::digest::{Digest, Idx};
use crate::hash::Hasher;
use crate::lanes::Lanes;
use crate::node::{Node, Nodes};
use crate::params::ParameterSet;
use crate::sign::{Opened, Secrets};
use crate::tree::Tree;
use crate::verify::Opening;
use alloc::vec::Vec;
use zeroize::Zeroizing;

impl<P: ParameterSet, L: Lanes<LANES>, const LANES: usize> Hasher<P, L, LANES> {
    /// The secret values of `LANES` leaves (algorithm 14, `fors_skGen`).
    fn fors_sk_gen(
        &mut self,
        secrets: &Secrets<LANES>,
        digest: &Digest<P>,
        index: &dyn Fn(usize) -> u32,
    ) -> Nodes<LANES> {
        let adrs = Adrs::new(0, digest.idx.tree).of(AdrsType::ForsPrf, digest.idx.leaf);
        let places = Places::from_fn(|lane| (secrets.pk_seed, adrs.node(0, index(lane))));
        let mut values = secrets.sk_seed.clone();
        self.prf(&places, &mut values);
        values
    }

    /// Opens one of the K trees at the leaf that the digest names (algorithm 16, `fors_sign`, lines
    /// 4 to 9).
    pub(crate) fn fors_open(&mut self, secrets: &Secrets<LANES>, digest: &Digest<P>, number: u32) -> Opened {
        let adrs = Adrs::new(0, digest.idx.tree).of(AdrsType::ForsTree, digest.idx.leaf);
        let first_leaf = number << P::A;
        let tree = Tree { pk_seed: secrets.pk_seed, adrs, first_leaf, height: P::A as u32 };
        let of = digest.fors_indices[number as usize];
        let mut shown = Zeroizing::new(Vec::with_capacity(1));
        let (root, path) = self.root_and_path(tree, of, |hasher, index| {
            let mut values = hasher.fors_sk_gen(secrets, digest, index);
            shown.extend(
                (0..LANES).find(|&lane| index(lane) == first_leaf + of).map(|lane| values.lane(lane)),
            );
            let places = Places::from_fn(|lane| (secrets.pk_seed, adrs.node(0, index(lane))));
            // The leaves overwrite the secrets.
            hasher.f(&places, &mut values, LANES);
            values
        });
        Opened { root, path, shown }
    }

    /// The FORS public key of these roots (the end of algorithm 17, `fors_pkFromSig`).
    pub(crate) fn fors_pk(
        &mut self,
        pk_seed: &Node,
        digest: &Digest<P>,
        roots: impl Iterator<Item = Node>,
    ) -> Node {
        let adrs = Adrs::new(0, digest.idx.tree).of(AdrsType::ForsRoots, digest.idx.leaf);
        let mut compression = self.compress(&Places::from_fn(|_| (*pk_seed, adrs)), 1);
        roots.for_each(|root| self.absorb(&mut compression, &Nodes::from_fn(|_| root)));
        self.finish(compression).lane(0)
    }

    /// The FORS public keys that follow from signatures (algorithm 17, `fors_pkFromSig`). The trees
    /// of all signatures share the lanes.
    pub(crate) fn fors_pks_from_sigs(&mut self, openings: &[Opening<'_, P>]) -> Vec<Node> {
        let count = openings.len() * P::K;
        let mut roots = Vec::with_capacity(count);
        for start in (0..count).step_by(LANES) {
            let used = LANES.min(count - start);
            // Lanes without a tree repeat the last one.
            let of = |lane: usize| {
                let at = start + lane.min(used - 1);
                (&openings[at / P::K], at % P::K)
            };
            let index = |lane: usize| {
                let (opening, number) = of(lane);
                ((number as u32) << P::A) + opening.digest.fors_indices[number]
            };
            let tree = |lane: usize| {
                let Opening { pk_seed, digest, .. } = of(lane).0;
                (*pk_seed, Adrs::new(0, digest.idx.tree).of(AdrsType::ForsTree, digest.idx.leaf))
            };
            let node = |lane: usize, i: usize| {
                let (opening, number) = of(lane);
                opening.node(number * (P::A + 1) + i)
            };
            let places = Places::from_fn(|lane| (tree(lane).0, tree(lane).1.node(0, index(lane))));
            let mut leaves = Nodes::from_fn(|lane| node(lane, 0));
            self.f(&places, &mut leaves, used);
            let sibling = |lane, z: u32| node(lane, 1 + z as usize);
            let found = self.roots_from_paths(leaves, P::A as u32, tree, index, sibling, used);
            roots.extend((0..used).map(|lane| found.lane(lane)));
        }
        let place = |i: usize| {
            let Idx { tree, leaf } = openings[i].digest.idx;
            Adrs::new(0, tree).of(AdrsType::ForsRoots, leaf)
        };
        self.compress_each(openings, P::K, place, &roots)
    }
}
