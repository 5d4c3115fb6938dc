//! `strongroom keygen`

use super::rng;
use crate::args::Keygen;
use crate::files;
use anyhow::Result;
use strongroom::key::DecapsulationKey;
use strongroom::{derive, keyfile};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

pub(super) fn run(args: &Keygen) -> Result<()> {
    let key = match &args.from_eth_key_file {
        Some(path) => derive::w3pk(&files::read_wallet(path)?, &args.context),
        None => DecapsulationKey::generate(&mut rng()),
    };
    let text = if args.admin_env {
        let (public, private) = (key.encapsulation_key().to_base64(), key.to_expanded_base64());
        let mut lines = Zeroizing::new(String::with_capacity(public.len() + private.len() + 64));
        for part in ["ADMIN_MLKEM_PUBLIC_KEY=", &public, "\nADMIN_MLKEM_PRIVATE_KEY=", &private, "\n"] {
            lines.push_str(part);
        }
        lines
    } else {
        let now = OffsetDateTime::now_utc().replace_nanosecond(0)?;
        keyfile::write(&key, &now.format(&Rfc3339)?)
    };
    files::write_new_secret(args.output.as_deref(), &text)?;
    anstream::eprintln!("fingerprint: {}", key.encapsulation_key().id());
    Ok(())
}
