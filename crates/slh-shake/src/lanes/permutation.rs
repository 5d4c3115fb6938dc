//! The trait of the back ends: Keccak-f\[1600\] (FIPS 202 §3.4) of several states at once.

use super::states::{HASH_ROWS, States};
use crate::address::Places;
use crate::block::{fill, squeeze};
use crate::node::Nodes;
use crate::params::ParameterSet;

/// A way to permute `LANES` states at once.
pub(crate) trait Lanes<const LANES: usize>: Copy + Send + Sync {
    /// Applies Keccak-p\[1600, 24\] to the first `used` states, at least one. Only the first `ROWS`
    /// rows of the result are defined, and nothing of the other states.
    fn permute<const ROWS: usize>(self, states: &mut States<LANES>, used: usize);

    /// Replaces `node` by the hash of itself and of `more`. Back ends do all of it in one function
    /// that has their vector instructions, since loading a whole vector that was stored in halves
    /// has to wait for the store.
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
