//! Files and pipes: `-` is stdio, keys are never overwritten, results appear whole or not at all.

use crate::error::Hint;
use anyhow::{Context, Result, anyhow, bail};
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use strongroom::key::{DecapsulationKey, EncapsulationKey};
use strongroom::keyfile;
use strongroom::wallet::WalletKey;
use zeroize::Zeroizing;

/// Bytes of an input that must sit in memory.
const MAX_INPUT_BYTES: u64 = 256 * 1024 * 1024;

fn is_stdio(path: Option<&Path>) -> bool {
    path.is_none_or(|path| path.as_os_str() == "-")
}

/// Reads a file, or stdin.
pub(crate) fn read(path: Option<&Path>) -> Result<Zeroizing<Vec<u8>>> {
    static STDIN_WAS_READ: AtomicBool = AtomicBool::new(false);
    match path.filter(|_| !is_stdio(path)) {
        // A second reader would find it empty, and an empty secret looks like one.
        None if STDIN_WAS_READ.swap(true, Ordering::Relaxed) => {
            Err(anyhow!(Hint("name a file for one of them")).context("standard input is named twice"))
        }
        None => read_bounded(io::stdin().lock(), 0).context("cannot read standard input"),
        Some(path) => File::open(path)
            .and_then(|file| Ok((file.metadata()?.len(), file)))
            .map_err(anyhow::Error::from)
            .and_then(|(bytes, file)| read_bounded(file, bytes))
            .with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Reads to the end, into memory that is wiped also where it had to grow.
fn read_bounded(mut source: impl Read, expected_bytes: u64) -> Result<Zeroizing<Vec<u8>>> {
    const LEAST_BYTES: u64 = 64 * 1024;
    let capacity = expected_bytes.clamp(LEAST_BYTES, MAX_INPUT_BYTES) as usize + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    loop {
        let free = bytes.capacity() - bytes.len();
        if source.by_ref().take(free as u64).read_to_end(&mut bytes)? < free {
            return Ok(bytes);
        }
        if bytes.len() as u64 > MAX_INPUT_BYTES {
            bail!("it has more than {MAX_INPUT_BYTES} bytes, and this format must sit in memory whole");
        }
        let mut larger = Zeroizing::new(Vec::with_capacity(2 * bytes.capacity()));
        larger.extend_from_slice(&bytes);
        bytes = larger;
    }
}

/// What may be written where.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text: a terminal may show it.
    Text,
    /// Perhaps no text: a terminal shows it only where it is UTF-8 without control characters.
    Opened,
}

/// Writes to stdout, or to a file that appears whole or not at all and replaces one that was there.
pub(crate) fn write(path: Option<&Path>, bytes: &[u8], kind: Kind) -> Result<()> {
    match path.filter(|_| !is_stdio(path)) {
        None => {
            let mut stdout = io::stdout().lock();
            if kind == Kind::Opened && stdout.is_terminal() && !is_showable(bytes) {
                return Err(anyhow!(Hint("name a file with -o, or write to a pipe"))
                    .context("the secret is binary and standard output is a terminal"));
            }
            stdout.write_all(bytes).and_then(|()| stdout.flush()).context("cannot write to standard output")
        }
        Some(path) => replace_file(path, bytes).with_context(|| format!("cannot write {}", path.display())),
    }
}

fn is_showable(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_ok_and(|text| !text.chars().any(|c| c.is_control() && !"\n\r\t".contains(c)))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A temporary file beside it, mode 0600, then a rename; nothing is left where that fails.
fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    if path.exists() && !path.is_file() {
        // Such as /dev/null, which is written and not replaced.
        return Ok(File::options().write(true).open(path)?.write_all(bytes)?);
    }
    // A link stays one: what it points to is replaced.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut file = tempfile::NamedTempFile::new_in(folder_of(&target))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(&target)?;
    Ok(())
}

/// Writes a secret key to stdout, or to a new file of mode 0600; one that is there stays.
pub(crate) fn write_new_secret(path: Option<&Path>, text: &str) -> Result<()> {
    let Some(path) = path.filter(|_| !is_stdio(path)) else {
        return write(None, text.as_bytes(), Kind::Text);
    };
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path))
        .with_context(|| format!("cannot write to {}", folder_of(path).display()))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => {
            anyhow!(Hint("a key that is overwritten is lost: choose another name"))
                .context(format!("{} exists", path.display()))
        }
        _ => anyhow::Error::from(error.error).context(format!("cannot write {}", path.display())),
    })?;
    // Somebody may use the key at once: its name must outlive a power cut too.
    File::open(folder_of(path))?.sync_all()?;
    Ok(())
}

/// Reads a secret key file.
pub(crate) fn read_key(path: &Path) -> Result<DecapsulationKey> {
    let bytes = read(Some(path))?;
    keyfile::parse(&bytes).with_context(|| format!("{} is no key file", path.display()))
}

/// Reads an Ethereum private key: `0x` and 64 hex digits, and nothing else but white space around.
pub(crate) fn read_wallet(path: &Path) -> Result<WalletKey> {
    let bytes = read(Some(path))?;
    let text = std::str::from_utf8(&bytes).unwrap_or("");
    text.trim().parse().with_context(|| format!("{} is no wallet file", path.display()))
}

/// The recipients of `-r` and of the files of `-R`, each once.
pub(crate) fn recipients(texts: &[String], files: &[PathBuf]) -> Result<Vec<EncapsulationKey>> {
    let mut keys = Vec::new();
    for (number, text) in (1..).zip(texts) {
        // Not repeated: it might be a secret key by mistake.
        let key = text.parse::<EncapsulationKey>().with_context(|| format!("recipient {number} of -r"))?;
        add(&mut keys, key);
    }
    for path in files {
        let bytes = read(Some(path))?;
        let text = std::str::from_utf8(&bytes).with_context(|| format!("{} is not text", path.display()))?;
        let mut named = (1..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
            .peekable();
        if named.peek().is_none() {
            bail!("{} names no recipient", path.display());
        }
        for (number, line) in named {
            let key = line.trim().parse().with_context(|| format!("{} line {number}", path.display()))?;
            add(&mut keys, key);
        }
    }
    Ok(keys)
}

/// Naming one's own key a second time is no mistake worth stopping for.
pub(crate) fn add(keys: &mut Vec<EncapsulationKey>, key: EncapsulationKey) {
    if !keys.contains(&key) {
        keys.push(key);
    }
}
