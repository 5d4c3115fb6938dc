//! The root's whole life: the 32 bytes that every key of a vault follows from are made, kept,
//! opened, recovered and handed over here, and nowhere else. The platform that seals a root and
//! vouches for the code that holds it is asked here too.
//!
//! | file | what it is |
//! | --- | --- |
//! | `root.rs` | the root, and the keys that follow from it |
//! | `opening.rs` | the decision: open, make, wait for a recipient, or ask another replica |
//! | `storage.rs`, `root_file/` | where a root stays: in memory, or in a sealed file |
//! | `sealer/`, `sealer_choice.rs` | what a root can be sealed under, and which of these it is |
//! | `access.rs` | who else may get the root, sealed together with it |
//! | `recovery.rs`, `handoff/` | the ways in which a root comes from elsewhere |
//! | `summary.rs` | how the root is kept, in words for an operator |
//! | `platform/`, `collateral/`, `attestor.rs` | the devices that vouch, and evidence of their word |
//! | `tls_key.rs` | a TLS key that is made inside the TEE |
//!
//! It refuses:
//!
//! - to overwrite a root, or to import a key over a generated root;
//! - to make a root for a store that another root sealed;
//! - to open a damaged root file, or with another sealer than the one that was asked for;
//! - to run on another platform than the one that was asked for.

mod access;
mod attestor;
pub mod collateral;
pub mod handoff;
mod opening;
mod platform;
mod recovery;
mod root;
mod root_file;
mod sealer;
mod sealer_choice;
mod storage;
mod summary;
mod tls_key;

pub use access::RootAccess;
pub use attestor::{Attestor, timestamp};
pub use opening::{FoundStore, Opening, OpeningError, RootSource, Step, check_recipients};
pub use platform::{
    Dstack, Nitro, Platform, PlatformChoice, PlatformError, PlatformPaths, SecureModule, Tsm,
};
pub use recovery::{AwaitedRoot, BroughtRootError, recovery_envelope};
pub use root::{Root, VaultId};
pub use root_file::{OpenedRoot, RootError, open, open_or_create, parse};
pub use sealer::{
    DerivedKeys, DstackSealer, PassphraseSealer, Pkcs11Sealer, PlainSealer, Sealer, SealerError,
    SevSnpSealer, TokenError,
};
pub use sealer_choice::{
    NoSealerError, SealerChoice, SealerName, SealerNameError, SealerSettingsError, TokenKey,
};
pub use storage::RootStorage;
pub use summary::{is_insecure, recipients, summary};
pub use tls_key::TlsKey;
