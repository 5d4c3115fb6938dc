//! Where a server's root stays: in a file that a sealer seals, or in memory alone.

use crate::access::RootAccess;
use crate::root::Root;
use crate::root_file::{OpenedRoot, RootError, keep, open_or_create};
use crate::sealer::Sealer;
use rand_core::CryptoRng;
use std::path::PathBuf;
use strongroom::key::DecapsulationKey;
use strongroom_attest::Protection;

/// Keeps a root.
pub enum RootStorage {
    /// The process's memory: with it the root is gone.
    Memory,
    /// A file.
    File {
        /// Which.
        path: PathBuf,
        /// Who seals it.
        sealer: Box<dyn Sealer>,
    },
}

impl RootStorage {
    /// How a root is kept here.
    #[must_use]
    pub fn protection(&self) -> Protection {
        match self {
            Self::Memory => Protection::Memory,
            Self::File { sealer, .. } => sealer.protection(),
        }
    }

    /// Whether there is a file, whatever is in it.
    #[must_use]
    pub fn has_root(&self) -> bool {
        match self {
            Self::Memory => false,
            Self::File { path, .. } => path.exists(),
        }
    }

    /// The root that is there, if it was sealed for all of those who are access now; else a new one.
    ///
    /// # Errors
    /// [`RootError`].
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
    /// [`RootError::OtherRoot`] where another is kept already; [`RootError`].
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
