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

/// Bytes that a terminal is shown at most.
const MAX_SHOWN_BYTES: usize = 1024 * 1024;

/// What may be written where.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text: a terminal may show it.
    Text,
    /// Never text.
    Sealed,
    /// Perhaps no text: a terminal shows it only where it is UTF-8 without control characters.
    Opened,
}

/// Stdout, or a file that appears whole when it is committed, and not at all otherwise.
pub(crate) struct Output {
    target: Target,
    name: String,
}

enum Target {
    /// Stdout, or what is no file, such as /dev/null: written as it comes.
    Open(File),
    /// What a terminal shows once it is known to be showable.
    Terminal(Zeroizing<Vec<u8>>),
    /// Without a name until it is whole: nothing is left of it even by `kill -9`.
    Unnamed { file: File, path: PathBuf },
    /// Where the file system knows no files without names.
    Temporary { file: NamedTempFile, path: PathBuf },
}

impl Output {
    /// Replaces a file that is there, when it is committed.
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
        // A link stays one: what it points to is replaced.
        let path = if path.is_symlink() {
            path.canonicalize().context("it is a link that leads nowhere")?
        } else {
            path.to_owned()
        };
        // A file without a name gets one through here.
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

    /// What an error calls it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Makes it last, under its name.
    pub(crate) fn commit(self) -> Result<()> {
        let name = self.name.clone();
        self.place(true).with_context(|| format!("cannot write {name}"))
    }

    /// As [`commit`](Self::commit), where no file is there.
    pub(crate) fn commit_new(self) -> Result<()> {
        let name = self.name.clone();
        self.place(false).map_err(|error| match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::AlreadyExists) => {
                anyhow!(Hint("a key that is overwritten is lost: choose another name"))
                    .context(format!("{name} exists"))
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
            Target::Terminal(shown) if shown.len() + bytes.len() > MAX_SHOWN_BYTES => {
                Err(io::Error::other("a terminal is shown 1 MiB at most: name a file with -o"))
            }
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

/// Writes all of something at once.
pub(crate) fn write(path: Option<&Path>, bytes: &[u8], kind: Kind) -> Result<()> {
    let mut output = Output::create(path, kind)?;
    let name = output.name().to_owned();
    output.write_all(bytes).with_context(|| format!("cannot write {name}"))?;
    output.commit()
}

/// Writes a secret key to stdout, or to a new file of mode 0600; one that is there stays.
pub(crate) fn write_new_secret(path: Option<&Path>, text: &str) -> Result<()> {
    let mut output = Output::create(path, Kind::Text)?;
    let name = output.name().to_owned();
    output.write_all(text.as_bytes()).with_context(|| format!("cannot write {name}"))?;
    output.commit_new()
}

/// Whether a path such as /dev/stdout leads to what stdout is, be it a pipe or a file: that is written, not replaced.
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

/// What replaces a file may be read by whom the file might be.
fn keep_mode(file: &File, path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(before) => file.set_permissions(before.permissions()),
        Err(_) => Ok(()),
    }
}

/// Gives a file without a name one.
fn link(file: &File, path: &Path, replace: bool) -> io::Result<()> {
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    let link = |path: &Path| {
        rustix::fs::linkat(CWD, &unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from)
    };
    match link(path) {
        Err(error) if replace && error.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other,
    }
    // Nothing links over a name: another one first, then a rename. The folder keeps that name to ourselves; a kill just here
    // leaves it behind.
    let folder = tempfile::Builder::new().prefix(".strongroom-").tempdir_in(folder_of(path))?;
    let between = folder.path().join("whole");
    link(&between)?;
    std::fs::rename(&between, path)
}

/// The name must outlive a power cut too. A folder that may be written and not read cannot be synced, nor can those of
/// some file systems; the file is there all the same.
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
