//! Merkle trees of XMSS (FIPS 205 §6) and FORS (§8).

use crate::address::{Adrs, Places};
use crate::hash::Hasher;
use crate::lanes::Lanes;
use crate::node::{Node, Nodes};
use crate::params::ParameterSet;
use alloc::vec::Vec;

/// A tree of a layer or of a FORS key, by its place and height.
#[derive(Clone, Copy)]
pub(crate) struct Tree {
    pub(crate) pk_seed: Node,
    /// The tree's address, with its type, and its key pair if it has one.
    pub(crate) adrs: Adrs,
    /// The index of the first leaf; the others follow.
    pub(crate) first_leaf: u32,
    pub(crate) height: u32,
}

impl<P: ParameterSet, L: Lanes<LANES>, const LANES: usize> Hasher<P, L, LANES> {
    /// The root of a tree (algorithm 9, `xmss_node`, and 15, `fors_node`), and the authentication
    /// path of the leaf `of`, counted from the tree's first leaf.
    ///
    /// Each lane builds a subtree. `leaf` makes the leaves of all lanes from their indices. Then
    /// the roots of the subtrees are joined.
    pub(crate) fn root_and_path(
        &mut self,
        tree: Tree,
        of: u32,
        mut leaf: impl FnMut(&mut Self, &dyn Fn(usize) -> u32) -> Nodes<LANES>,
    ) -> (Node, Vec<Node>) {
        const {
            assert!(LANES.is_power_of_two() && LANES <= 1 << P::H_PRIME && LANES <= 1 << P::A);
        }
        let subtree_height = tree.height - LANES.trailing_zeros();
        let leaves = 1 << subtree_height;
        let (lane, row) = ((of / leaves) as usize, of % leaves);
        let mut path = alloc::vec![[0; 4]; tree.height as usize];
        // For each height, the left node that waits for its sibling.
        let mut waiting: Vec<Nodes<LANES>> = Vec::with_capacity(subtree_height as usize + 1);
        for i in 0..leaves {
            let index = |lane: usize| tree.first_leaf + lane as u32 * leaves + i;
            let mut node = leaf(self, &index);
            let mut height = 0;
            loop {
                if i >> height == row >> height ^ 1 {
                    path[height as usize] = node.lane(lane);
                }
                if i >> height & 1 == 0 {
                    break;
                }
                let mut left = waiting.pop().expect("a right node comes after its left one");
                height += 1;
                let places =
                    Places::from_fn(|lane| (tree.pk_seed, tree.adrs.node(height, index(lane) >> height)));
                self.h(&places, &mut left, &node, LANES);
                node = left;
            }
            waiting.push(node);
        }
        let subtrees = waiting.pop().expect("each lane has the root of its subtree");
        let mut roots: Vec<Node> = (0..LANES).map(|lane| subtrees.lane(lane)).collect();
        for height in subtree_height..tree.height {
            path[height as usize] = roots[(of >> height ^ 1) as usize];
            let parents = roots.len() / 2;
            let first = tree.first_leaf >> (height + 1);
            let of = |lane: usize| lane.min(parents - 1);
            let places =
                Places::from_fn(|lane| (tree.pk_seed, tree.adrs.node(height + 1, first + of(lane) as u32)));
            let mut left = Nodes::from_fn(|lane| roots[2 * of(lane)]);
            let right = Nodes::from_fn(|lane| roots[2 * of(lane) + 1]);
            self.h(&places, &mut left, &right, parents);
            roots = (0..parents).map(|lane| left.lane(lane)).collect();
        }
        (roots[0], path)
    }

    /// In each of the first `used` lanes, the root that follows from a leaf, its index and its
    /// authentication path (algorithms 11 and 17).
    pub(crate) fn roots_from_paths(
        &mut self,
        mut node: Nodes<LANES>,
        height: u32,
        tree: impl Fn(usize) -> (Node, Adrs),
        index: impl Fn(usize) -> u32,
        sibling: impl Fn(usize, u32) -> Node,
        used: usize,
    ) -> Nodes<LANES> {
        for z in 0..height {
            let places = Places::from_fn(|lane| {
                let (pk_seed, adrs) = tree(lane);
                (pk_seed, adrs.node(z + 1, index(lane) >> (z + 1)))
            });
            let is_right = |lane: usize| index(lane) >> z & 1 == 1;
            let mut left =
                Nodes::from_fn(|lane| if is_right(lane) { sibling(lane, z) } else { node.lane(lane) });
            let right =
                Nodes::from_fn(|lane| if is_right(lane) { node.lane(lane) } else { sibling(lane, z) });
            self.h(&places, &mut left, &right, used);
            node = left;
        }
        node
    }
}
