//! The sealed-root file: written once, checked at each start (spec/root.md §4).

mod error;
mod format;

pub use error::RootError;
pub use format::parse;

use crate::access::RootAccess;
use crate::root::Root;
use crate::sealer::Sealer;
use format::{Fields, MAX_FILE_BYTES, write};
use rand_core::CryptoRng;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use strongroom::key::DecapsulationKey;
use strongroom_attest::{KeyOrigin, Protection};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A root that is ready for use.
pub struct OpenedRoot {
    /// The root, from which all other keys of the vault follow.
    pub root: Root,
    /// The protection that the root has where it is kept.
    pub protection: Protection,
    /// The ML-KEM-1024 key of the root's present epoch: the imported one, or the one that follows
    /// from the root.
    pub kem_key: DecapsulationKey,
}

impl OpenedRoot {
    pub(crate) fn new(root: Root, protection: Protection, imported: Option<DecapsulationKey>) -> Self {
        let kem_key = imported.unwrap_or_else(|| root.kem_key(root.epoch()));
        Self { root, protection, kem_key }
    }
}

/// Opens the root file at `path` with `sealer`, or makes one. A new root follows from `imported`,
/// or else from `rng`, and is sealed together with `access`. File and folder are synced before this
/// returns.
///
/// # Errors
/// [`RootError`]. A root that is there is never overwritten.
pub fn open_or_create(
    path: &Path,
    sealer: &dyn Sealer,
    imported: Option<DecapsulationKey>,
    access: &RootAccess,
    rng: &mut impl CryptoRng,
) -> Result<OpenedRoot, RootError> {
    let root = open_or_create_root(path, sealer, imported.as_ref().map(Root::import), access, rng)?;
    Ok(OpenedRoot::new(root, sealer.protection(), imported))
}

/// Opens the root file at `path` to look at records. Nobody gets the root from this, so nothing is
/// said about who else may get it.
///
/// # Errors
/// [`RootError`], also where there is no file.
pub fn open(
    path: &Path,
    sealer: &dyn Sealer,
    imported: Option<DecapsulationKey>,
) -> Result<OpenedRoot, RootError> {
    let found = find(path, sealer, imported.as_ref().map(Root::import).as_ref())?;
    let found = found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    Ok(OpenedRoot::new(found.root, sealer.protection(), imported))
}

/// Makes the root file at `path` from a root that was recovered or handed over.
///
/// # Errors
/// [`RootError::OtherRoot`] where a file with another root is there; otherwise as
/// [`open_or_create`].
pub(crate) fn keep(
    path: &Path,
    sealer: &dyn Sealer,
    root: Root,
    access: &RootAccess,
    rng: &mut impl CryptoRng,
) -> Result<Root, RootError> {
    let folder = File::open(folder_of(path))?;
    folder.lock()?;
    match find_for(path, sealer, None, access)? {
        Some(found) if bool::from(found.root.expose().ct_eq(root.expose())) => Ok(found.root),
        Some(_) => Err(RootError::OtherRoot),
        None => {
            create(path, &write(&root, access, sealer, rng)?)?;
            Ok(root)
        }
    }
}

fn open_or_create_root(
    path: &Path,
    sealer: &dyn Sealer,
    wanted: Option<Root>,
    access: &RootAccess,
    rng: &mut impl CryptoRng,
) -> Result<Root, RootError> {
    if let Some(found) = find_for(path, sealer, wanted.as_ref(), access)?
        && !found.is_outdated
    {
        return Ok(found.root);
    }
    // Servers that share the file may start at once, and only one of them may write it.
    let folder = File::open(folder_of(path))?;
    folder.lock()?;
    match find_for(path, sealer, wanted.as_ref(), access)? {
        Some(found) if found.is_outdated => {
            let part = write_part(path, &write(&found.root, &found.access, sealer, rng)?)?;
            fs::rename(part, path)?;
            folder.sync_all()?;
            Ok(found.root)
        }
        Some(found) => Ok(found.root),
        None => {
            let root = wanted.unwrap_or_else(|| Root::generate(rng));
            create(path, &write(&root, access, sealer, rng)?)?;
            Ok(root)
        }
    }
}

/// The root of a file that is there.
struct FoundRoot {
    root: Root,
    /// The people and the code that it was sealed for.
    access: RootAccess,
    /// Whether the file has to be sealed again, under a newer key.
    is_outdated: bool,
}

/// As [`find`], but under a platform's key it refuses an `access` that the root was not sealed for:
/// a host could otherwise add somebody at a later start. An operator who opens the root with their
/// own secret has it anyway, so they may name anybody.
fn find_for(
    path: &Path,
    sealer: &dyn Sealer,
    wanted: Option<&Root>,
    access: &RootAccess,
) -> Result<Option<FoundRoot>, RootError> {
    let found = find(path, sealer, wanted)?;
    if sealer.protection().is_the_platforms()
        && found.as_ref().is_some_and(|found| !found.access.covers(access))
    {
        return Err(RootError::NotEntitled);
    }
    Ok(found)
}

fn find(path: &Path, sealer: &dyn Sealer, wanted: Option<&Root>) -> Result<Option<FoundRoot>, RootError> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    let (root, access) = parse(&bytes, sealer)?;
    match (wanted, root.origin()) {
        (Some(wanted), _) if !bool::from(wanted.expose().ct_eq(root.expose())) => {
            return Err(RootError::ImportOverRoot);
        }
        (None, KeyOrigin::Imported) => return Err(RootError::KeysNotConfigured),
        _ => {}
    }
    let is_outdated = sealer.is_outdated(Fields::of(&bytes)?.data);
    Ok(Some(FoundRoot { root, access, is_outdated }))
}

/// The bytes of the file, or `None` where there is none. Of a file that is too long, it reads one
/// byte more than the format takes.
fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    match File::open(path) {
        Ok(file) => {
            let mut bytes = Zeroizing::new(Vec::with_capacity(256));
            file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the file under another name and links it into place. A crash leaves a whole file or none,
/// and a file that another server has made in the meantime stays.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = write_part(path, bytes)?;
    let linked = fs::hard_link(&part, path);
    fs::remove_file(part)?;
    linked?;
    File::open(folder_of(path))?.sync_all()
}

/// Writes and syncs a file next to the one at `path`, under the same name and `.part`.
fn write_part(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    // After a crash, this name may be a link to the root file itself, so it is unlinked and never
    // written to.
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(part)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests;
