//! Standard output, or a file that appears whole or not at all.

use super::input::is_stdio;
use crate::error::Hint;
use anyhow::{Context, Result, anyhow};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use std::fs::File;
use std::io::{self, IoSlice, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// The most bytes that are shown on a terminal.
const MAX_SHOWN_BYTES: usize = 1024 * 1024;

/// What is written, which decides whether a terminal may show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text, which a terminal may show.
    Text,
    /// Binary data, which a terminal never shows.
    Sealed,
    /// A secret that may be binary. A terminal shows it only if it is UTF-8 without control
    /// characters.
    Opened,
}

/// Standard output, or a file that appears whole when it is committed, and otherwise not at all.
pub(crate) struct Output {
    target: Target,
    name: String,
}

enum Target {
    /// Standard output, or something that is not a regular file, such as /dev/null. It is written
    /// as the data comes.
    Open(File),
    /// Data for a terminal, held back until it is known to be showable.
    Terminal(Zeroizing<Vec<u8>>),
    /// A file that has no name until it is whole, so even `kill -9` leaves nothing of it.
    Unnamed { file: File, path: PathBuf },
    /// A file with a temporary name, for file systems that have no files without names.
    Temporary { file: NamedTempFile, path: PathBuf },
}

impl Output {
    /// Opens an output. When it is committed, it replaces a file that is there.
    pub(crate) fn create(path: Option<&Path>, kind: Kind) -> Result<Self> {
        let Some(path) = path.filter(|_| !is_stdio(path)).filter(|path| !is_stdout(path)) else {
            return Self::stdout(kind);
        };
        let name = path.display().to_string();
        let target = Self::at(path).with_context(|| format!("cannot write {name}"))?;
        match &target {
            Target::Open(file) if kind != Kind::Text && file.is_terminal() => {
                Err(anyhow!(Hint("leave out -o, or name a file")).context(format!("{name} is a terminal")))
            }
            _ => Ok(Self { target, name }),
        }
    }

    fn stdout(kind: Kind) -> Result<Self> {
        let stdout = io::stdout();
        let target = match kind {
            Kind::Sealed if stdout.is_terminal() => {
                return Err(anyhow!(Hint("write text with -a, name a file with -o, or write to a pipe"))
                    .context("the envelope is binary and standard output is a terminal"));
            }
            Kind::Opened if stdout.is_terminal() => Target::Terminal(Zeroizing::default()),
            _ => Target::Open(stdout.as_fd().try_clone_to_owned().context("no standard output")?.into()),
        };
        Ok(Self { target, name: "standard output".to_owned() })
    }

    fn at(path: &Path) -> Result<Target> {
        if path.exists() && !path.is_file() {
            return Ok(Target::Open(File::options().write(true).open(path)?));
        }
        // A symbolic link stays; the file that it points to is replaced.
        let path = if path.is_symlink() {
            path.canonicalize()
                .context("it is a symbolic link, and the file that it points to does not exist")?
        } else {
            path.to_owned()
        };
        // A file without a name gets its name through this folder.
        if !Path::new("/proc/self/fd").exists() {
            return Ok(Target::Temporary { file: NamedTempFile::new_in(folder_of(&path))?, path });
        }
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        Ok(match rustix::fs::openat(CWD, folder_of(&path), flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => Target::Unnamed { file: file.into(), path },
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR) => {
                Target::Temporary { file: NamedTempFile::new_in(folder_of(&path))?, path }
            }
            Err(error) => return Err(io::Error::from(error).into()),
        })
    }

    /// The name that errors give it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Gives the file its name, and syncs it.
    pub(crate) fn commit(self) -> Result<()> {
        let name = self.name.clone();
        self.place(true).with_context(|| format!("cannot write {name}"))
    }

    /// Like [`commit`](Self::commit), but refuses to replace a file.
    pub(crate) fn commit_new(self) -> Result<()> {
        let name = self.name.clone();
        self.place(false).map_err(|error| match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::AlreadyExists) => {
                anyhow!(Hint("a key that is overwritten is lost: choose another name"))
                    .context(format!("{name} exists already"))
            }
            _ => error.context(format!("cannot write {name}")),
        })
    }

    fn place(self, replace: bool) -> Result<()> {
        match self.target {
            Target::Open(mut file) => Ok(file.flush()?),
            Target::Terminal(bytes) => {
                if !is_showable(&bytes) {
                    return Err(anyhow!(Hint("name a file with -o, or write to a pipe"))
                        .context("the secret is binary and standard output is a terminal"));
                }
                let mut stdout = io::stdout().lock();
                Ok(stdout.write_all(&bytes).and_then(|()| stdout.flush())?)
            }
            Target::Unnamed { file, path } => {
                keep_mode(&file, &path)?;
                file.sync_all()?;
                link(&file, &path, replace)?;
                sync_folder(&path)
            }
            Target::Temporary { file, path } => {
                keep_mode(file.as_file(), &path)?;
                file.as_file().sync_all()?;
                if replace { file.persist(&path) } else { file.persist_noclobber(&path) }
                    .map_err(|e| e.error)?;
                sync_folder(&path)
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.target {
            Target::Open(file) | Target::Unnamed { file, .. } => file.write(bytes),
            Target::Temporary { file, .. } => file.write(bytes),
            Target::Terminal(shown) if shown.len() + bytes.len() > MAX_SHOWN_BYTES => Err(io::Error::other(
                "it has more than 1 MiB, which is the most that a terminal is shown: name a file with -o",
            )),
            Target::Terminal(shown) => {
                let mut larger = Zeroizing::new(Vec::with_capacity(shown.len() + bytes.len()));
                larger.extend_from_slice(shown);
                larger.extend_from_slice(bytes);
                *shown = larger;
                Ok(bytes.len())
            }
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.target {
            Target::Open(file) | Target::Unnamed { file, .. } => file.write_vectored(slices),
            Target::Temporary { file, .. } => file.write_vectored(slices),
            Target::Terminal(_) => {
                self.write(slices.iter().find(|slice| !slice.is_empty()).map_or(&[], |slice| slice))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes an output whose bytes are all in memory.
pub(crate) fn write(path: Option<&Path>, bytes: &[u8], kind: Kind) -> Result<()> {
    let mut output = Output::create(path, kind)?;
    let name = output.name().to_owned();
    output.write_all(bytes).with_context(|| format!("cannot write {name}"))?;
    output.commit()
}

/// Writes a secret key to standard output, or to a new file of mode 0600. A file that is there is
/// not replaced.
pub(crate) fn write_new_secret(path: Option<&Path>, text: &str) -> Result<()> {
    let mut output = Output::create(path, Kind::Text)?;
    let name = output.name().to_owned();
    output.write_all(text.as_bytes()).with_context(|| format!("cannot write {name}"))?;
    output.commit_new()
}

/// Whether a path such as /dev/stdout leads to standard output, which may be a pipe or a file.
/// Standard output is written, not replaced.
fn is_stdout(path: &Path) -> bool {
    let mut path = path.to_owned();
    for _ in 0..8 {
        if matches!(path.to_str(), Some("/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1")) {
            return true;
        }
        match std::fs::read_link(&path) {
            Ok(next) => path = folder_of(&path).join(next),
            Err(_) => return false,
        }
    }
    false
}

/// Gives a file the permissions of the file that it replaces.
fn keep_mode(file: &File, path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(before) => file.set_permissions(before.permissions()),
        Err(_) => Ok(()),
    }
}

/// Gives a name to a file that has none.
fn link(file: &File, path: &Path, replace: bool) -> io::Result<()> {
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    let link = |path: &Path| {
        rustix::fs::linkat(CWD, &unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from)
    };
    match link(path) {
        Err(error) if replace && error.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other,
    }
    // A link cannot replace a name, so the file gets another name first and is then renamed. The
    // folder keeps other programs away from that name. A kill at this point leaves the folder
    // behind.
    let folder = tempfile::Builder::new().prefix(".strongroom-").tempdir_in(folder_of(path))?;
    let between = folder.path().join("whole");
    link(&between)?;
    std::fs::rename(&between, path)
}

/// Syncs the folder, so the name outlives a power cut. A folder that may be written and not read
/// cannot be synced, nor can the folders of some file systems. The file is there all the same.
fn sync_folder(path: &Path) -> Result<()> {
    match File::open(folder_of(path)).and_then(|folder| folder.sync_all()) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        other => Ok(other?),
    }
}

fn is_showable(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_ok_and(|text| !text.chars().any(|c| c.is_control() && !"\n\r\t".contains(c)))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
