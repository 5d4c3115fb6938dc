//! The sealed-root file: written once, checked at each start (spec/root.md §4).
//!
//! ```text
//! magic 8 || sealer u16 || vault_id 32 || u32 length || sealer data || u32 length || sealed bytes
//! ```

use crate::access::RootAccess;
use crate::root::Root;
use crate::sealer::{Sealer, SealerError};
use rand_core::CryptoRng;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use strongroom::key::DecapsulationKey;
use strongroom_attest::{KeyOrigin, Protection};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"SRROOT\0\x01";
const MAX_FILE_BYTES: usize = 64 * 1024;
/// Each by its number in the file.
const ORIGINS: [KeyOrigin; 5] = [
    KeyOrigin::Generated,
    KeyOrigin::Imported,
    KeyOrigin::Recovered,
    KeyOrigin::HandoffGenerated,
    KeyOrigin::HandoffRecovered,
];
/// Sealers, each by its number in the file.
const SEALERS: [Protection; 5] =
    [Protection::Plain, Protection::Passphrase, Protection::Dstack, Protection::SevSnp, Protection::Pkcs11];

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
    /// The file is sealed otherwise than it is to be opened. Nothing takes the other's place.
    #[error("the root is sealed as `{}`, and `{}` was asked for", .file.name(), .asked.name())]
    OtherSealer {
        /// How it is sealed.
        file: Protection,
        /// How it was to be.
        asked: Protection,
    },
    /// The key is another, or the file was altered: its tag tells no difference.
    #[error("the root does not open: the {} is another, or the file was altered", .0.name())]
    WrongKey(Protection),
    /// It was sealed elsewhere, or who holds the key does not give it.
    #[error(transparent)]
    Sealer(SealerError),
    /// `ADMIN_MLKEM_PRIVATE_KEY` was given, and the vault has another root.
    #[error("this vault has a root already, and it is not the imported key's")]
    ImportOverRoot,
    /// It is sealed under a platform's own key, with who else may get it, and others were named.
    #[error("this root was not sealed for everybody whom --recovery or --release-key name")]
    NotEntitled,
    /// Another root came here than the one that is there already.
    #[error("another root is kept here already")]
    OtherRoot,
    /// The vault was imported, and `ADMIN_MLKEM_PRIVATE_KEY` is missing.
    #[error("keys_not_configured: this vault's key was imported and is not in its data directory")]
    KeysNotConfigured,
}

/// A root that is ready for use.
pub struct OpenedRoot {
    /// The root.
    pub root: Root,
    /// How it is kept.
    pub protection: Protection,
    /// The ML-KEM-1024 key of the root's present epoch.
    pub kem_key: DecapsulationKey,
}

impl OpenedRoot {
    /// A root that is kept thus.
    pub(crate) fn new(root: Root, protection: Protection, imported: Option<DecapsulationKey>) -> Self {
        let kem_key = imported.unwrap_or_else(|| root.kem_key(root.epoch()));
        Self { root, protection, kem_key }
    }
}

/// Opens the root file at `path` by `sealer`, or makes one that it seals: from `imported`, or from `rng`. It is sealed together
/// with `access`, which says who else may get it. File and folder are synced before this returns.
///
/// # Errors
/// [`RootError`]; a root that is there is never overwritten.
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

/// Opens the root file at `path` for somebody who looks at records, and gives the root to nobody.
///
/// # Errors
/// [`RootError`].
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
/// [`RootError::OtherRoot`] where a file is there with another; otherwise as [`open_or_create`].
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
    // Servers that share the file may start at once: one writes it.
    let folder = File::open(folder_of(path))?;
    folder.lock()?;
    match find_for(path, sealer, wanted.as_ref(), access)? {
        Some(found) if found.is_outdated => {
            let part = write_beside(path, &write(&found.root, &found.access, sealer, rng)?)?;
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
struct Found {
    root: Root,
    /// Whom it was sealed for besides.
    access: RootAccess,
    /// Whether the file is to be sealed anew.
    is_outdated: bool,
}

/// As [`find`], where nobody is to get the root whom it was not sealed for. Who opens it by a secret of his own has it, and may give it
/// to whom he likes; where a platform opens it for the code, nobody may whom that did not know when it sealed it.
fn find_for(
    path: &Path,
    sealer: &dyn Sealer,
    wanted: Option<&Root>,
    access: &RootAccess,
) -> Result<Option<Found>, RootError> {
    let found = find(path, sealer, wanted)?;
    if sealer.protection().is_the_platforms()
        && found.as_ref().is_some_and(|found| !found.access.covers(access))
    {
        return Err(RootError::NotEntitled);
    }
    Ok(found)
}

fn find(path: &Path, sealer: &dyn Sealer, wanted: Option<&Root>) -> Result<Option<Found>, RootError> {
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
    Ok(Some(Found { root, access, is_outdated }))
}

/// The bytes of a file that is there; one more than may be, where there are more.
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

/// Written under another name and linked into place, so that a crash leaves a whole file or none, and a file that
/// has come meanwhile stays.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = write_beside(path, bytes)?;
    let linked = fs::hard_link(&part, path);
    fs::remove_file(part)?;
    linked?;
    File::open(folder_of(path))?.sync_all()
}

/// A synced file beside the one at `path`, of which nothing is known to anybody yet.
fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    // What a crash left under this name may be the root file itself: it is unlinked, never written to.
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

fn write(
    root: &Root,
    access: &RootAccess,
    sealer: &dyn Sealer,
    rng: &mut impl CryptoRng,
) -> Result<Zeroizing<Vec<u8>>, RootError> {
    let protection = sealer.protection();
    let refused = |error| refusal(protection, error);
    let id = SEALERS.iter().position(|known| *known == protection);
    let id = u16::try_from(id.expect("every sealer has its number")).expect("there are a few").to_be_bytes();
    let data = sealer.data(rng).map_err(refused)?;
    let head = [&MAGIC[..], &id, root.vault_id().as_bytes(), &length(&data), &data].concat();
    let origin = ORIGINS.iter().position(|known| *known == root.origin());
    let origin = origin.expect("every origin that a root has here has its number");
    let access = access.to_bytes();
    let mut plaintext = Zeroizing::new(Vec::with_capacity(33 + access.len()));
    plaintext.push(u8::try_from(origin).expect("there are a few origins"));
    plaintext.extend_from_slice(root.expose());
    plaintext.extend_from_slice(&access);
    let sealed = sealer.seal(&data, &head, &plaintext, rng).map_err(refused)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(head.len() + 4 + sealed.len()));
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(&length(&sealed));
    bytes.extend_from_slice(&sealed);
    Ok(bytes)
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("a root file's parts are short").to_be_bytes()
}

fn refusal(protection: Protection, error: SealerError) -> RootError {
    match error {
        SealerError::Damaged => RootError::Damaged,
        SealerError::WrongKey => RootError::WrongKey(protection),
        other => RootError::Sealer(other),
    }
}

/// A file's parts, before anything is unsealed.
struct Fields<'a> {
    id: u16,
    vault_id: &'a [u8; 32],
    data: &'a [u8],
    /// All before the length of the sealed bytes, which they are bound to.
    head: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Fields<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, RootError> {
        let fields = || {
            let (magic, rest) = bytes.split_first_chunk::<8>()?;
            let (id, rest) = rest.split_first_chunk::<2>()?;
            let (vault_id, rest) = rest.split_first_chunk::<32>()?;
            let (data, rest) = length_prefixed(rest)?;
            let head = &bytes[..bytes.len() - rest.len()];
            let (sealed, rest) = length_prefixed(rest)?;
            let whole = magic == MAGIC && rest.is_empty() && bytes.len() <= MAX_FILE_BYTES;
            whole.then_some(Self { id: u16::from_be_bytes(*id), vault_id, data, head, sealed })
        };
        fields().ok_or(RootError::Damaged)
    }

    fn protection(&self) -> Result<Protection, RootError> {
        SEALERS.get(usize::from(self.id)).copied().ok_or(RootError::UnknownSealer(self.id))
    }
}

/// Reads a root file and unseals it, with whom it was sealed for besides. The vault id that follows from the root must be the file's.
///
/// # Errors
/// [`RootError::Damaged`], [`RootError::UnknownSealer`], [`RootError::OtherSealer`], [`RootError::WrongKey`],
/// [`RootError::Sealer`].
pub fn parse(bytes: &[u8], sealer: &dyn Sealer) -> Result<(Root, RootAccess), RootError> {
    let fields = Fields::of(bytes)?;
    let (file, asked) = (fields.protection()?, sealer.protection());
    if file != asked {
        return Err(RootError::OtherSealer { file, asked });
    }
    let plaintext =
        sealer.unseal(fields.data, fields.head, fields.sealed).map_err(|error| refusal(asked, error))?;
    let (origin, root) = plaintext.split_first().ok_or(RootError::Damaged)?;
    let origin = *ORIGINS.get(usize::from(*origin)).ok_or(RootError::Damaged)?;
    let (root, access) = root.split_first_chunk().ok_or(RootError::Damaged)?;
    let root = Root::from_parts(Zeroizing::new(*root), origin);
    let access = RootAccess::from_bytes(access).ok_or(RootError::Damaged)?;
    if root.vault_id().as_bytes() == fields.vault_id { Ok((root, access)) } else { Err(RootError::Damaged) }
}

fn length_prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealer::{PassphraseSealer, PlainSealer};
    use strongroom_testkit::rng;

    fn open_by(
        path: &Path,
        sealer: &dyn Sealer,
        imported: Option<&DecapsulationKey>,
    ) -> Result<Root, RootError> {
        let imported =
            imported.map(|key| DecapsulationKey::from_expanded(&key.to_expanded()[..]).expect("a copy"));
        open_or_create(path, sealer, imported, &RootAccess::default(), &mut rng()).map(|opened| opened.root)
    }

    fn open(path: &Path, imported: Option<&DecapsulationKey>) -> Result<Root, RootError> {
        open_by(path, &PlainSealer, imported)
    }

    fn passphrase(text: &str) -> PassphraseSealer {
        PassphraseSealer::new(Zeroizing::new(text.to_owned()))
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
    fn a_root_that_came_is_kept_with_its_origin_and_over_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("root.sealed");
        let came = |n: u8, origin| Root::from_parts(Zeroizing::new([n; 32]), origin);
        let keep = |root| keep(&path, &PlainSealer, root, &RootAccess::default(), &mut rng());
        for origin in [KeyOrigin::Recovered, KeyOrigin::HandoffGenerated, KeyOrigin::HandoffRecovered] {
            keep(came(1, origin)).expect("kept");
            assert_eq!(open(&path, None).expect("found").origin(), origin);
            assert_eq!(keep(came(1, KeyOrigin::Recovered)).expect("the same").origin(), origin);
            assert!(matches!(keep(came(2, origin)), Err(RootError::OtherRoot)));
            fs::remove_file(&path).expect("removed");
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
        let root = Root::generate(&mut rng());
        for sealer in [&PlainSealer as &dyn Sealer, &passphrase("correct horse")] {
            let name = sealer.protection().name();
            let good = write(&root, &RootAccess::default(), sealer, &mut rng()).expect("sealed");
            assert!(parse(&good, sealer).is_ok(), "{name}");
            // Under a passphrase each try that gets as far takes a tenth of a second: a byte of each part.
            let step = if sealer.protection() == Protection::Plain { 1 } else { 9 };
            for at in (0..good.len()).step_by(step) {
                let mut altered = good.to_vec();
                altered[at] ^= 0x80;
                assert!(parse(&altered, sealer).is_err(), "{name}, byte {at}");
            }
            for bytes in 0..good.len() {
                assert!(parse(&good[..bytes], sealer).is_err(), "{name}, {bytes} bytes");
            }
            assert!(parse(&[&good[..], &[0]].concat(), sealer).is_err(), "{name}");
            let mut unknown = good.to_vec();
            unknown[9] = 7;
            assert!(matches!(parse(&unknown, sealer), Err(RootError::UnknownSealer(7))));
        }
        let mut imported =
            write(&root, &RootAccess::default(), &PlainSealer, &mut rng()).expect("sealed").to_vec();
        imported[50] = 1;
        let read = parse(&imported, &PlainSealer);
        assert!(matches!(read.map(|(root, _)| root.origin()), Ok(KeyOrigin::Imported)));
    }

    #[test]
    fn under_a_passphrase_nothing_but_it_opens_the_root() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("root.sealed");
        let root = open_by(&path, &passphrase("correct horse"), None).expect("a new root");
        let again = open_by(&path, &passphrase("correct horse"), None).expect("the same root");
        assert_eq!(again.vault_id(), root.vault_id());
        let bytes = fs::read(&path).expect("the file");
        assert!(!bytes.windows(32).any(|window| window == root.expose()), "the root is not in the clear");
        let wrong = open_by(&path, &passphrase("correct horse "), None).err();
        assert!(matches!(wrong, Some(RootError::WrongKey(Protection::Passphrase))));
        assert_eq!(fs::read(&path).expect("the file"), bytes, "a refused root stays as it is");
    }

    /// A sealed file is never opened, or made anew, by less than it asks for; nor a plain one taken for a sealed one.
    #[test]
    fn nothing_takes_the_place_of_the_sealer_that_was_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let (plain, sealed) = (folder.path().join("plain"), folder.path().join("sealed"));
        open(&plain, None).expect("a new root");
        open_by(&sealed, &passphrase("correct horse"), None).expect("a new root");
        let other = |found: Result<Root, RootError>| match found.err() {
            Some(RootError::OtherSealer { file, asked }) => (file.name(), asked.name()),
            _ => panic!("another refusal, or none"),
        };
        assert_eq!(other(open(&sealed, None)), ("passphrase", "plain"));
        assert_eq!(other(open_by(&plain, &passphrase("correct horse"), None)), ("plain", "passphrase"));
    }
}
