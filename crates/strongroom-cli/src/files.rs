//! What small files hold: keys, wallets, recipients, passphrases.

use crate::cli::Identities;
use crate::error::Hint;
use crate::streams::Input;
use anyhow::{Context, Result, anyhow, bail};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use strongroom::key::{Identity, Recipient};
use strongroom::keyfile::{self, KeyFile, LockedKey};
use strongroom::mnemonic::Mnemonic;
use strongroom::wallet::WalletKey;
use zeroize::Zeroizing;

/// Reads a file, or stdin, whole.
pub(crate) fn read(path: Option<&Path>) -> Result<Zeroizing<Vec<u8>>> {
    Input::open(path)?.read_whole(&[])
}

/// Where the passphrase of locked key files comes from. A file is read once, whatever it is.
pub(crate) struct Passphrase<'a> {
    file: Option<&'a Path>,
    read: OnceCell<Zeroizing<String>>,
}

impl<'a> Passphrase<'a> {
    pub(crate) fn of(file: Option<&'a Path>) -> Self {
        Self { file, read: OnceCell::new() }
    }

    fn unlock(&self, locked: &LockedKey, path: &Path) -> Result<Identity> {
        let name = path.display();
        let asked;
        let passphrase = match (self.file, self.read.get()) {
            (_, Some(read)) => read,
            (Some(file), None) => {
                let read = read_passphrase(file)?;
                self.read.get_or_init(|| read)
            }
            (None, None) => {
                asked = ask(&format!("passphrase for {name}: "))?;
                &asked
            }
        };
        locked.unlock(passphrase.as_bytes()).with_context(|| format!("cannot open {name}"))
    }
}

/// The keys of `-i`, in their order.
pub(crate) fn identities(args: &Identities) -> Result<Vec<Identity>> {
    let passphrase = Passphrase::of(args.passphrase_file.as_deref());
    args.identity.iter().map(|path| read_key(path, &passphrase)).collect()
}

/// The first of the keys of `-i` that fits. Those that are not locked are looked at first, so that no passphrase is asked for in
/// vain; where none fits, the key that could not be unlocked says why, or an empty list that there is none.
pub(crate) fn identity_for(args: &Identities, fits: impl Fn(&Identity) -> bool) -> Result<Vec<Identity>> {
    let passphrase = Passphrase::of(args.passphrase_file.as_deref());
    let mut locked = Vec::new();
    for path in &args.identity {
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

/// Reads a secret key file, and unlocks it where it is locked.
pub(crate) fn read_key(path: &Path, passphrase: &Passphrase<'_>) -> Result<Identity> {
    match read_key_file(path)? {
        KeyFile::Open(identity) => Ok(identity),
        KeyFile::Locked(locked) => passphrase.unlock(&locked, path),
        _ => bail!("{} is of an unknown kind", path.display()),
    }
}

fn read_key_file(path: &Path) -> Result<KeyFile> {
    let bytes = read(Some(path))?;
    keyfile::parse(&bytes).with_context(|| format!("{} is no key file", path.display()))
}

/// A new passphrase, from a file or twice from the terminal.
pub(crate) fn new_passphrase(file: Option<&Path>) -> Result<Zeroizing<String>> {
    if let Some(file) = file {
        return read_passphrase(file);
    }
    let passphrase = ask("new passphrase: ")?;
    if passphrase.is_empty() {
        bail!("the passphrase is empty");
    }
    if *ask("the same again: ")? != *passphrase {
        bail!("the two passphrases differ");
    }
    Ok(passphrase)
}

/// The first line of a file, without its end.
pub(crate) fn read_passphrase(file: &Path) -> Result<Zeroizing<String>> {
    let bytes = read(Some(file))?;
    let text = std::str::from_utf8(&bytes).with_context(|| format!("{} is not text", file.display()))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Zeroizing::new(line.to_owned())),
        _ => bail!("{} holds no passphrase", file.display()),
    }
}

/// A passphrase, from the terminal.
fn ask(prompt: &str) -> Result<Zeroizing<String>> {
    ask_for(prompt, "the passphrase", "without a terminal, name a file that holds it with --passphrase-file")
}

/// From the terminal, which shows nothing of it, whatever stdin and stdout are.
fn ask_for(prompt: &str, what: &str, hint: &'static str) -> Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(|error| anyhow!(Hint(hint)).context(format!("{what} cannot be asked for: {error}")))
}

/// Reads a mnemonic from a file, or from the terminal; and BIP-39's passphrase, where a file holds one.
pub(crate) fn read_mnemonic(words: Option<&Path>, passphrase: Option<&Path>) -> Result<Mnemonic> {
    let passphrase = passphrase.map(read_passphrase).transpose()?;
    let passphrase = passphrase.as_deref().map_or("", String::as_str);
    let Some(path) = words else {
        let words = ask_for(
            "mnemonic words: ",
            "the mnemonic",
            "without a terminal, name a file that holds it with --mnemonic-file",
        )?;
        return Ok(Mnemonic::parse(&words, passphrase)?);
    };
    let bytes = read(Some(path))?;
    let text = std::str::from_utf8(&bytes).with_context(|| format!("{} is not text", path.display()))?;
    // Editors put a byte order mark before it, and people write capitals.
    let text = Zeroizing::new(text.trim_start_matches('\u{feff}').to_ascii_lowercase());
    Mnemonic::parse(&text, passphrase).with_context(|| format!("{} holds no mnemonic", path.display()))
}

/// Refuses an output that would take the place of a secret that a command reads.
pub(crate) fn refuse_overwriting(secrets: &[&Path], output: Option<&Path>) -> Result<()> {
    let Some(Ok(output)) = output.map(Path::canonicalize) else { return Ok(()) };
    // What is no file, such as /dev/stdin, is not replaced.
    let is_output = |secret: &&&Path| secret.canonicalize().is_ok_and(|secret| secret == output);
    match secrets.iter().find(is_output) {
        Some(secret) if output.is_file() => Err(anyhow!(Hint("name another file with -o"))
            .context(format!("{} would be overwritten, and is read as a secret", secret.display()))),
        _ => Ok(()),
    }
}

/// Reads an Ethereum private key: `0x` and 64 hex digits, and nothing else but white space around.
pub(crate) fn read_wallet(path: &Path) -> Result<WalletKey> {
    let bytes = read(Some(path))?;
    let text = std::str::from_utf8(&bytes).unwrap_or("");
    text.trim().parse().with_context(|| format!("{} is no wallet file", path.display()))
}

/// The recipients of a flag, such as -r, each once.
pub(crate) fn named(flag: &str, texts: &[String]) -> Result<Vec<Recipient>> {
    let mut keys = Vec::new();
    for (number, text) in (1..).zip(texts) {
        // Not repeated: it might be a secret key by mistake.
        let key = text.parse::<Recipient>().with_context(|| format!("recipient {number} of {flag}"))?;
        add(&mut keys, key);
    }
    Ok(keys)
}

/// The recipients of `-r` and of the files of `-R`, each once.
pub(crate) fn recipients(texts: &[String], files: &[PathBuf]) -> Result<Vec<Recipient>> {
    let mut keys = named("-r", texts)?;
    for path in files {
        let bytes = read(Some(path))?;
        let text = std::str::from_utf8(&bytes).with_context(|| format!("{} is not text", path.display()))?;
        let mut named = (1..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
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
pub(crate) fn add(keys: &mut Vec<Recipient>, key: Recipient) {
    if !keys.contains(&key) {
        keys.push(key);
    }
}
