//! `strongroom secret put|get|open|list|rm`

use super::{decrypt, rng};
use crate::args::{Get, List, Open, Put, Remote, Remove, Secret, Trust};
use crate::files::{self, Kind};
use anyhow::Result;
use serde_json::json;
use strongroom::derive::{self, W3PK_DEFAULT_CONTEXT};
use strongroom::w3pk::{self, Generation, Sealed};
use strongroom::wallet::WalletKey;
use strongroom_client::{Policy, Vault, VerifiedVault};
use time::format_description::well_known::Rfc3339;

pub(super) fn run(args: &Secret) -> Result<()> {
    match args {
        Secret::Put(args) => put(args),
        Secret::Get(args) => get(args),
        Secret::Open(args) => open(args),
        Secret::List(args) => list(args),
        Secret::Rm(args) => remove(args),
    }
}

impl Trust {
    pub(super) fn policy(&self) -> Policy {
        Policy {
            allow_no_tee: self.allow_no_tee,
            allow_imported_key: self.allow_imported_key,
            ..Policy::default()
        }
    }
}

/// The wallet, and the vault once it is verified.
fn connect(remote: &Remote) -> Result<(WalletKey, VerifiedVault)> {
    let wallet = files::read_wallet(&remote.wallet_file)?;
    let vault = Vault::at(&remote.server)?.attest(&remote.trust.policy())?;
    Ok((wallet, vault))
}

fn put(args: &Put) -> Result<()> {
    let (wallet, vault) = connect(&args.remote)?;
    let mut recipients = vec![derive::w3pk(&wallet, W3PK_DEFAULT_CONTEXT).encapsulation_key()];
    for key in files::recipients(&args.recipient, &args.recipients_file)? {
        files::add(&mut recipients, key);
    }
    if !args.not_for_vault {
        files::add(&mut recipients, vault.server().encapsulation_key().clone());
    }
    let plaintext = files::read(args.input.as_deref())?;
    let sealed = Sealed::from(w3pk::seal(&plaintext, &recipients, Generation::Second, &mut rng())?);
    let readers = [&[wallet.address()], &args.reader[..]].concat();
    let stored = vault.store(&sealed, &readers, args.expires_at, Some(&wallet))?;
    files::write(None, format!("{}\n", stored.slot).as_bytes(), Kind::Text)
}

fn get(args: &Get) -> Result<()> {
    let (wallet, vault) = connect(&args.remote)?;
    let fetched = vault.fetch(args.slot, &wallet)?;
    let output = args.output.as_deref();
    if args.sealed {
        return files::write(output, fetched.sealed.to_json().as_bytes(), Kind::Text);
    }
    let keys = match &args.identity[..] {
        [] => vec![derive::w3pk(&wallet, W3PK_DEFAULT_CONTEXT)],
        paths => paths.iter().map(|path| files::read_key(path)).collect::<Result<_>>()?,
    };
    files::write(output, decrypt::open(&fetched.sealed, &keys)?.expose(), Kind::Opened)
}

fn open(args: &Open) -> Result<()> {
    let (wallet, vault) = connect(&args.remote)?;
    let plaintext = vault.open(args.slot, &wallet)?;
    files::write(args.output.as_deref(), plaintext.expose(), Kind::Opened)
}

fn list(args: &List) -> Result<()> {
    let (wallet, vault) = connect(&args.remote)?;
    let slots = vault.slots(&wallet)?;
    let mut text = String::new();
    for slot in &slots {
        let created_at = slot.created_at.format(&Rfc3339)?;
        let expires_at = slot.expires_at.map(|at| at.format(&Rfc3339)).transpose()?;
        let roles = match (slot.owner, slot.reader) {
            (true, true) => "owner,reader",
            (true, false) => "owner",
            _ => "reader",
        };
        if args.json {
            let line = json!({
                "slot": slot.slot.to_string(), "owner": slot.owner, "reader": slot.reader, "openable": slot.openable,
                "createdAt": created_at, "expiresAt": expires_at,
            });
            text += &format!("{line}\n");
        } else {
            let end = expires_at.as_deref().unwrap_or("-");
            text += &format!("{}  {roles:12}  {created_at}  {end}\n", slot.slot);
        }
    }
    files::write(None, text.as_bytes(), Kind::Text)?;
    if slots.is_empty() {
        anstream::eprintln!("no slots for {}", wallet.address());
    }
    Ok(())
}

fn remove(args: &Remove) -> Result<()> {
    let (wallet, vault) = connect(&args.remote)?;
    Ok(vault.delete(args.slot, &wallet)?)
}
