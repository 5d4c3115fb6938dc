//! What every back end does: Keccak-f\[1600\] (FIPS 202 §3.4) of several states at once.

use super::states::{HASH_ROWS, States};
use crate::address::Places;
use crate::block::{fill, squeeze};
use crate::node::Nodes;
use crate::params::ParameterSet;

/// A way to permute `LANES` states at once.
pub(crate) trait Lanes<const LANES: usize>: Copy + Send + Sync {
    /// Keccak-p\[1600, 24\] of the first `used` states, of which there is at least one: of the result the first `ROWS` rows. What the other
    /// rows and states are afterwards is open.
    fn permute<const ROWS: usize>(self, states: &mut States<LANES>, used: usize);

    /// The hash of `node`, and of one more, in its place. Back ends do all of it in one function that has their vectors: what is stored in
    /// halves and loaded whole waits for the store.
    #[inline(always)]
    fn hash<P: ParameterSet, const M: usize>(
        self,
        states: &mut States<LANES>,
        places: &Places<LANES>,
        node: &mut Nodes<LANES>,
        more: [&Nodes<LANES>; M],
        used: usize,
    ) {
        fill::<P, LANES, M>(states, places, node, more);
        self.permute::<HASH_ROWS>(states, used);
        squeeze::<P, LANES>(states, node);
    }
}
