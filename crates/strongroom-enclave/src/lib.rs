//! The vault's root secret: made or imported once, sealed to the platform, and turned into every other key.
//!
//! This crate is where devices and key stores are touched. Today there is one platform, `none`, and one
//! sealer, `plain`, which keeps the root in the clear and says so. It refuses to overwrite a root, to import a
//! key over a generated root, and to start from a root file that does not fit.

mod platform;
mod root;
mod sealed_root;

pub use platform::Platform;
pub use root::{Root, VaultId};
pub use sealed_root::{Opened, RootError, Sealer, open_or_create, parse};
