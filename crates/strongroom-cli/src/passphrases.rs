//! Passphrases: the first line of a file, or asked for on the terminal.

use crate::error::Hint;
use crate::files;
use anyhow::{Context, Result, anyhow, bail};
use std::path::Path;
use zeroize::Zeroizing;

/// Reads the first line of a file, without its line ending.
pub(crate) fn read_passphrase(file: &Path) -> Result<Zeroizing<String>> {
    let bytes = files::read(Some(file))?;
    let text = std::str::from_utf8(&bytes).with_context(|| format!("{} is not text", file.display()))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Zeroizing::new(line.to_owned())),
        _ => bail!("{} holds no passphrase: its first line is empty", file.display()),
    }
}

/// Reads a new passphrase from a file, or asks for it twice on the terminal.
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

/// Asks for a passphrase on the terminal.
pub(crate) fn ask(prompt: &str) -> Result<Zeroizing<String>> {
    ask_for(prompt, "the passphrase", "without a terminal, name a file that holds it with --passphrase-file")
}

/// Asks on the terminal, which does not show the answer, even where stdin and stdout are
/// redirected.
pub(crate) fn ask_for(prompt: &str, what: &str, hint: &'static str) -> Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|error| {
        anyhow!(Hint(hint)).context(format!("cannot ask for {what} on the terminal: {error}"))
    })
}
