//! Signing in with Ethereum (EIP-4361): strict to read, verified in one order, for one act
//! (spec/access.md, "Signing in"); and with an SLH-DSA key, for a session (spec/backup.md §4).
//!
//! The nonce is not spent here: that takes a store. A [`SignedIn`], or a [`SessionRequest`], is what this module can know.

mod account;
mod act;
mod date_time;
mod draft;
mod grammar;
mod origin;
mod statement;
mod verify;

pub use account::Account;
pub use act::Act;
pub use date_time::DateTime;
pub use draft::Draft;
pub use grammar::SignInStatementError;
pub use origin::{Origin, OriginError};
pub use statement::{MAX_RESOURCES, MAX_STATEMENT_BYTES, SignInStatement, SlhDsaStatement, WalletStatement};
pub use verify::{CLOCK_SKEW, NONCE_LIFETIME, Rules, SessionRequest, SignInError, SignedIn};
