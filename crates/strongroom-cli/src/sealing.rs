//! Which sealer keeps the root: the one that was asked for, or else the strongest that is at hand here.

use crate::error::Hint;
use anyhow::{Context, Result, anyhow};
use std::path::PathBuf;
use std::str::FromStr;
use strongroom_attest::Protection;
use strongroom_root::{
    DstackSealer, PassphraseSealer, Pkcs11Sealer, PlainSealer, Platform, Sealer, SevSnpSealer, TokenError,
    Tsm,
};
use zeroize::Zeroizing;

/// What `--root-sealer` takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum RootSealer {
    /// By what is at hand.
    #[default]
    Auto,
    /// This one, or none.
    Named(Protection),
}

impl FromStr for RootSealer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        Protection::named(text).map(Self::Named).ok_or_else(|| {
            "auto, dstack, sev-snp, pkcs11, passphrase, memory or plain is expected".to_owned()
        })
    }
}

/// A PKCS#11 token's key, and what opens the token.
pub(crate) struct Hsm {
    module: PathBuf,
    key_label: String,
    pin: Zeroizing<String>,
    token: Option<String>,
}

impl Hsm {
    /// # Errors
    /// One that is set without another that it needs.
    pub(crate) fn new(
        module: Option<PathBuf>,
        key_label: Option<String>,
        pin: Option<Zeroizing<String>>,
        token: Option<String>,
    ) -> Result<Option<Self>, String> {
        match (module, key_label, pin, token) {
            (Some(module), Some(key_label), Some(pin), token) => {
                Ok(Some(Self { module, key_label, pin, token }))
            }
            (Some(_), None, ..) => Err("hsm-module: it needs hsm-key-label".to_owned()),
            (Some(_), _, None, _) => Err("hsm-module: it needs hsm-pin-file".to_owned()),
            (None, Some(_), ..) => Err("hsm-key-label: it is set without hsm-module".to_owned()),
            (None, _, Some(_), _) => Err("hsm-pin-file: it is set without hsm-module".to_owned()),
            (None, _, _, Some(_)) => Err("hsm-token: it is set without hsm-module".to_owned()),
            (None, None, None, None) => Ok(None),
        }
    }
}

/// How a root is to be sealed.
#[derive(Default)]
pub(crate) struct Sealing {
    asked: RootSealer,
    passphrase: Option<Zeroizing<String>>,
    hsm: Option<Hsm>,
}

impl Sealing {
    /// # Errors
    /// A passphrase or a token that was not asked for, or is missing.
    pub(crate) fn new(
        asked: RootSealer,
        passphrase: Option<Zeroizing<String>>,
        hsm: Option<Hsm>,
    ) -> Result<Self, String> {
        if passphrase.is_some() && hsm.is_some() {
            return Err(
                "root-passphrase-file, hsm-module: one of them seals the root, and both are set".to_owned()
            );
        }
        let RootSealer::Named(named) = asked else { return Ok(Self { asked, passphrase, hsm }) };
        let (takes_passphrase, takes_hsm) = (named == Protection::Passphrase, named == Protection::Pkcs11);
        match (&passphrase, &hsm) {
            (None, _) if takes_passphrase => {
                Err("root-sealer: passphrase needs root-passphrase-file".to_owned())
            }
            (_, None) if takes_hsm => Err("root-sealer: pkcs11 needs hsm-module".to_owned()),
            (Some(_), _) if !takes_passphrase => Err(format!(
                "root-sealer: {} takes no passphrase, and root-passphrase-file is set",
                named.name()
            )),
            (_, Some(_)) if !takes_hsm => {
                Err(format!("root-sealer: {} takes no token, and hsm-module is set", named.name()))
            }
            _ => Ok(Self { asked, passphrase, hsm }),
        }
    }

    /// The sealer on this platform; none where the root stays in memory. Where one is not there, nothing takes its place.
    ///
    /// # Errors
    /// Why it is not there.
    pub(crate) fn sealer(self, platform: &Platform) -> Result<Option<Box<dyn Sealer>>> {
        let named = match self.asked {
            RootSealer::Named(protection) => protection,
            RootSealer::Auto if self.passphrase.is_some() => Protection::Passphrase,
            RootSealer::Auto if self.hsm.is_some() => Protection::Pkcs11,
            RootSealer::Auto => match platform {
                Platform::Dstack(_) => Protection::Dstack,
                Platform::Tsm(tsm) if tsm.is_sev_snp() => Protection::SevSnp,
                Platform::None => Protection::Plain,
                // A TEE without a key of its own: a root in the clear would lie outside of it.
                _ => Protection::Memory,
            },
        };
        if let (Protection::Pkcs11, Some(hsm)) = (named, self.hsm) {
            // Whoever sets the path would run code of his in here, with what the platform vouches for and the keys it gives.
            if !platform.is_none() {
                return Err(anyhow!(Hint("in a TEE, leave out --hsm-module: the platform's own key seals the root, or it stays in memory"))
                    .context(format!(
                        "a token's module is code that nothing measured, and {} would vouch for it",
                        platform.name()
                    )));
            }
            return pkcs11(hsm).map(Some);
        }
        let sealer: Box<dyn Sealer> = match (named, platform, self.passphrase) {
            (Protection::Memory, _, None) => return Ok(None),
            (Protection::Plain, _, None) => Box::new(PlainSealer),
            (Protection::Passphrase, _, Some(passphrase)) => Box::new(PassphraseSealer::new(passphrase)),
            (Protection::Dstack, Platform::Dstack(agent), _) => Box::new(DstackSealer::new(agent.clone())),
            (Protection::SevSnp, Platform::Tsm(tsm), _) if tsm.is_sev_snp() => sev_snp(tsm)?,
            _ => {
                return Err(anyhow!(Hint("name what is here with --root-sealer, or leave it out")).context(
                    format!(
                        "the platform here is {}, which has no key to seal a root as `{}`",
                        platform.name(),
                        named.name()
                    ),
                ));
            }
        };
        Ok(Some(sealer))
    }
}

fn sev_snp(tsm: &Tsm) -> Result<Box<dyn Sealer>> {
    let sealer = SevSnpSealer::new(tsm)
        .context(Hint(
            "run as a user who may open /dev/sev-guest, or seal under a passphrase with --root-passphrase-file",
        ))
        .context("the processor's key cannot be had")?;
    Ok(Box::new(sealer))
}

fn pkcs11(hsm: Hsm) -> Result<Box<dyn Sealer>> {
    let sealer = Pkcs11Sealer::open(&hsm.module, hsm.token.as_deref(), &hsm.key_label, hsm.pin);
    let sealer = sealer.map_err(|error| {
        let hint = token_hint(&error);
        anyhow::Error::from(error).context(Hint(hint)).context("the token's key cannot be had")
    })?;
    Ok(Box::new(sealer))
}

/// What helps against a token that does not seal or open.
pub(crate) fn token_hint(error: &TokenError) -> &'static str {
    match error {
        TokenError::Module { .. } => "name the module of the token's maker with --hsm-module",
        TokenError::NoToken(_) => "plug the token in, or name it with --hsm-token; nothing was changed",
        TokenError::SeveralTokens(_) => "name one with --hsm-token; each needs a label of its own",
        TokenError::WrongPin => {
            "correct the file of --hsm-pin-file before the next start: each start is one try of the few that the token gives"
        }
        TokenError::FinalTry => {
            "log in to the token with the right PIN by its maker's tool: then it counts anew; nothing was changed"
        }
        TokenError::PinLocked => {
            "have the token's security officer set a new PIN: its keys stay; nothing was changed"
        }
        TokenError::NoKey(_) => {
            "make one with `pkcs11-tool --login --keygen --key-type aes:32 --sensitive --label LABEL`, or name another with --hsm-key-label"
        }
        TokenError::NoOlderKey { .. } => {
            "bring the older key back from the token's backup, or name it with --hsm-key-label; nothing was changed"
        }
        TokenError::SeveralKeys(_) => "give each key a label of its own; nothing was changed",
        TokenError::KeyRefused { .. } => {
            "make a key that never leaves the token, of AES with 256 bits, and name it with --hsm-key-label"
        }
        _ => "once the token answers again, start anew; nothing was changed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase() -> Option<Zeroizing<String>> {
        Some(Zeroizing::new("correct horse".to_owned()))
    }

    #[test]
    fn nothing_but_what_was_asked_for_is_taken() {
        let sealing = |name: &str, passphrase| Sealing::new(name.parse().expect("a name"), passphrase, None);
        let here = |sealing: Result<Sealing, String>| {
            sealing
                .expect("it fits")
                .sealer(&Platform::None)
                .map(|sealer| sealer.map_or(Protection::Memory, |sealer| sealer.protection()))
        };
        assert_eq!(here(sealing("auto", None)).expect("plain"), Protection::Plain);
        assert_eq!(here(sealing("auto", passphrase())).expect("sealed"), Protection::Passphrase);
        assert_eq!(here(sealing("passphrase", passphrase())).expect("sealed"), Protection::Passphrase);
        for elsewhere in ["dstack", "sev-snp"] {
            assert!(here(sealing(elsewhere, None)).is_err(), "{elsewhere}");
            assert!(sealing(elsewhere, passphrase()).is_err(), "{elsewhere}");
        }
        assert_eq!(here(sealing("memory", None)).expect("kept"), Protection::Memory);
        for other in ["plain", "memory"] {
            assert!(sealing(other, passphrase()).is_err(), "{other}");
        }
        assert!(sealing("passphrase", None).is_err());
        assert!("none".parse::<RootSealer>().is_err());
    }

    #[test]
    fn a_token_is_taken_where_it_is_named_and_nothing_in_its_place() {
        let hsm = |module: &str, label: &str, pin: &str, token: &str| {
            let set = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            Hsm::new(set(module).map(PathBuf::from), set(label), set(pin).map(Zeroizing::new), set(token))
        };
        let whole = || hsm("/nowhere.so", "kek", "1234", "").expect("whole");
        assert!(hsm("", "", "", "").expect("none").is_none());
        for (part, named) in [
            (hsm("m", "", "p", ""), "hsm-key-label"),
            (hsm("m", "k", "", ""), "hsm-pin-file"),
            (hsm("", "k", "p", ""), "hsm-key-label"),
            (hsm("", "", "p", ""), "hsm-pin-file"),
            (hsm("", "", "", "t"), "hsm-token"),
        ] {
            assert!(part.err().expect("a mistake").contains(named), "{named}");
        }
        let sealing =
            |name: &str, passphrase| Sealing::new(name.parse().expect("a name"), passphrase, whole());
        for name in ["auto", "pkcs11"] {
            let error =
                sealing(name, None).expect("it fits").sealer(&Platform::None).err().expect("no module");
            assert!(format!("{error:#}").contains("/nowhere.so cannot be loaded"), "{error:#}");
            assert!(sealing(name, passphrase()).is_err(), "{name}, and a passphrase");
        }
        for other in ["plain", "passphrase", "dstack", "sev-snp", "memory"] {
            assert!(sealing(other, None).is_err(), "{other}");
        }
        assert!(Sealing::new("pkcs11".parse().expect("a name"), None, None).is_err());
    }
}
