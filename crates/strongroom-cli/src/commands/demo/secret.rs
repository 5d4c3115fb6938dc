//! `strongroom demo`: two secrets are sealed, stored and opened.

use super::steps::{Steps, show};
use crate::error::Refused;
use anyhow::Result;
use strongroom::derive::{self, W3PK_DEFAULT_CONTEXT};
use strongroom::envelope;
use strongroom::os_rng;
use strongroom::policy::EnvelopePolicy;
use strongroom::sign_in::Act;
use strongroom::wallet::WalletKey;
use strongroom::{Plaintext, SealedSecret};
use strongroom_client::{AppraisalPolicy, SignIn, Vault};
use time::OffsetDateTime;

/// The two secrets of the demonstration.
const TEXTS: [&str; 2] =
    ["苟全性命於亂世,不求聞達於諸侯。", "🔐 My quantum-safe secret data! Testing store+access flow."];

pub(super) fn flow(url: &str, policy: &AppraisalPolicy) -> Result<()> {
    let mut steps = Steps { number: 0 };
    show("server", url);
    let vault =
        steps.step("Attestation: ask with a nonce, verify", || Ok(Vault::at(url)?.attest(policy)?))?;
    let vault_key = vault.server().encapsulation_key().clone();
    let vault_id = *vault.server().vault_id();
    show("platform", vault.server().platform());
    show("vault key", vault_key.id());

    let wallet = WalletKey::generate(&mut os_rng());
    let mine = steps.step("Client key: ML-KEM-1024, derived from the wallet", || {
        Ok(derive::w3pk(&wallet, W3PK_DEFAULT_CONTEXT))
    })?;
    show("wallet", wallet.address());
    show("client key", mine.encapsulation_key().id());

    for text in TEXTS {
        anstream::println!();
        show("secret", format_args!("“{text}”"));
        let recipients = [mine.encapsulation_key().into(), vault_key.clone().into()];
        // The envelope binds its readers, and the vault that may open it.
        let policy = EnvelopePolicy {
            readers: vec![wallet.address().into()],
            audience: Some(vault_id),
            ..EnvelopePolicy::default()
        };
        let sealed = steps.step("Seal for two: the client and the vault", || {
            Ok(SealedSecret::from(envelope::seal(text.as_bytes(), &recipients, policy, &mut os_rng())?))
        })?;
        let stored = steps.step("Store the envelope", || Ok(vault.store(&sealed, &[], None, None)?))?;
        show("slot", stored.slot);
        let nonce = steps.step("Nonce for the sign-in", || Ok(vault.nonce()?))?;
        show("nonce", &nonce);
        let sign_in = steps.step("Statement (EIP-4361), signed by the wallet", || {
            let origin = url.trim_end_matches('/').parse()?;
            Ok(SignIn::sign(&origin, &nonce, &wallet, &Act::Access(stored.slot), OffsetDateTime::now_utc())?)
        })?;
        show("signature", format_args!("{:.20}…", sign_in.signature().to_string()));
        let by_vault = steps.step("Open by the vault", || Ok(vault.open_with(stored.slot, &sign_in)?))?;
        show("opened", format_args!("“{}”", as_text(&by_vault)));
        let here = steps.step("Open here, without the vault", || Ok(sealed.open(&mine)?))?;
        show("opened", format_args!("“{}”", as_text(&here)));
        steps.step("Compare", || {
            let equal = by_vault.expose() == text.as_bytes() && here.expose() == text.as_bytes();
            if equal {
                Ok(())
            } else {
                Err(Refused("the opened texts differ from the secret".to_owned()).into())
            }
        })?;
        show("both equal", "yes");
    }
    anstream::println!("\nAll steps passed.");
    Ok(())
}

fn as_text(plaintext: &Plaintext) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(plaintext.expose())
}
