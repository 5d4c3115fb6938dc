//! Signing in: with a wallet for one act (EIP-4361; spec/sign-in.md), or with an SLH-DSA key for a
//! session (spec/sign-in.md#sessions). Statements are read strictly, and checked in one order.
//!
//! A [`SignedIn`] or a [`SessionRequest`] still has its nonce to be spent, which takes a store.

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
