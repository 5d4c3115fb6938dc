//! What each replica's evidence answers to: a digest of the messages before it.

use super::message::Hello;
use crate::evidence::Evidence;
use sha2::{Digest, Sha256};
use strongroom::key::EncapsulationKey;

/// The nonce of the donor's evidence: SHA-256 of the joiner's first message and the handoff's id.
pub(super) fn of_offer(hello: &Hello, handoff: &[u8; 32], key: &EncapsulationKey) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"strongroom/handoff/1 offer\0")
        .chain_update(hello.nonce.0)
        .chain_update(handoff)
        .chain_update(key.as_bytes())
        .finalize()
        .into()
}

/// The nonce of the joiner's evidence: SHA-256 of the donor's nonce and the donor's report, which
/// binds what the donor said.
pub(super) fn of_request(offer: &[u8; 32], donor: &Evidence) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"strongroom/handoff/1 request\0")
        .chain_update(offer)
        .chain_update(donor.report.as_bytes())
        .finalize()
        .into()
}
