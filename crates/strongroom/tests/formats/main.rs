//! `testdata/formats/`: vectors of keys, payloads, backups and statements, walked by this and by
//! the reader in `testdata/reader/`.

mod backups;
mod derivations;
mod keys;
mod sign_in;
mod w3pk;
