//! The messages that move a vault's root, and what each side verifies before it sends or accepts
//! one.

pub mod handoff;
pub mod recovery;
pub mod release_statement;
pub mod root_envelope;
