//! `strongroom demo backup`: a wallet is backed up, lost, and restored from its words. On the way,
//! the server refuses what it must.

use super::steps::{Steps, show};
use crate::error::Refused;
use anyhow::{Context, Result};
use getrandom::rand_core::Rng;
use serde_json::json;
use strongroom::backup::{
    Archive, BackupContent, CapsuleKem, Keys, PayloadCipher, Position, SignedBackup, UserId,
};
use strongroom::mnemonic::Mnemonic;
use strongroom::os_rng;
use strongroom::sign_in::Act;
use strongroom::wallet::WalletKey;
use strongroom_client::{BackupServer, ClientError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

/// The number of accounts of a wallet that has been in use for years.
const ACCOUNTS: u32 = 30;

pub(super) fn flow(url: &str, server: &BackupServer) -> Result<()> {
    let mut steps = Steps { number: 0 };
    show("server", url);
    let words = new_words()?;
    let mnemonic = Mnemonic::parse(&words, "")?;
    let archive = steps.step("Wallet: 30 accounts and settings, as JSON", || {
        Ok(Archive::from_json(wallet_json().as_bytes())?)
    })?;
    show("bytes", archive.expose().len());
    show("SHA-256", hex::encode(archive.sha256()));
    native(server, &mut steps, &words, &archive)?;
    compatible(server, &mut steps, &mnemonic, &archive)?;
    anstream::println!("\nAll steps passed.");
    Ok(())
}

fn native(server: &BackupServer, steps: &mut Steps, words: &str, archive: &Archive) -> Result<()> {
    anstream::println!("\nThe native form");
    let keys = steps.step("Keys from the words: ML-KEM-1024, SLH-DSA-SHAKE-256f", || {
        Ok(Keys::strongroom(&Mnemonic::parse(words, "")?, 0))
    })?;
    let (key, user) = (keys.public_key(), UserId::of_owner(keys.public_key().owner()));
    show("owner", key.owner());
    show("user", user);
    let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp())?;
    let first = steps.step("Version 1: seal, sign its statement", || {
        Ok(archive.sign(&keys, &Position::first(user), now, &mut os_rng()))
    })?;
    show("bytes", first.to_json().len());
    steps.step("Upload it: the server verifies the signature", || Ok(server.push(&key, user, &first)?))?;
    let next = Position::after(first.statement().context("a native backup has a statement")?);
    let second = archive.sign(&keys, &next.context("a second number")?, now, &mut os_rng());
    steps.step("Version 2, upload it", || Ok(server.push(&key, user, &second)?))?;

    let refusal = steps.step("Rollback: upload version 1 again", || {
        refused("backup_counter", server.push(&key, user, &first))
    })?;
    show("refused", refusal);
    let refusal = steps.step("Tamper: another envelope under that signature", || {
        let position = Position::after(second.statement().context("native")?).context("a third number")?;
        let third = archive.sign(&keys, &position, now, &mut os_rng());
        let forged = SignedBackup::from_parts(third.content().clone(), second.signature().clone());
        refused("bad_signature", server.push(&key, user, &forged))
    })?;
    show("refused", refusal);
    let refusal = steps.step("Foreign owner: somebody else's backup under this key", || {
        let mallory = Keys::strongroom(&Mnemonic::parse(&new_words()?, "")?, 0);
        let foreign = archive.sign(&mallory, &Position::first(user), now, &mut os_rng());
        refused("wrong_statement", server.push(&key, user, &foreign))
    })?;
    show("refused", refusal);

    anstream::println!("\n      The machine is lost. The words are there.");
    let keys = steps.step("Keys from the words", || Ok(Keys::strongroom(&Mnemonic::parse(words, "")?, 0)))?;
    let session = steps.step("Session: a signed statement for a token", || {
        Ok(server.sign_in(keys.signing_key(), &[Act::Backups])?)
    })?;
    let listed = steps.step("List the backups", || Ok(session.list()?))?;
    let newest = listed.first().context("the list is empty")?;
    show(
        "newest",
        format_args!(
            "{} version {}, {}",
            newest.user_id,
            newest.version,
            newest.updated_at.format(&Rfc3339)?
        ),
    );
    let fetched =
        steps.step("Fetch it, verify signature and counter", || Ok(session.fetch(newest.user_id, None)?))?;
    let restored = steps.step("Open it, compare the SHA-256", || Ok(fetched.backup.restore(&keys)?))?;
    compare(steps, archive, &restored.archive)?;
    let session = server.sign_in(keys.signing_key(), &[Act::DeleteBackup(user)])?;
    steps.step("Delete it, by a session for that act", || Ok(session.delete(user)?))
}

fn compatible(
    server: &BackupServer,
    steps: &mut Steps,
    mnemonic: &Mnemonic,
    archive: &Archive,
) -> Result<()> {
    anstream::println!("\nThe compatible form, of wallets in the field");
    let keys = steps.step("Keys from the words, by SHAKE256", || Ok(Keys::compatible(mnemonic, 0)))?;
    let (key, user) = (keys.public_key(), UserId::of_owner(keys.public_key().owner()));
    show("owner", key.owner());
    let make = || {
        archive.sign_compatible(&keys, CapsuleKem::MlKem768, PayloadCipher::XSalsa20Poly1305, &mut os_rng())
    };
    let first = steps.step("ML-KEM-768, XSalsa20-Poly1305, Keccak-256, sign", || Ok(make()))?;
    show("bytes", first.to_json().len());
    steps.step("Upload it", || Ok(server.push(&key, user, &first)?))?;
    let second = make();
    steps.step("Upload a newer one", || Ok(server.push(&key, user, &second)?))?;
    let refusal = steps.step("Rollback: upload the recorded older one again", || {
        refused("backup_superseded", server.push(&key, user, &first))
    })?;
    show("refused", refusal);
    let refusal = steps.step("Tamper: one bit of the payload", || {
        let BackupContent::Compatible { mut payload } = make().content().clone() else {
            unreachable!("compatible")
        };
        payload[100] ^= 1;
        let altered =
            SignedBackup::from_parts(BackupContent::Compatible { payload }, second.signature().clone());
        refused("bad_signature", server.push(&key, user, &altered))
    })?;
    show("refused", refusal);
    let session = server.sign_in(keys.signing_key(), &[Act::Backups, Act::DeleteBackup(user)])?;
    let fetched = steps.step("Fetch it, verify the signature", || Ok(session.fetch(user, None)?))?;
    let restored = steps.step("Open it", || Ok(fetched.backup.restore(&keys)?))?;
    compare(steps, archive, &restored.archive)?;
    steps.step("Delete it", || Ok(session.delete(user)?))
}

fn compare(steps: &mut Steps, before: &Archive, after: &Archive) -> Result<()> {
    steps.step("Compare", || {
        if before.expose() == after.expose() {
            return Ok(());
        }
        Err(Refused("the restored wallet differs from the one that was backed up".to_owned()).into())
    })?;
    show("equal", "yes");
    Ok(())
}

/// Asks that a request was refused with this code.
fn refused(code: &str, answer: Result<(), ClientError>) -> Result<ClientError> {
    match answer {
        Err(error) if error.code() == Some(code) => Ok(error),
        Err(error) => Err(error.into()),
        Ok(()) => Err(Refused("the server accepted a backup that it must refuse".to_owned()).into()),
    }
}

/// Twelve words from the system's random generator.
fn new_words() -> Result<Zeroizing<String>> {
    let mut entropy = Zeroizing::new([0; 16]);
    os_rng().fill_bytes(entropy.as_mut_slice());
    Ok(Mnemonic::words_of(&entropy[..])?)
}

/// A wallet's data after some years: accounts with names and paths, contacts, settings.
fn wallet_json() -> String {
    let accounts: Vec<_> = (0..ACCOUNTS)
        .map(|n| {
            json!({
                "name": format!("Account {}", n + 1),
                "path": format!("m/44'/60'/0'/0/{n}"),
                "address": WalletKey::generate(&mut os_rng()).address().to_string(),
                "type": if n % 5 == 0 { "slh-dsa" } else { "secp256k1" },
                "hidden": n % 11 == 10,
                "tokens": ["ETH", "USDC", "DAI"],
                "note": "",
            })
        })
        .collect();
    let wallet = json!({
        "version": 3,
        "accounts": accounts,
        "contacts": [{ "name": "阮籍", "address": WalletKey::generate(&mut os_rng()).address().to_string() }],
        "settings": {
            "currency": "EUR", "language": "zh-Hant", "theme": "dark", "autoLockMinutes": 5,
            "networks": { "1": "https://rpc.example/1", "10": "https://rpc.example/10", "11155111": "https://rpc.example/test" },
        },
    });
    format!("{wallet:#}")
}
