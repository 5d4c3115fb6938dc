//! What each replica's evidence answers to: a digest of the messages before it.

use super::message::Hello;
use crate::evidence::Evidence;
use sha2::{Digest, Sha256};
use strongroom::key::EncapsulationKey;

/// SHA-256 of what the donor's evidence answers to.
pub(super) fn of_offer(hello: &Hello, handoff: &[u8; 32], key: &EncapsulationKey) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"strongroom/handoff/1 offer\0")
        .chain_update(hello.nonce.0)
        .chain_update(handoff)
        .chain_update(key.as_bytes())
        .finalize()
        .into()
}

/// SHA-256 of what the joiner's evidence answers to: all before it, and the donor's report, which binds what the donor said.
pub(super) fn of_request(offer: &[u8; 32], donor: &Evidence) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"strongroom/handoff/1 request\0")
        .chain_update(offer)
        .chain_update(donor.report.as_bytes())
        .finalize()
        .into()
}
