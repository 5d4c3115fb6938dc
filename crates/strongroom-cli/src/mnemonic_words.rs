//! Mnemonics: a file with the words, or asked for on the terminal.

use crate::passphrases::{ask_for, read_passphrase};
use crate::{files, streams};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use strongroom::mnemonic::Mnemonic;
use zeroize::Zeroizing;

/// The mnemonic, and the account of it, that keys are derived from.
#[derive(clap::Args)]
pub(crate) struct Words {
    /// The mnemonic: a file with 12 to 24 BIP-39 words (default: ask on the terminal)
    #[arg(long, value_name = "FILE")]
    pub(crate) mnemonic_file: Option<PathBuf>,
    /// The file whose first line is BIP-39's passphrase (default: no passphrase)
    #[arg(long, value_name = "FILE")]
    pub(crate) mnemonic_passphrase_file: Option<PathBuf>,
    /// The number of the mnemonic's account; with --compat, the index of the SLH-DSA key
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) account: u32,
}

impl Words {
    /// Refuses words from standard input where another input is read from it too, and an output
    /// that would replace the file of the words or of their passphrase.
    pub(crate) fn check_files(&self, inputs: &[Option<&Path>], output: Option<&Path>) -> Result<()> {
        let secrets = [self.mnemonic_file.as_deref(), self.mnemonic_passphrase_file.as_deref()];
        let secrets: Vec<&Path> = secrets.into_iter().flatten().collect();
        streams::refuse_stdin_twice(secrets.iter().copied().map(Some).chain(inputs.iter().copied()))?;
        files::refuse_overwriting(&secrets, output)
    }

    /// Reads the mnemonic, or asks for it on the terminal.
    pub(crate) fn read(&self) -> Result<Mnemonic> {
        read_mnemonic(self.mnemonic_file.as_deref(), self.mnemonic_passphrase_file.as_deref())
    }
}

/// Reads a mnemonic from a file or from the terminal, and BIP-39's passphrase from a file if one is
/// named.
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
    let bytes = files::read(Some(path))?;
    let text = std::str::from_utf8(&bytes).with_context(|| format!("{} is not text", path.display()))?;
    // Editors put a byte order mark before the words, and people write capitals.
    let text = Zeroizing::new(text.trim_start_matches('\u{feff}').to_ascii_lowercase());
    Mnemonic::parse(&text, passphrase).with_context(|| format!("{} does not hold a mnemonic", path.display()))
}
