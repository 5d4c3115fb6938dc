//! A vault's key that the operator imports.

use crate::error::Hint;
use crate::files;
use anyhow::{Context, Result, anyhow, bail};
use std::path::Path;
use strongroom::key::DecapsulationKey;
use zeroize::Zeroizing;

const PRIVATE_KEY: &str = "ADMIN_MLKEM_PRIVATE_KEY";
const PUBLIC_KEY: &str = "ADMIN_MLKEM_PUBLIC_KEY";

/// Reads the imported key from `ADMIN_MLKEM_PRIVATE_KEY`, or from the file that its `_FILE`
/// variable names. `ADMIN_MLKEM_PUBLIC_KEY`, if it is set, must fit it.
pub(crate) fn imported_key() -> Result<Option<DecapsulationKey>> {
    let Some(private) = variable(PRIVATE_KEY)? else {
        if variable(PUBLIC_KEY)?.is_some() {
            bail!("{PUBLIC_KEY} is set without {PRIVATE_KEY}");
        }
        return Ok(None);
    };
    let key = DecapsulationKey::from_secret_text(private.trim())
        .with_context(|| format!("{PRIVATE_KEY} is not a key"))?;
    if let Some(public) = variable(PUBLIC_KEY)?
        && public.trim() != key.encapsulation_key().to_base64()
    {
        bail!("{PUBLIC_KEY} is not the public key of {PRIVATE_KEY}");
    }
    Ok(Some(key))
}

fn variable(name: &str) -> Result<Option<Zeroizing<String>>> {
    let file = format!("{name}_FILE");
    match (std::env::var_os(name), std::env::var_os(&file)) {
        (Some(_), Some(_)) => bail!("{name} and {file} are both set"),
        // An empty variable does not ask for a new vault: more likely, a secret was not passed on.
        (Some(text), None) if text.is_empty() => {
            Err(anyhow!(Hint("unset it to run without an imported key"))
                .context(format!("{name} is set and empty")))
        }
        (Some(text), None) => match text.into_string() {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(_) => bail!("{name} is not text"),
        },
        (None, Some(path)) => {
            let bytes = files::read(Some(Path::new(&path))).context(file)?;
            let text =
                std::str::from_utf8(&bytes).with_context(|| format!("the file of {name} is not text"))?;
            Ok(Some(Zeroizing::new(text.to_owned())))
        }
        (None, None) => Ok(None),
    }
}
