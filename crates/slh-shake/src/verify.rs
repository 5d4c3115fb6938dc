//! Verification (FIPS 205 §9.3), of several signatures side by side.

use crate::address::{Adrs, AdrsType, Places};
use crate::digest::{Digest, Idx};
use crate::hash::Hasher;
use crate::lanes::Lanes;
use crate::node::{Node, Nodes, node_from_bytes};
use crate::params::{ParameterSet, RawClaim, W};
use crate::wots::{Chain, digits};
use alloc::vec::Vec;

/// A signature that is being verified: the digest, and the nodes that it opens.
pub(crate) struct Opening<'a, P> {
    pub(crate) pk_seed: Node,
    pk_root: Node,
    pub(crate) digest: Digest<P>,
    /// SIG_FORS ‖ SIG_HT.
    nodes: &'a [u8],
}

impl<'a, P: ParameterSet> Opening<'a, P> {
    fn new(claim: &RawClaim<'a>) -> Self {
        let RawClaim { public_key, message, signature } = *claim;
        let (pk_seed, pk_root) = public_key.split_at(P::N);
        let (randomizer, nodes) = signature.split_at(P::N);
        Self {
            pk_seed: node_from_bytes(pk_seed),
            pk_root: node_from_bytes(pk_root),
            digest: Digest::new(randomizer, public_key, &message),
            nodes,
        }
    }

    pub(crate) fn node(&self, at: usize) -> Node {
        node_from_bytes(&self.nodes[at * P::N..(at + 1) * P::N])
    }
}

/// Algorithm 20, `slh_verify_internal`, for each claim.
pub(crate) fn slh_verify_internal<P: ParameterSet, L: Lanes<LANES>, const LANES: usize>(
    lanes: L,
    claims: &[RawClaim<'_>],
) -> Vec<bool> {
    let openings: Vec<Opening<'_, P>> = claims.iter().map(Opening::new).collect();
    let roots = Hasher::<P, L, LANES>::new(lanes).roots_from_sigs(&openings);
    openings.iter().zip(roots).map(|(opening, root)| opening.pk_root == root).collect()
}

impl<P: ParameterSet, L: Lanes<LANES>, const LANES: usize> Hasher<P, L, LANES> {
    /// The PK.root that follows from each signature: first the FORS public key, then layer by layer
    /// the root that signs it (algorithm 13, `ht_verify`).
    fn roots_from_sigs(&mut self, openings: &[Opening<'_, P>]) -> Vec<Node> {
        let mut nodes = self.fors_pks_from_sigs(openings);
        let mut places: Vec<Idx> = openings.iter().map(|opening| opening.digest.idx).collect();
        for layer in 0..P::D {
            let at = P::K * (P::A + 1) + layer * (P::LEN + P::H_PRIME);
            nodes = self.wots_pks_from_sigs(openings, layer as u32, &places, &nodes, at);
            nodes = self.xmss_pks_from_sigs(openings, layer as u32, &places, &nodes, at + P::LEN);
            places.iter_mut().for_each(|place| *place = place.above::<P>());
        }
        nodes
    }

    /// Algorithm 8, `wots_pkFromSig`, for each opening, whose nodes begin at `at`. The chains of
    /// all openings share the lanes.
    fn wots_pks_from_sigs(
        &mut self,
        openings: &[Opening<'_, P>],
        layer: u32,
        places: &[Idx],
        messages: &[Node],
        at: usize,
    ) -> Vec<Node> {
        let mut chains = Vec::with_capacity(openings.len() * P::LEN);
        for ((opening, place), message) in openings.iter().zip(places).zip(messages) {
            let adrs = Adrs::new(layer, place.tree).of(AdrsType::WotsHash, place.leaf);
            chains.extend(digits::<P>(message).enumerate().map(|(i, digit)| Chain {
                seed: opening.pk_seed,
                adrs: adrs.chain(i as u32, digit),
                steps: W - 1 - digit,
                value: opening.node(at + i),
            }));
        }
        self.finish_chains(&mut chains);
        let ends: Vec<Node> = chains.into_iter().map(|chain| chain.value).collect();
        let place = |i: usize| Adrs::new(layer, places[i].tree).of(AdrsType::WotsPk, places[i].leaf);
        self.compress_each(openings, P::LEN, place, &ends)
    }

    /// Algorithm 11, `xmss_pkFromSig`, lines 8 to 18, for each opening.
    fn xmss_pks_from_sigs(
        &mut self,
        openings: &[Opening<'_, P>],
        layer: u32,
        places: &[Idx],
        leaves: &[Node],
        at: usize,
    ) -> Vec<Node> {
        let mut roots = Vec::with_capacity(openings.len());
        for start in (0..openings.len()).step_by(LANES) {
            let used = LANES.min(openings.len() - start);
            let of = |lane: usize| start + lane.min(used - 1);
            let tree = |lane| {
                (openings[of(lane)].pk_seed, Adrs::new(layer, places[of(lane)].tree).of(AdrsType::Tree, 0))
            };
            let index = |lane| places[of(lane)].leaf;
            let sibling = |lane, z: u32| openings[of(lane)].node(at + z as usize);
            let nodes = Nodes::from_fn(|lane| leaves[of(lane)]);
            let found = self.roots_from_paths(nodes, P::H_PRIME as u32, tree, index, sibling, used);
            roots.extend((0..used).map(|lane| found.lane(lane)));
        }
        roots
    }

    /// T_l of `l` nodes for each opening. The openings share the lanes.
    pub(crate) fn compress_each(
        &mut self,
        openings: &[Opening<'_, P>],
        l: usize,
        place: impl Fn(usize) -> Adrs,
        nodes: &[Node],
    ) -> Vec<Node> {
        let mut compressed = Vec::with_capacity(openings.len());
        for start in (0..openings.len()).step_by(LANES) {
            let used = LANES.min(openings.len() - start);
            let of = |lane: usize| start + lane.min(used - 1);
            let places = Places::from_fn(|lane| (openings[of(lane)].pk_seed, place(of(lane))));
            let mut compression = self.compress(&places, used);
            for i in 0..l {
                self.absorb(&mut compression, &Nodes::from_fn(|lane| nodes[of(lane) * l + i]));
            }
            let found = self.finish(compression);
            compressed.extend((0..used).map(|lane| found.lane(lane)));
        }
        compressed
    }
}
