//! Small files, read whole.

use crate::error::Hint;
use crate::streams::Input;
use anyhow::{Context, Result, anyhow};
use std::path::Path;
use strongroom::wallet::WalletKey;
use zeroize::Zeroizing;

/// Reads a file, or stdin, whole.
pub(crate) fn read(path: Option<&Path>) -> Result<Zeroizing<Vec<u8>>> {
    Input::open(path)?.read_whole(&[])
}

/// Reads an Ethereum private key: `0x` and 64 hex digits, with nothing but white space around them.
pub(crate) fn read_wallet(path: &Path) -> Result<WalletKey> {
    let bytes = read(Some(path))?;
    let text = std::str::from_utf8(&bytes).unwrap_or("");
    text.trim().parse().with_context(|| format!("{} is not a wallet file", path.display()))
}

/// Refuses an output that would replace a file with a secret that the command reads.
pub(crate) fn refuse_overwriting(secrets: &[&Path], output: Option<&Path>) -> Result<()> {
    let Some(Ok(output)) = output.map(Path::canonicalize) else { return Ok(()) };
    // Something that is not a regular file, such as /dev/stdin, is not replaced.
    let is_output = |secret: &&&Path| secret.canonicalize().is_ok_and(|secret| secret == output);
    match secrets.iter().find(is_output) {
        Some(secret) if output.is_file() => Err(anyhow!(Hint("name another file with -o"))
            .context(format!("{} would be overwritten, and a secret is read from it", secret.display()))),
        _ => Ok(()),
    }
}
