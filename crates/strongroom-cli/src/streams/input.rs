//! A file or standard input, of any size.

use super::progress::Progress;
use crate::error::Hint;
use anyhow::{Context, Result, anyhow, bail};
use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroizing;

/// The largest input, in bytes, that is read into memory whole.
const MAX_INPUT_BYTES: u64 = 256 * 1024 * 1024;
/// The size of an input, in bytes, from which more than one thread is worth its start.
const PARALLEL_BYTES: u64 = 1024 * 1024;
const MAX_THREADS: usize = 16;

pub(super) fn is_stdio(path: Option<&Path>) -> bool {
    path.is_none_or(|path| path.as_os_str() == "-")
}

fn stdin_twice() -> anyhow::Error {
    anyhow!(Hint("name a file for one of them")).context("standard input is named twice")
}

/// Refuses two inputs that are both standard input. The check comes before any of them is read, so
/// no input is taken for another one.
pub(crate) fn refuse_stdin_twice<'a>(inputs: impl Iterator<Item = Option<&'a Path>>) -> Result<()> {
    if inputs.filter(|path| is_stdio(*path)).count() > 1 { Err(stdin_twice()) } else { Ok(()) }
}

/// A file, or stdin.
pub(crate) struct Input {
    file: File,
    name: String,
    /// The length, where it is a regular file.
    bytes: Option<u64>,
}

impl Input {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self> {
        static STDIN_WAS_READ: AtomicBool = AtomicBool::new(false);
        let Some(path) = path.filter(|_| !is_stdio(path)) else {
            // A second reader would find standard input empty, and would take that for an empty
            // secret.
            if STDIN_WAS_READ.swap(true, Ordering::Relaxed) {
                return Err(stdin_twice());
            }
            let file = File::from(io::stdin().as_fd().try_clone_to_owned().context("no standard input")?);
            return Self::of(file, "standard input".to_owned());
        };
        let name = path.display().to_string();
        File::open(path)
            .map_err(anyhow::Error::from)
            .and_then(|file| Self::of(file, name.clone()))
            .with_context(|| format!("cannot read {name}"))
    }

    fn of(file: File, name: String) -> Result<Self> {
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            bail!("it is a directory");
        }
        Ok(Self { file, name, bytes: metadata.is_file().then_some(metadata.len()) })
    }

    /// The name that errors give it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The number of threads that are worth their start for it.
    pub(crate) fn threads(&self) -> NonZeroUsize {
        let all = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        match self.bytes {
            Some(bytes) if bytes < PARALLEL_BYTES => NonZeroUsize::MIN,
            _ => all.min(NonZeroUsize::new(MAX_THREADS).expect("more than none")),
        }
    }

    /// Reads everything after `begun`, the bytes that were read before. The memory is wiped, also
    /// where it had to grow.
    pub(crate) fn read_whole(self, begun: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let name = self.name.clone();
        let expected_bytes = self.bytes.unwrap_or(0);
        read_bounded(begun.chain(self.file), expected_bytes).with_context(|| format!("cannot read {name}"))
    }

    /// Turns it into a stream that shows a progress bar.
    pub(crate) fn with_progress(self) -> Progress {
        Progress::new(self.file, self.bytes)
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.file.read(out)
    }
}

fn read_bounded(mut source: impl Read, expected_bytes: u64) -> Result<Zeroizing<Vec<u8>>> {
    const LEAST_BYTES: u64 = 64 * 1024;
    let too_large =
        || anyhow!("it has more than {MAX_INPUT_BYTES} bytes, which is the most that this format can hold");
    if expected_bytes > MAX_INPUT_BYTES {
        return Err(too_large());
    }
    let capacity = expected_bytes.clamp(LEAST_BYTES, MAX_INPUT_BYTES) as usize + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    loop {
        let free = bytes.capacity() - bytes.len();
        if source.by_ref().take(free as u64).read_to_end(&mut bytes)? < free {
            return Ok(bytes);
        }
        if bytes.len() as u64 > MAX_INPUT_BYTES {
            return Err(too_large());
        }
        let mut larger = Zeroizing::new(Vec::with_capacity(2 * bytes.capacity()));
        larger.extend_from_slice(&bytes);
        bytes = larger;
    }
}
