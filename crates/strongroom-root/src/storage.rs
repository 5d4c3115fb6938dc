//! Where a server's root stays: in a file that a sealer seals, or only in memory.

use crate::access::RootAccess;
use crate::root::Root;
use crate::root_file::{OpenedRoot, RootError, keep, open_or_create};
use crate::sealer::Sealer;
use rand_core::CryptoRng;
use std::path::PathBuf;
use strongroom::key::DecapsulationKey;
use strongroom_attest::Protection;

/// The place where a server's root stays.
pub enum RootStorage {
    /// The process's memory. The root is gone when the process ends.
    Memory,
    /// A sealed file, `root.sealed` in a data directory.
    File {
        /// The file's path; its folder exists.
        path: PathBuf,
        /// Seals the file and opens it.
        sealer: Box<dyn Sealer>,
    },
}

impl RootStorage {
    /// The protection that a root has here, which evidence names.
    #[must_use]
    pub fn protection(&self) -> Protection {
        match self {
            Self::Memory => Protection::Memory,
            Self::File { sealer, .. } => sealer.protection(),
        }
    }

    /// Whether there is a file, whether or not it opens.
    #[must_use]
    pub fn has_root(&self) -> bool {
        match self {
            Self::Memory => false,
            Self::File { path, .. } => path.exists(),
        }
    }

    /// Opens the root that is there, or makes one. Under a platform's key, a root that is there
    /// must have been sealed for everybody in `access`.
    ///
    /// # Errors
    /// [`RootError`] where the root does not open, or cannot be written.
    pub fn open_or_create(
        &self,
        imported: Option<DecapsulationKey>,
        access: &RootAccess,
        rng: &mut impl CryptoRng,
    ) -> Result<OpenedRoot, RootError> {
        match self {
            Self::Memory => {
                let root = imported.as_ref().map(Root::import).unwrap_or_else(|| Root::generate(rng));
                Ok(OpenedRoot::new(root, Protection::Memory, imported))
            }
            Self::File { path, sealer } => open_or_create(path, &**sealer, imported, access, rng),
        }
    }

    /// Keeps a root that was recovered or handed over.
    ///
    /// # Errors
    /// [`RootError::OtherRoot`] where another root is kept already; otherwise as
    /// [`open_or_create`](Self::open_or_create).
    pub fn keep(
        &self,
        root: Root,
        access: &RootAccess,
        rng: &mut impl CryptoRng,
    ) -> Result<OpenedRoot, RootError> {
        let root = match self {
            Self::Memory => root,
            Self::File { path, sealer } => keep(path, &**sealer, root, access, rng)?,
        };
        Ok(OpenedRoot::new(root, self.protection(), None))
    }
}
