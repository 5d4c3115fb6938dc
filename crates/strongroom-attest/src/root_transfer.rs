//! The messages that move a vault's root, and the checks that each of them passes first.

pub mod handoff;
pub mod recovery;
pub mod release_statement;
pub mod root_envelope;
