//! One block of SHAKE256 (FIPS 202 §6.2): its rate and padding, and hashes so short that one block
//! holds all of them.

use crate::address::Places;
use crate::lanes::States;
use crate::node::Nodes;
use crate::params::ParameterSet;

/// Words of SHAKE256's rate.
pub(crate) const RATE_WORDS: usize = 17;
/// SHAKE's domain separation and the first bit of the padding (FIPS 202 §6.2).
pub(crate) const DOMAIN: u64 = 0x1F;
/// The last bit of the padding, at the end of the rate.
pub(crate) const LAST: u64 = 1 << 63;

/// Fills the states of hashes that fit in one block: PK.seed ‖ ADRS ‖ nodes, and the padding.
#[inline(always)]
pub(crate) fn fill<P: ParameterSet, const LANES: usize, const M: usize>(
    states: &mut States<LANES>,
    places: &Places<LANES>,
    node: &Nodes<LANES>,
    more: [&Nodes<LANES>; M],
) {
    let (rows, words) = (&mut states.0, P::N / 8);
    rows[..words].copy_from_slice(&places.seeds[..words]);
    rows[words..words + 4].copy_from_slice(&places.adrs);
    rows[words + 4..2 * words + 4].copy_from_slice(&node.0[..words]);
    for (i, node) in more.into_iter().enumerate() {
        let at = (2 + i) * words + 4;
        rows[at..at + words].copy_from_slice(&node.0[..words]);
    }
    let end = (2 + M) * words + 4;
    rows[end..].fill([0; LANES]);
    rows[end] = [DOMAIN; LANES];
    rows[RATE_WORDS - 1].iter_mut().for_each(|word| *word ^= LAST);
}

/// Takes the hashes out of the permuted states.
#[inline(always)]
pub(crate) fn squeeze<P: ParameterSet, const LANES: usize>(states: &States<LANES>, node: &mut Nodes<LANES>) {
    node.0[..P::N / 8].copy_from_slice(&states.0[..P::N / 8]);
}
