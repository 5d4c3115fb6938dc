//! Wallet backups (spec/backup.md): a wallet's JSON, sealed to the wallet's own ML-KEM key and
//! signed with its own SLH-DSA key.
//!
//! ```text
//! Archive -sign-> SignedBackup -verify-> VerifiedBackup -restore-> Archive
//! ```
//!
//! Anybody can parse a [`SignedBackup`]. It becomes a [`VerifiedBackup`] only if its owner signed
//! it, and only a verified backup can be restored.
//!
//! ```
//! use strongroom::backup::{Archive, Keys, Position, SignedBackup, UserId};
//! use strongroom::mnemonic::Mnemonic;
//! # let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
//!
//! let words = "legal winner thank year wave sausage worth useful legal winner thank yellow";
//! let keys = Keys::strongroom(&Mnemonic::parse(words, "")?, 0);
//! let archive = Archive::from_json(br#"{"accounts":[]}"#)?;
//! let first = Position::first(UserId::of_owner(keys.public_key().owner()));
//! let text = archive.sign(&keys, &first, 1_800_000_000, &mut rng).to_json();
//!
//! let verified = SignedBackup::from_json(text.as_bytes())?.verify(&keys.public_key())?;
//! assert_eq!(verified.restore(&keys)?.archive.sha256(), archive.sha256());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
mod compatible;
mod dated;
mod keys;
mod native;
mod restore_error;
mod signed;
mod statement;
#[cfg(test)]
mod tests;
mod user_id;
mod verified;

pub use archive::{Archive, ArchiveError, UnixSeconds};
pub use compatible::{CapsuleKem, PayloadCipher};
pub use dated::{DateOrder, DatedMessage};
pub use keys::Keys;
pub use restore_error::RestoreError;
pub use signed::{BackupContent, SignedBackup, SignedBackupError};
pub use statement::{BackupStatement, BackupStatementError, MAX_COUNTER, Position};
pub use user_id::{UserId, UserIdError};
pub use verified::{Restored, VerifiedBackup, VerifyError};
