//! A file for each verb: the arguments that it takes, with their help, and what it does.
#![allow(rustdoc::bare_urls, rustdoc::broken_intra_doc_links, reason = "these comments are help texts")]

pub(crate) mod attestation;
pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod decrypt;
pub(crate) mod demo;
pub(crate) mod encrypt;
pub(crate) mod inspect;
pub(crate) mod keygen;
pub(crate) mod pubkey;
pub(crate) mod rewrap;
pub(crate) mod secret;
pub(crate) mod serve;
pub(crate) mod store;
pub(crate) mod vault;
