//! The vault's root secret, made or imported once, sealed to the platform, and turned into every other key; and the platform
//! itself, asked to vouch for the code that holds it.
//!
//! This crate is where devices and key stores are touched: dstack's agent, the kernel's configfs-tsm, a Nitro enclave's Secure Module, the services of the
//! platforms' makers. A root is sealed by one [`Sealer`]: under a key of dstack's or of an AMD processor's, under a
//! passphrase, or by a PKCS#11 token; or it is kept in memory alone, or in the clear, which is said wherever it is shown. It refuses to overwrite a root, to import a key over a generated root, to start from a root file that does not fit or was sealed otherwise than
//! it is told, and to take another platform than the one that was asked for.

mod access;
pub mod collateral;
mod platform;
mod root;
mod root_file;
mod sealer;
mod storage;
mod tls_key;

pub use access::Entitled;
pub use platform::{Choice, Dstack, Nitro, Places, Platform, PlatformError, SecureModule, Tsm};
pub use root::{Root, VaultId};
pub use root_file::{Opened, RootError, open, open_or_create, parse};
pub use sealer::{
    DerivedKeys, DstackSealer, PassphraseSealer, Pkcs11Sealer, PlainSealer, Sealer, SealerError,
    SevSnpSealer, TokenError,
};
pub use storage::Keeper;
pub use tls_key::TlsKey;
