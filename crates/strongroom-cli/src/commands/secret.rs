//! `strongroom secret put|get|open|list|rm`

use crate::envelope_policy::PolicyArgs;
use crate::error::{Hint, tell};
use crate::format::Format;
use crate::streams::{self, Input, Kind};
use crate::times::parse_time;
use crate::trust::Trust;
use crate::{files, identities, recipients, sealed_input};
use anyhow::{Context, Result, anyhow};
use serde_json::json;
use std::path::PathBuf;
use strongroom::derive::{self, W3PK_DEFAULT_CONTEXT};
use strongroom::envelope;
use strongroom::key::Recipient;
use strongroom::os_rng;
use strongroom::policy::EnvelopePolicy;
use strongroom::principal::Principal;
use strongroom::wallet::{WalletAddress, WalletKey};
use strongroom::{SealedSecret, SlotId, w3pk};
use strongroom_attest::TrustAnchors;
use strongroom_client::{Vault, VerifiedVault};
use time::format_description::well_known::Rfc3339;

/// Keep secrets in a vault
///
/// Example:  echo hello | strongroom secret put --allow-no-tee --wallet-file wallet.txt
#[derive(clap::Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum SecretCommand {
    Put(Put),
    Get(Get),
    Open(Open),
    List(List),
    Rm(Remove),
}

/// The vault, and the wallet that signs in.
#[derive(clap::Args)]
pub(crate) struct Remote {
    /// The vault: https://host[:port], or http:// to this machine
    #[arg(long, value_name = "URL", default_value = "http://localhost:3000")]
    pub(crate) server: String,
    /// The wallet that signs: a file with an Ethereum private key, 0x and 64 hex digits
    #[arg(long, value_name = "FILE")]
    pub(crate) wallet_file: PathBuf,
    #[command(flatten)]
    pub(crate) trust: Trust,
}

pub(crate) fn run(args: &SecretCommand, roots: &TrustAnchors) -> Result<()> {
    match args {
        SecretCommand::Put(args) => put(args, roots),
        SecretCommand::Get(args) => get(args, roots),
        SecretCommand::Open(args) => open(args, roots),
        SecretCommand::List(args) => list(args, roots),
        SecretCommand::Rm(args) => remove(args, roots),
    }
}

/// Reads the wallet, and verifies the vault.
fn connect(remote: &Remote, roots: &TrustAnchors) -> Result<(WalletKey, VerifiedVault)> {
    let wallet = files::read_wallet(&remote.wallet_file)?;
    let vault = Vault::at(&remote.server)?.attest(&remote.trust.policy(&remote.server, roots)?)?;
    Ok((wallet, vault))
}

/// Seal a file or standard input for yourself and the vault, store it, and print its slot
///
/// Example:  strongroom secret put --wallet-file wallet.txt --server https://vault.example note.txt
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Put {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Seal for this public key too (can be repeated); the wallet's own w3pk key always is
    #[arg(short, long, value_name = "KEY")]
    pub(crate) recipient: Vec<String>,
    /// Seal for every public key in this file too (can be repeated)
    #[arg(short = 'R', long, value_name = "FILE")]
    pub(crate) recipients_file: Vec<PathBuf>,
    /// Do not seal for the vault: it keeps the secret but cannot open it
    #[arg(long)]
    pub(crate) not_for_vault: bool,
    /// The time when the vault deletes it, in RFC 3339, such as 2027-01-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) expires_at: Option<time::OffsetDateTime>,
    /// The format to seal in; w3pk clients read w3pk
    #[arg(long, value_enum, default_value_t = Format::Envelope)]
    pub(crate) format: Format,
    /// Store the input as it is: it is sealed already, such as by `strongroom rewrap`
    #[arg(long, conflicts_with_all = ["recipient", "recipients_file", "not_for_vault", "format", "owner", "not_before", "not_after", "label"])]
    pub(crate) sealed: bool,
    /// Replace what this slot holds, instead of making a new slot
    #[arg(long, value_name = "SLOT")]
    pub(crate) slot: Option<SlotId>,
    /// With --slot: replace it only if its ETag is still this one (default: its ETag now)
    #[arg(long, value_name = "ETAG", requires = "slot")]
    pub(crate) if_match: Option<String>,
    /// The secret (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

fn put(args: &Put, roots: &TrustAnchors) -> Result<()> {
    let (wallet, vault) = connect(&args.remote, roots)?;
    let input = Input::open(args.input.as_deref())?.read_whole(&[])?;
    let mut readers = args.policy.reader.clone();
    let sealed = if args.sealed {
        let sealed = sealed_input::parse(&input)?;
        if matches!(sealed, SealedSecret::Envelope(_)) && !readers.is_empty() {
            return Err(anyhow!(Hint(
                "leave out --reader; `strongroom rewrap --rotate-key --reader 0x…` changes them"
            ))
            .context("an envelope holds its readers, and --sealed stores it as it is"));
        }
        sealed
    } else {
        readers.push(wallet.address().into());
        seal(args, &wallet, &vault, &input, &readers)?
    };
    // An envelope holds its own readers; a payload's readers are named in the request.
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

/// Seals for the wallet's own key, the named recipients, and the vault.
fn seal(
    args: &Put,
    wallet: &WalletKey,
    vault: &VerifiedVault,
    plaintext: &[u8],
    readers: &[Principal],
) -> Result<SealedSecret> {
    let mine = derive::w3pk(wallet, W3PK_DEFAULT_CONTEXT).encapsulation_key();
    let mut keys = vec![Recipient::from(mine)];
    for key in recipients::read(&args.recipient, &args.recipients_file)? {
        recipients::add(&mut keys, key);
    }
    let mut policy = EnvelopePolicy { readers: readers.to_vec(), ..args.policy.to_policy()? };
    if let Some(generation) = args.format.generation() {
        let only_readers = EnvelopePolicy { readers: readers.to_vec(), ..EnvelopePolicy::default() };
        if policy != only_readers {
            return Err(anyhow!(Hint("leave out --format"))
                .context("a w3pk payload carries no policy: only its readers are kept with it"));
        }
        if !args.not_for_vault {
            recipients::add(&mut keys, vault.server().encapsulation_key().clone().into());
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

fn as_wallet(principal: Principal) -> Result<WalletAddress> {
    match principal {
        Principal::Wallet(address) => Ok(address),
        other => Err(anyhow!(Hint("leave out --format"))
            .context(format!("{other} is not a wallet, and only wallets can be readers of a w3pk payload"))),
    }
}

/// Fetch a sealed secret and open it here, without the vault's key
///
/// Example:  strongroom secret get --server https://vault.example --wallet-file wallet.txt 05919c62…
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Open with this key file (default: the wallet's own w3pk key)
    #[arg(short, long, value_name = "KEYFILE")]
    pub(crate) identity: Vec<PathBuf>,
    /// The file whose first line unlocks locked key files (default: ask on the terminal)
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Write the secret still sealed, and its ETag to standard error
    #[arg(long, conflicts_with = "identity")]
    pub(crate) sealed: bool,
    /// Write to this file (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The slot: 64 hex digits
    pub(crate) slot: SlotId,
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
        paths => identities::read(paths, args.passphrase_file.as_deref())?,
    };
    streams::write(output, sealed_input::open(&fetched.sealed, &keys)?.expose(), Kind::Opened)
}

/// Have the vault open a secret
///
/// Example:  strongroom secret open --server https://vault.example --wallet-file wallet.txt 05919c62…
///
/// The answer is sealed to a key that is made for it, so a proxy that ends the TLS cannot read it.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Open {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Have the answer sealed to this public key instead, and write the envelope
    #[arg(long, value_name = "KEY")]
    pub(crate) seal_to: Option<String>,
    /// Write to this file (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The slot: 64 hex digits
    pub(crate) slot: SlotId,
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

/// List the slots that your wallet owns or can read
///
/// Example:  strongroom secret list --server https://vault.example --wallet-file wallet.txt
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Write JSON, one object on each line
    #[arg(long)]
    pub(crate) json: bool,
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

/// Delete a secret that you own from the vault
///
/// Example:  strongroom secret rm --server https://vault.example --wallet-file wallet.txt 05919c62…
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Remove {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The slot: 64 hex digits
    pub(crate) slot: SlotId,
}

fn remove(args: &Remove, roots: &TrustAnchors) -> Result<()> {
    let (wallet, vault) = connect(&args.remote, roots)?;
    Ok(vault.delete(args.slot, &wallet)?)
}
