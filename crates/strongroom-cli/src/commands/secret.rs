//! `strongroom secret put|get|open|list|rm`

use crate::cli::{Get, List, Open, Put, Remote, Remove, Secret};
use crate::error::{Hint, tell};
use crate::files::{self, Passphrase};
use crate::streams::{self, Input, Kind};
use crate::{recipients, sealed_input as decrypt};
use anyhow::{Context, Result, anyhow};
use serde_json::json;
use std::io::Read;
use strongroom::derive::{self, W3PK_DEFAULT_CONTEXT};
use strongroom::envelope::{self, Envelope, EnvelopeError, armor};
use strongroom::key::Recipient;
use strongroom::os_rng;
use strongroom::policy::EnvelopePolicy;
use strongroom::wallet::WalletKey;
use strongroom::{SealedSecret, w3pk};
use strongroom::{principal::Principal, wallet::WalletAddress};
use strongroom_attest::TrustAnchors;
use strongroom_client::{Vault, VerifiedVault};
use time::format_description::well_known::Rfc3339;

pub(super) fn run(args: &Secret, roots: &TrustAnchors) -> Result<()> {
    match args {
        Secret::Put(args) => put(args, roots),
        Secret::Get(args) => get(args, roots),
        Secret::Open(args) => open(args, roots),
        Secret::List(args) => list(args, roots),
        Secret::Rm(args) => remove(args, roots),
    }
}

/// The wallet, and the vault once it is verified.
fn connect(remote: &Remote, roots: &TrustAnchors) -> Result<(WalletKey, VerifiedVault)> {
    let wallet = files::read_wallet(&remote.wallet_file)?;
    let vault = Vault::at(&remote.server)?.attest(&remote.trust.policy(&remote.server, roots)?)?;
    Ok((wallet, vault))
}

fn put(args: &Put, roots: &TrustAnchors) -> Result<()> {
    let (wallet, vault) = connect(&args.remote, roots)?;
    let input = Input::open(args.input.as_deref())?.read_whole(&[])?;
    let mut readers = args.policy.reader.clone();
    let sealed = if args.sealed {
        let sealed = read_sealed(&input)?;
        if matches!(sealed, SealedSecret::Envelope(_)) && !readers.is_empty() {
            return Err(anyhow!(Hint(
                "leave out --reader; `strongroom rewrap --rotate-key --reader 0x…` changes them"
            ))
            .context("an envelope's readers are inside, and it is stored as it is"));
        }
        sealed
    } else {
        readers.push(wallet.address().into());
        seal(args, &wallet, &vault, &input, &readers)?
    };
    // An envelope's readers travel inside.
    let named = match &sealed {
        SealedSecret::Envelope(_) => Vec::new(),
        SealedSecret::W3pk(_) => readers.into_iter().map(as_wallet).collect::<Result<_>>()?,
    };
    let stored = match args.slot {
        None => vault.store(&sealed, &named, args.expires_at, Some(&wallet))?,
        Some(slot) => {
            let etag = match &args.if_match {
                Some(etag) => etag.clone(),
                None => vault.fetch(slot, &wallet)?.etag,
            };
            vault.replace(slot, &etag, &sealed, &named, args.expires_at, &wallet)?
        }
    };
    streams::write(None, format!("{}\n", stored.slot).as_bytes(), Kind::Text)
}

/// Seals for the wallet's own key, whoever else is named, and the vault.
fn seal(
    args: &Put,
    wallet: &WalletKey,
    vault: &VerifiedVault,
    plaintext: &[u8],
    readers: &[Principal],
) -> Result<SealedSecret> {
    let mine = derive::w3pk(wallet, W3PK_DEFAULT_CONTEXT).encapsulation_key();
    let mut keys = vec![Recipient::from(mine)];
    for key in files::recipients(&args.recipient, &args.recipients_file)? {
        files::add(&mut keys, key);
    }
    let mut policy = EnvelopePolicy { readers: readers.to_vec(), ..args.policy.to_policy()? };
    if let Some(generation) = args.format.generation() {
        let only_readers = EnvelopePolicy { readers: readers.to_vec(), ..EnvelopePolicy::default() };
        if policy != only_readers {
            return Err(anyhow!(Hint("leave out --format"))
                .context("a w3pk payload carries no policy: its readers alone are kept beside it"));
        }
        if !args.not_for_vault {
            files::add(&mut keys, vault.server().encapsulation_key().clone().into());
        }
        let keys = recipients::for_w3pk(keys)?;
        return Ok(w3pk::seal(plaintext, &keys, generation, &mut os_rng())?.into());
    }
    if policy.owners.is_empty() {
        policy.owners = vec![wallet.address().into()];
    }
    if !args.not_for_vault {
        recipients::add_vault(&mut keys, &mut policy, vault.server());
    }
    Ok(envelope::seal(plaintext, &keys, policy, &mut os_rng())?.into())
}

/// An envelope, in armor or not, or a w3pk payload.
fn read_sealed(bytes: &[u8]) -> Result<SealedSecret> {
    if bytes.starts_with(armor::BEGIN.as_bytes()) {
        let mut inner = Vec::new();
        armor::ArmorReader::new(bytes).read_to_end(&mut inner).map_err(|_| EnvelopeError::Armor)?;
        return Ok(Envelope::parse(inner)?.into());
    }
    if bytes.starts_with(&envelope::MAGIC[..5]) {
        return Ok(Envelope::parse(bytes.to_vec())?.into());
    }
    Ok(SealedSecret::from_json(bytes)?)
}

fn as_wallet(principal: Principal) -> Result<WalletAddress> {
    match principal {
        Principal::Wallet(address) => Ok(address),
        other => Err(anyhow!(Hint("leave out --format"))
            .context(format!("{other} is no wallet, and only wallets are named beside a w3pk payload"))),
    }
}

fn get(args: &Get, roots: &TrustAnchors) -> Result<()> {
    let (wallet, vault) = connect(&args.remote, roots)?;
    let fetched = vault.fetch(args.slot, &wallet)?;
    let output = args.output.as_deref();
    if args.sealed {
        match &fetched.sealed {
            SealedSecret::W3pk(payload) => streams::write(output, payload.to_json().as_bytes(), Kind::Text)?,
            SealedSecret::Envelope(envelope) => streams::write(output, envelope.as_bytes(), Kind::Sealed)?,
        }
        tell(format_args!("etag: {}", fetched.etag));
        return Ok(());
    }
    let keys = match &args.identity[..] {
        [] => vec![derive::w3pk(&wallet, W3PK_DEFAULT_CONTEXT).into()],
        paths => {
            let passphrase = Passphrase::of(args.passphrase_file.as_deref());
            paths.iter().map(|path| files::read_key(path, &passphrase)).collect::<Result<_>>()?
        }
    };
    streams::write(output, decrypt::open(&fetched.sealed, &keys)?.expose(), Kind::Opened)
}

fn open(args: &Open, roots: &TrustAnchors) -> Result<()> {
    let (wallet, vault) = connect(&args.remote, roots)?;
    let output = args.output.as_deref();
    if let Some(key) = &args.seal_to {
        let recipient: Recipient = key.parse().context("--seal-to")?;
        let sealed = vault.open_to(args.slot, &recipient, &wallet)?;
        return streams::write(output, sealed.as_bytes(), Kind::Sealed);
    }
    let plaintext = vault.open(args.slot, &wallet)?;
    streams::write(output, plaintext.expose(), Kind::Opened)
}

fn list(args: &List, roots: &TrustAnchors) -> Result<()> {
    let (wallet, vault) = connect(&args.remote, roots)?;
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
    streams::write(None, text.as_bytes(), Kind::Text)?;
    if slots.is_empty() {
        tell(format_args!("no slots for {}", wallet.address()));
    }
    Ok(())
}

fn remove(args: &Remove, roots: &TrustAnchors) -> Result<()> {
    let (wallet, vault) = connect(&args.remote, roots)?;
    Ok(vault.delete(args.slot, &wallet)?)
}
