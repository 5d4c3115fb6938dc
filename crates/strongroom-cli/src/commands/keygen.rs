//! `strongroom keygen`

use crate::cli::{Kem, Keygen};
use crate::error::tell;
use crate::{files, streams};
use anyhow::Result;
use strongroom::key::{DecapsulationKey, HybridDecapsulationKey, Identity};
use strongroom::os_rng;
use strongroom::{derive, keyfile};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

pub(super) fn run(args: &Keygen) -> Result<()> {
    let identity = match (&args.from_eth_key_file, &args.from_mnemonic_file, args.kem) {
        (Some(path), ..) => derive::w3pk(&files::read_wallet(path)?, &args.context).into(),
        (None, Some(path), _) => {
            let passphrase = args.mnemonic_passphrase_file.as_deref();
            derive::strongroom(&files::read_mnemonic(Some(path), passphrase)?, args.account).into()
        }
        (None, None, Kem::Mlkem1024) => DecapsulationKey::generate(&mut os_rng()).into(),
        (None, None, Kem::Mlkem1024P384) => HybridDecapsulationKey::generate(&mut os_rng()).into(),
    };
    let now = OffsetDateTime::now_utc().replace_nanosecond(0)?.format(&Rfc3339)?;
    let text = match &identity {
        Identity::MlKem1024(key) if args.admin_env => admin_env(key),
        _ if args.passphrase || args.passphrase_file.is_some() => {
            let passphrase = files::new_passphrase(args.passphrase_file.as_deref())?;
            keyfile::write_locked(&identity, passphrase.as_bytes(), &now, &mut os_rng())
        }
        _ => keyfile::write(&identity, &now),
    };
    streams::write_new_secret(args.output.as_deref(), &text)?;
    tell(format_args!("fingerprint: {}", identity.recipient().id()));
    Ok(())
}

fn admin_env(key: &DecapsulationKey) -> Zeroizing<String> {
    let (public, private) = (key.encapsulation_key().to_base64(), key.to_expanded_base64());
    let mut lines = Zeroizing::new(String::with_capacity(public.len() + private.len() + 64));
    for part in ["ADMIN_MLKEM_PUBLIC_KEY=", &public, "\nADMIN_MLKEM_PRIVATE_KEY=", &private, "\n"] {
        lines.push_str(part);
    }
    lines
}
