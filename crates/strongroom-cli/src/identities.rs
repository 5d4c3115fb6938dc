//! Secret keys: their files, and the passphrases of those that are locked.

use crate::{files, passphrases};
use anyhow::{Context, Result, bail};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use strongroom::key::Identity;
use strongroom::keyfile::{self, KeyFile, LockedKey};
use zeroize::Zeroizing;

/// The secret keys that something is opened with.
#[derive(clap::Args)]
pub(crate) struct Identities {
    /// A secret key file (can be repeated: they are tried in their order)
    #[arg(short, long, value_name = "KEYFILE", required = true)]
    pub(crate) identity: Vec<PathBuf>,
    /// The file whose first line unlocks locked key files (default: ask on the terminal)
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

impl Identities {
    /// All keys, in the order in which they were named.
    pub(crate) fn read(&self) -> Result<Vec<Identity>> {
        read(&self.identity, self.passphrase_file.as_deref())
    }

    /// The first key that fits, or none.
    pub(crate) fn first_that(&self, fits: impl Fn(&Identity) -> bool) -> Result<Vec<Identity>> {
        first_that(&self.identity, self.passphrase_file.as_deref(), fits)
    }
}

/// Reads secret key files in their order, and unlocks those that are locked.
pub(crate) fn read(paths: &[PathBuf], passphrase_file: Option<&Path>) -> Result<Vec<Identity>> {
    let passphrase = Passphrase::of(passphrase_file);
    paths.iter().map(|path| read_key(path, &passphrase)).collect()
}

/// The first of these keys that fits. Keys that are not locked are tried first, so no passphrase is
/// asked for in vain. Where none fits, the key that could not be unlocked says why.
fn first_that(
    paths: &[PathBuf],
    passphrase_file: Option<&Path>,
    fits: impl Fn(&Identity) -> bool,
) -> Result<Vec<Identity>> {
    let passphrase = Passphrase::of(passphrase_file);
    let mut locked = Vec::new();
    for path in paths {
        match read_key_file(path)? {
            KeyFile::Open(identity) if fits(&identity) => return Ok(vec![identity]),
            KeyFile::Locked(key) => locked.push((path, key)),
            _ => {}
        }
    }
    let mut failure = None;
    for (path, key) in locked {
        match passphrase.unlock(&key, path) {
            Ok(identity) if fits(&identity) => return Ok(vec![identity]),
            Ok(_) => {}
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(Vec::new()), Err)
}

/// Reads one secret key file, and unlocks it where it is locked.
pub(crate) fn read_one(path: &Path, passphrase_file: Option<&Path>) -> Result<Identity> {
    read_key(path, &Passphrase::of(passphrase_file))
}

/// Reads a secret key file, and unlocks it where it is locked.
fn read_key(path: &Path, passphrase: &Passphrase<'_>) -> Result<Identity> {
    match read_key_file(path)? {
        KeyFile::Open(identity) => Ok(identity),
        KeyFile::Locked(locked) => passphrase.unlock(&locked, path),
        _ => bail!("{} holds a key of a kind that this version does not know", path.display()),
    }
}

fn read_key_file(path: &Path) -> Result<KeyFile> {
    let bytes = files::read(Some(path))?;
    keyfile::parse(&bytes).with_context(|| format!("{} is not a key file", path.display()))
}

/// The passphrase of locked key files. The file that holds it is read only once, since it may be a
/// pipe.
struct Passphrase<'a> {
    file: Option<&'a Path>,
    read: OnceCell<Zeroizing<String>>,
}

impl<'a> Passphrase<'a> {
    fn of(file: Option<&'a Path>) -> Self {
        Self { file, read: OnceCell::new() }
    }

    fn unlock(&self, locked: &LockedKey, path: &Path) -> Result<Identity> {
        let name = path.display();
        let asked;
        let passphrase = match (self.file, self.read.get()) {
            (_, Some(read)) => read,
            (Some(file), None) => {
                let read = passphrases::read_passphrase(file)?;
                self.read.get_or_init(|| read)
            }
            (None, None) => {
                asked = passphrases::ask(&format!("passphrase for {name}: "))?;
                &asked
            }
        };
        locked.unlock(passphrase.as_bytes()).with_context(|| format!("cannot open {name}"))
    }
}
