//! `testdata/formats/`: vectors of keys, payloads, backups and statements. These tests walk them,
//! and so does the reader in `testdata/reader/`.

mod backups;
mod derivations;
mod keys;
mod sign_in;
mod w3pk;
