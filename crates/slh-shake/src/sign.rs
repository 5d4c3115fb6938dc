//! Key generation and signing (FIPS 205 §9.1 and §9.2).
//!
//! The digest determines all trees of a signature: K FORS trees, and one XMSS tree of each layer.
//! They are built independently, one after the other or on several threads. Then they are put
//! together from the bottom to the top, where each layer signs the root below it.

use crate::address::{Adrs, AdrsType};
use crate::digest::{Digest, Idx};
use crate::hash::{Hasher, shake256};
use crate::lanes::Lanes;
use crate::node::{Node, Nodes, node_from_bytes, node_to_bytes};
use crate::params::{ParameterSet, W};
use crate::tree::Tree;
use crate::wots::digits;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroUsize;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// The seeds from which secret values follow, in every lane; wiped on drop.
#[derive(ZeroizeOnDrop)]
pub(crate) struct Secrets<const LANES: usize> {
    #[zeroize(skip)]
    pub(crate) pk_seed: Node,
    pub(crate) sk_seed: Nodes<LANES>,
}

impl<const LANES: usize> Secrets<LANES> {
    /// Boxed and filled in place, since moving the value would leave a copy behind.
    fn new(sk_seed: &[u8], pk_seed: &[u8]) -> Box<Self> {
        let mut secrets =
            Box::new(Self { pk_seed: node_from_bytes(pk_seed), sk_seed: Nodes::from_fn(|_| [0; 4]) });
        let node = Zeroizing::new(node_from_bytes(sk_seed));
        (0..LANES).for_each(|lane| secrets.sk_seed.put(lane, &node));
        secrets
    }
}

/// A tree that was opened at one leaf: its root, the leaf's authentication path, and the values of
/// the leaf that are shown or chosen from. They are secret until the signature is published.
pub(crate) struct Opened {
    pub(crate) root: Node,
    pub(crate) path: Vec<Node>,
    pub(crate) shown: Zeroizing<Vec<Node>>,
}

impl<P: ParameterSet, L: Lanes<LANES>, const LANES: usize> Hasher<P, L, LANES> {
    /// Opens the XMSS tree of a layer at a leaf (algorithm 10, `xmss_sign`). All values of the
    /// leaf's chains are kept, since it is not known yet which of them the signature will show
    /// (algorithm 7, `wots_sign`: one of each chain).
    fn xmss_open(&mut self, secrets: &Secrets<LANES>, layer: u32, idx: Idx) -> Opened {
        let mut shown = Zeroizing::new(alloc::vec![[0; 4]; P::LEN * W as usize]);
        let (root, path) = self.xmss_tree(secrets, layer, idx, |lane, chain, step, values| {
            shown[chain * W as usize + step] = values.lane(lane);
        });
        Opened { root, path, shown }
    }

    /// The root of an XMSS tree, and the authentication path of a leaf. `show` is called with the
    /// leaf's lane and the values of its chains.
    fn xmss_tree(
        &mut self,
        secrets: &Secrets<LANES>,
        layer: u32,
        idx: Idx,
        mut show: impl FnMut(usize, usize, usize, &Nodes<LANES>),
    ) -> (Node, Vec<Node>) {
        let adrs = Adrs::new(layer, idx.tree);
        let place = Tree {
            pk_seed: secrets.pk_seed,
            adrs: adrs.of(AdrsType::Tree, 0),
            first_leaf: 0,
            height: P::H_PRIME as u32,
        };
        self.root_and_path(place, idx.leaf, |hasher, index| {
            let pk_seed = &secrets.pk_seed;
            match (0..LANES).find(|&lane| index(lane) == idx.leaf) {
                None => hasher.wots_pk_gen(pk_seed, &secrets.sk_seed, adrs, index, |_, _, _| {}),
                Some(lane) => {
                    hasher.wots_pk_gen(pk_seed, &secrets.sk_seed, adrs, index, |chain, step, values| {
                        show(lane, chain, step, values);
                    })
                }
            }
        })
    }

    /// Opens a tree of a signature. The numbers are those of the layers from the lowest on, then
    /// those of the FORS trees.
    fn open(&mut self, secrets: &Secrets<LANES>, digest: &Digest<P>, number: usize) -> Opened {
        match number.checked_sub(P::D) {
            Some(number) => self.fors_open(secrets, digest, number as u32),
            None => {
                let idx = (0..number).fold(digest.idx, |idx, _| idx.above::<P>());
                self.xmss_open(secrets, number as u32, idx)
            }
        }
    }
}

/// PK.root (algorithm 18, `slh_keygen_internal`, line 3): the root of the top layer's one tree.
pub(crate) fn pk_root<P: ParameterSet, L: Lanes<LANES>, const LANES: usize>(
    lanes: L,
    sk_seed: &[u8],
    pk_seed: &[u8],
) -> Vec<u8> {
    let secrets = Secrets::<LANES>::new(sk_seed, pk_seed);
    let any = Idx { tree: 0, leaf: 0 };
    let mut hasher = Hasher::<P, _, LANES>::new(lanes);
    let (root, _) = hasher.xmss_tree(&secrets, P::D as u32 - 1, any, |_, _, _, _| {});
    node_to_bytes::<P>(&root).collect()
}

/// Algorithm 19, `slh_sign_internal`. `private_key` is SK.seed ‖ SK.prf ‖ PK.seed ‖ PK.root;
/// `opt_rand` is PK.seed or n random bytes.
pub(crate) fn slh_sign_internal<P: ParameterSet, L: Lanes<LANES>, const LANES: usize>(
    lanes: L,
    private_key: &[u8],
    message: &[&[u8]],
    opt_rand: &[u8],
    threads: NonZeroUsize,
) -> Vec<u8> {
    let (sk_prf, public_key) = private_key[P::N..].split_at(P::N);
    let parts: Vec<&[u8]> = [sk_prf, opt_rand].into_iter().chain(message.iter().copied()).collect();
    let mut signature = alloc::vec![0; P::N];
    signature.reserve_exact(P::SIGNATURE_BYTES - P::N);
    shake256(&parts, &mut signature);
    let digest = Digest::new(&signature, public_key, message);
    sign_digest::<P, L, LANES>(lanes, private_key, &digest, threads, &mut signature);
    signature
}

/// Algorithm 19 from line 11 on: SIG_FORS ‖ SIG_HT, the latter by algorithm 12, `ht_sign`.
pub(crate) fn sign_digest<P: ParameterSet, L: Lanes<LANES>, const LANES: usize>(
    lanes: L,
    private_key: &[u8],
    digest: &Digest<P>,
    threads: NonZeroUsize,
    signature: &mut Vec<u8>,
) {
    let (sk_seed, pk_seed) = (&private_key[..P::N], &private_key[2 * P::N..3 * P::N]);
    let trees = each(P::D + P::K, threads, || {
        let (secrets, mut hasher) =
            (Secrets::<LANES>::new(sk_seed, pk_seed), Hasher::<P, _, LANES>::new(lanes));
        move |number| hasher.open(&secrets, digest, number)
    });
    let (layers, fors) = trees.split_at(P::D);
    let mut write = |nodes: &[Node]| nodes.iter().for_each(|node| signature.extend(node_to_bytes::<P>(node)));
    for tree in fors {
        write(&tree.shown);
        write(&tree.path);
    }
    let roots = fors.iter().map(|tree| tree.root);
    let mut signed = Hasher::<P, _, LANES>::new(lanes).fors_pk(&node_from_bytes(pk_seed), digest, roots);
    for tree in layers {
        for (chain, digit) in digits::<P>(&signed).enumerate() {
            write(&[tree.shown[chain * W as usize + digit as usize]]);
        }
        write(&tree.path);
        signed = tree.root;
    }
}

/// Calls a worker with each number below `count` on up to `threads` threads. The results are in the
/// order of the numbers.
fn each<T: Send, F: FnMut(usize) -> T>(
    count: usize,
    threads: NonZeroUsize,
    worker: impl Fn() -> F + Sync,
) -> Vec<T> {
    #[cfg(feature = "threads")]
    if threads.get() > 1 {
        use core::sync::atomic::{AtomicUsize, Ordering};
        let next = AtomicUsize::new(0);
        let work = || {
            let mut worker = worker();
            let numbers = core::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
            numbers
                .take_while(|&number| number < count)
                .map(|number| (number, worker(number)))
                .collect::<Vec<_>>()
        };
        let mut made = std::thread::scope(|scope| {
            // There are no more threads than numbers. If no thread can be started, this one does
            // all of the work.
            let others: Vec<_> = (1..threads.get().min(count))
                .map_while(|_| std::thread::Builder::new().spawn_scoped(scope, work).ok())
                .collect();
            let mut made = work();
            for other in others {
                made.extend(other.join().expect("signing does not panic"));
            }
            made
        });
        made.sort_unstable_by_key(|(number, _)| *number);
        return made.into_iter().map(|(_, made)| made).collect();
    }
    let _ = threads;
    (0..count).map(worker()).collect()
}
