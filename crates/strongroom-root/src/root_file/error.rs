//! Why there is no root to start with.

use crate::sealer::SealerError;
use std::io;
use strongroom_attest::Protection;

/// Why a root file gives no root, or is not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// The file cannot be read or written.
    #[error("the root file cannot be read or written")]
    Io(#[from] io::Error),
    /// The bytes are not a root file, or were cut, extended or altered.
    #[error("the root file is damaged, or is not a root file")]
    Damaged,
    /// The file names a sealer, by its number, that this build does not know.
    #[error("the root file was sealed by a sealer that this build does not know (id {0})")]
    UnknownSealer(u16),
    /// The file was sealed by another sealer than the one that was asked for.
    #[error("the root is sealed as `{}`, and `{}` was asked for", .file.name(), .asked.name())]
    OtherSealer {
        /// The protection that the file names.
        file: Protection,
        /// The protection that was asked for.
        asked: Protection,
    },
    /// The key is wrong, or the file was altered. The tag does not say which.
    #[error("the root does not open: the {} is wrong, or the file was altered", key_name(*.0))]
    WrongKey(Protection),
    /// The root was sealed elsewhere, or the holder of its key does not answer or refuses.
    #[error(transparent)]
    Sealer(SealerError),
    /// `ADMIN_MLKEM_PRIVATE_KEY` was given, and the vault has a root that does not follow from it.
    #[error("this vault has a root already, and it is not the imported key's")]
    ImportOverRoot,
    /// The root is sealed under a platform's key, and somebody was named that it was not sealed
    /// for.
    #[error("this root was not sealed for everybody whom --recovery or --release-key name")]
    NotEntitled,
    /// A root was recovered or handed over, and the file holds another one.
    #[error("another root is kept here already")]
    OtherRoot,
    /// The vault was imported, and `ADMIN_MLKEM_PRIVATE_KEY` is missing.
    #[error("keys_not_configured: this vault's key was imported and is not in its data directory")]
    KeysNotConfigured,
}

/// The secret that opens a root under this protection, in words.
fn key_name(protection: Protection) -> String {
    match protection {
        Protection::Passphrase => "passphrase".to_owned(),
        other => format!("{} key", other.name()),
    }
}
