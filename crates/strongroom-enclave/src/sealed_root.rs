//! The sealed-root file: written once, checked at each start (spec/access.md, "The root").
//!
//! ```text
//! magic 8 || sealer u16 || vault_id 32 || u32 length || sealer data || u32 length || sealed bytes
//! ```

use crate::root::Root;
use rand_core::CryptoRng;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use strongroom::key::DecapsulationKey;
use strongroom_attest::KeyOrigin;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"SRROOT\0\x01";
const PLAIN: u16 = 0;
const MAX_FILE_BYTES: usize = 64 * 1024;
const ORIGIN_GENERATED: u8 = 0;
const ORIGIN_IMPORTED: u8 = 1;

/// How a root is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sealer {
    /// In the clear. Insecure: whoever reads the file reads every secret. For development.
    Plain,
}

impl Sealer {
    /// Its name in the digest of a vault's configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
        }
    }
}

/// Why there is no root.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// The file cannot be read or written.
    #[error("the root file cannot be read or written")]
    Io(#[from] io::Error),
    /// Not a root file, or cut, extended or altered.
    #[error("the root file is damaged, or is none")]
    Damaged,
    /// Sealed by something that this build does not know.
    #[error("the root file was sealed by a sealer that this build does not know (id {0})")]
    UnknownSealer(u16),
    /// `ADMIN_MLKEM_PRIVATE_KEY` was given, and the vault has another root.
    #[error("this vault has a root already, and it is not the imported key's")]
    ImportOverRoot,
    /// The vault was imported, and `ADMIN_MLKEM_PRIVATE_KEY` is missing.
    #[error("keys_not_configured: this vault's key was imported and is not in its data directory")]
    KeysNotConfigured,
}

/// A root that is ready for use.
pub struct Opened {
    /// The root.
    pub root: Root,
    /// How it is kept.
    pub sealer: Sealer,
    /// The ML-KEM-1024 key of the root's present epoch.
    pub kem_key: DecapsulationKey,
}

/// Opens the root file at `path`, or makes one: from `imported`, or from `rng`. The file and its folder are synced
/// before this returns.
///
/// # Errors
/// [`RootError`]; a root that is there is never overwritten.
pub fn open_or_create(
    path: &Path,
    imported: Option<DecapsulationKey>,
    rng: &mut impl CryptoRng,
) -> Result<Opened, RootError> {
    let (root, sealer) = open_or_create_root(path, imported.as_ref().map(Root::import), rng)?;
    let kem_key = imported.unwrap_or_else(|| root.kem_key(root.epoch()));
    Ok(Opened { root, sealer, kem_key })
}

fn open_or_create_root(
    path: &Path,
    wanted: Option<Root>,
    rng: &mut impl CryptoRng,
) -> Result<(Root, Sealer), RootError> {
    if let Some(found) = open(path, wanted.as_ref())? {
        return Ok(found);
    }
    // Servers that share the file may start at once: one makes it.
    let folder = File::open(folder_of(path))?;
    folder.lock()?;
    if let Some(found) = open(path, wanted.as_ref())? {
        return Ok(found);
    }
    let root = wanted.unwrap_or_else(|| Root::generate(rng));
    create(path, &write(&root))?;
    Ok((root, Sealer::Plain))
}

/// The root of a file that is there.
fn open(path: &Path, wanted: Option<&Root>) -> Result<Option<(Root, Sealer)>, RootError> {
    match File::open(path) {
        Ok(file) => {
            let mut bytes = Zeroizing::new(Vec::with_capacity(256));
            file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
            let (root, sealer) = parse(&bytes)?;
            match (wanted, root.origin()) {
                (Some(wanted), _) if !bool::from(wanted.expose().ct_eq(root.expose())) => {
                    Err(RootError::ImportOverRoot)
                }
                (None, KeyOrigin::Imported) => Err(RootError::KeysNotConfigured),
                _ => Ok(Some((root, sealer))),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Written under another name and linked into place, so that a crash leaves a whole file or none, and a file that
/// has come meanwhile stays.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".part");
    let temporary = Path::new(&temporary);
    // What a crash left under this name may be the root file itself: it is unlinked, never written to.
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let linked = fs::hard_link(temporary, path);
    fs::remove_file(temporary)?;
    linked?;
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write(root: &Root) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(128));
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&PLAIN.to_be_bytes());
    bytes.extend_from_slice(root.vault_id().as_bytes());
    bytes.extend_from_slice(&0_u32.to_be_bytes());
    bytes.extend_from_slice(&33_u32.to_be_bytes());
    bytes.push(match root.origin() {
        KeyOrigin::Imported => ORIGIN_IMPORTED,
        _ => ORIGIN_GENERATED,
    });
    bytes.extend_from_slice(root.expose());
    bytes
}

/// Reads a root file and unseals it. The vault id that follows from the root must be the file's.
///
/// # Errors
/// [`RootError::Damaged`], [`RootError::UnknownSealer`].
pub fn parse(bytes: &[u8]) -> Result<(Root, Sealer), RootError> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(RootError::Damaged);
    }
    let fields = |bytes| -> Option<_> {
        let (magic, rest) = <[u8]>::split_first_chunk::<8>(bytes)?;
        let (sealer, rest) = rest.split_first_chunk::<2>()?;
        let (vault_id, rest) = rest.split_first_chunk::<32>()?;
        let (sealer_data, rest) = length_prefixed(rest)?;
        let (sealed, rest) = length_prefixed(rest)?;
        (magic == MAGIC && rest.is_empty()).then_some((sealer, vault_id, sealer_data, sealed))
    };
    let (sealer, vault_id, sealer_data, sealed) = fields(bytes).ok_or(RootError::Damaged)?;
    let (plaintext, sealer) = match u16::from_be_bytes(*sealer) {
        PLAIN if sealer_data.is_empty() => (sealed, Sealer::Plain),
        PLAIN => return Err(RootError::Damaged),
        unknown => return Err(RootError::UnknownSealer(unknown)),
    };
    let (origin, root) = match plaintext {
        [ORIGIN_GENERATED, root @ ..] => (KeyOrigin::Generated, root),
        [ORIGIN_IMPORTED, root @ ..] => (KeyOrigin::Imported, root),
        _ => return Err(RootError::Damaged),
    };
    let root = Zeroizing::new(root.try_into().map_err(|_| RootError::Damaged)?);
    let root = Root::from_parts(root, origin);
    if root.vault_id().as_bytes() == vault_id { Ok((root, sealer)) } else { Err(RootError::Damaged) }
}

fn length_prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_testkit::rng;

    fn open(path: &Path, imported: Option<&DecapsulationKey>) -> Result<Root, RootError> {
        let imported =
            imported.map(|key| DecapsulationKey::from_expanded(&key.to_expanded()[..]).expect("a copy"));
        open_or_create(path, imported, &mut rng()).map(|opened| opened.root)
    }

    #[test]
    fn a_root_is_made_once_and_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("root.sealed");
        let first = open(&path, None).expect("a new root");
        assert_eq!(open(&path, None).expect("the same root").vault_id(), first.vault_id());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).expect("the file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1, "no temporary file stays");
    }

    #[test]
    fn a_name_that_a_crash_left_is_not_written_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("root.sealed");
        open(&path, None).expect("a new root");
        fs::hard_link(&path, folder.path().join("root.sealed.part")).expect("as after a crash");
        let saved = folder.path().join("saved");
        fs::rename(&path, &saved).expect("saved");
        let before = fs::read(&saved).expect("the root");
        open(&path, None).expect("another root");
        assert!(fs::read(&saved).expect("the root") == before);
    }

    #[test]
    fn servers_that_start_at_once_find_one_root() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("root.sealed");
        for round in 0..20 {
            let path = path.with_extension(format!("{round}"));
            let ids: Vec<_> = std::thread::scope(|scope| {
                let starting: Vec<_> =
                    (0..8).map(|_| scope.spawn(|| open(&path, None).expect("a root").vault_id())).collect();
                starting.into_iter().map(|server| server.join().expect("no panic")).collect()
            });
            assert!(ids.iter().all(|id| *id == ids[0]));
        }
    }

    #[test]
    fn importing_has_its_rules() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = DecapsulationKey::from_seed(&[1; 64]);
        let other = DecapsulationKey::from_seed(&[2; 64]);
        let path = folder.path().join("imported");
        let root = open(&path, Some(&key)).expect("a root from the key");
        assert_eq!(root.origin(), KeyOrigin::Imported);
        assert_eq!(open(&path, Some(&key)).expect("the same key").vault_id(), root.vault_id());
        assert!(matches!(open(&path, None), Err(RootError::KeysNotConfigured)));
        assert!(matches!(open(&path, Some(&other)), Err(RootError::ImportOverRoot)));
        let generated = folder.path().join("generated");
        open(&generated, None).expect("a new root");
        assert!(matches!(open(&generated, Some(&key)), Err(RootError::ImportOverRoot)));
    }

    #[test]
    fn any_altered_byte_and_any_other_length_is_refused() {
        let good = write(&Root::generate(&mut rng()));
        assert!(parse(&good).is_ok());
        for at in 0..good.len() {
            let mut altered = good.to_vec();
            altered[at] ^= 0x80;
            assert!(parse(&altered).is_err(), "byte {at}");
            assert!(parse(&good[..at]).is_err(), "{at} bytes");
        }
        assert!(parse(&[&good[..], &[0]].concat()).is_err());
        let mut unknown = good.to_vec();
        unknown[9] = 7;
        assert!(matches!(parse(&unknown), Err(RootError::UnknownSealer(7))));
        let mut imported = good.to_vec();
        imported[50] = ORIGIN_IMPORTED;
        assert!(matches!(parse(&imported).map(|(root, _)| root.origin()), Ok(KeyOrigin::Imported)));
    }
}
