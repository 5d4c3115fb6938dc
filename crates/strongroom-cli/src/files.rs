//! Files and pipes: `-` is stdio, keys are never overwritten, results appear whole or not at all.

use crate::error::Hint;
use anyhow::{Context, Result, anyhow, bail};
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use strongroom::key::{DecapsulationKey, EncapsulationKey};
use strongroom::keyfile;
use strongroom::wallet::WalletKey;
use zeroize::Zeroizing;

/// Bytes of an input that must sit in memory.
pub(crate) const MAX_INPUT_BYTES: u64 = 256 * 1024 * 1024;
const MAX_RECIPIENTS_FILE_BYTES: u64 = 4 * 1024 * 1024;

fn is_stdio(path: Option<&Path>) -> bool {
    path.is_none_or(|path| path.as_os_str() == "-")
}

/// Reads a file, or stdin.
pub(crate) fn read(path: Option<&Path>) -> Result<Zeroizing<Vec<u8>>> {
    match path.filter(|_| !is_stdio(path)) {
        None => read_bounded(io::stdin().lock(), MAX_INPUT_BYTES).context("cannot read standard input"),
        Some(path) => File::open(path)
            .map_err(anyhow::Error::from)
            .and_then(|file| read_bounded(file, MAX_INPUT_BYTES))
            .with_context(|| format!("cannot read {}", path.display())),
    }
}

fn read_bounded(source: impl Read, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    source.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        bail!("it has more than {max_bytes} bytes, and this format must sit in memory whole");
    }
    Ok(bytes)
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
                return Err(anyhow!(Hint(
                    "name a file with -o, or pass -o - to show it all the same, through a pipe"
                ))
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
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
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
    for text in texts {
        let key = text.parse::<EncapsulationKey>().with_context(|| format!("-r {}", shortened(text)))?;
        add(&mut keys, key);
    }
    for path in files {
        let bytes = File::open(path)
            .map_err(anyhow::Error::from)
            .and_then(|file| read_bounded(file, MAX_RECIPIENTS_FILE_BYTES))
            .with_context(|| format!("cannot read {}", path.display()))?;
        let text = std::str::from_utf8(&bytes).with_context(|| format!("{} is not text", path.display()))?;
        let before = keys.len();
        for (number, line) in
            (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        {
            let key = line.trim().parse().with_context(|| format!("{} line {number}", path.display()))?;
            add(&mut keys, key);
        }
        if keys.len() == before && !text.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#'))
        {
            bail!("{} names no recipient", path.display());
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

/// A key text is 2 KB; the start is enough to know it by.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(24) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
