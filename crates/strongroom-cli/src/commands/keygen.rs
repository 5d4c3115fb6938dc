//! `strongroom keygen`

use crate::error::tell;
use crate::mnemonic_words::read_mnemonic;
use crate::{files, passphrases, streams};
use anyhow::Result;
use std::path::PathBuf;
use strongroom::key::{DecapsulationKey, HybridDecapsulationKey, Identity};
use strongroom::os_rng;
use strongroom::{derive, keyfile};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

/// Make a key
///
/// Example:  strongroom keygen -o key.txt && strongroom pubkey key.txt
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Keygen {
    /// Write the secret key to a new file of mode 0600 (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The kind of key
    #[arg(long, value_enum, default_value_t = Kem::Mlkem1024, conflicts_with_all = ["from_eth_key_file", "admin_env"])]
    pub(crate) kem: Kem,
    /// Lock the key with a passphrase that is asked for on the terminal
    #[arg(short, long, conflicts_with_all = ["admin_env", "passphrase_file"])]
    pub(crate) passphrase: bool,
    /// Lock the key with the passphrase on the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "admin_env")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Derive the key from an Ethereum private key, as w3pk does: a file with 0x and 64 hex digits
    #[arg(long, value_name = "FILE")]
    pub(crate) from_eth_key_file: Option<PathBuf>,
    /// Derive the key from a mnemonic, so the words are its backup: a file with 12 to 24 BIP-39
    /// words
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from_eth_key_file", "kem"])]
    pub(crate) from_mnemonic_file: Option<PathBuf>,
    /// The file whose first line is BIP-39's passphrase (default: no passphrase)
    #[arg(long, value_name = "FILE", requires = "from_mnemonic_file")]
    pub(crate) mnemonic_passphrase_file: Option<PathBuf>,
    /// The number of the mnemonic's account
    #[arg(long, value_name = "N", requires = "from_mnemonic_file", default_value_t = 0)]
    pub(crate) account: u32,
    /// The derivation's context, such as an application's name
    #[arg(long, value_name = "TEXT", requires = "from_eth_key_file", default_value = strongroom::derive::W3PK_DEFAULT_CONTEXT)]
    pub(crate) context: String,
    /// Write the two ADMIN_MLKEM_… lines of a zk-api .env file instead of a key file
    #[arg(long)]
    pub(crate) admin_env: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kem {
    /// ML-KEM-1024 (FIPS 203)
    Mlkem1024,
    /// MLKEM1024-P384: ML-KEM-1024 and ECDH on P-384, of which one must hold
    #[value(name = "mlkem1024-p384")]
    Mlkem1024P384,
}

pub(crate) fn run(args: &Keygen) -> Result<()> {
    let identity = match (&args.from_eth_key_file, &args.from_mnemonic_file, args.kem) {
        (Some(path), ..) => derive::w3pk(&files::read_wallet(path)?, &args.context).into(),
        (None, Some(path), _) => {
            let passphrase = args.mnemonic_passphrase_file.as_deref();
            derive::strongroom(&read_mnemonic(Some(path), passphrase)?, args.account).into()
        }
        (None, None, Kem::Mlkem1024) => DecapsulationKey::generate(&mut os_rng()).into(),
        (None, None, Kem::Mlkem1024P384) => HybridDecapsulationKey::generate(&mut os_rng()).into(),
    };
    let now = OffsetDateTime::now_utc().replace_nanosecond(0)?.format(&Rfc3339)?;
    let text = match &identity {
        Identity::MlKem1024(key) if args.admin_env => admin_env(key),
        _ if args.passphrase || args.passphrase_file.is_some() => {
            let passphrase = passphrases::new_passphrase(args.passphrase_file.as_deref())?;
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
