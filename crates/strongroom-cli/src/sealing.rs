//! Which sealer keeps the root: the one that was asked for, or else the strongest that is at hand here.

use crate::error::Hint;
use anyhow::{Context, Result, anyhow};
use std::str::FromStr;
use strongroom_attest::Protection;
use strongroom_enclave::{DstackSealer, PassphraseSealer, PlainSealer, Platform, Sealer, SevSnpSealer, Tsm};
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

const NAMED: [Protection; 4] =
    [Protection::Plain, Protection::Passphrase, Protection::Dstack, Protection::SevSnp];

impl FromStr for RootSealer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let named = NAMED.into_iter().find(|protection| protection.name() == text);
        named
            .map(Self::Named)
            .ok_or_else(|| "auto, plain, passphrase, dstack or sev-snp is expected".to_owned())
    }
}

/// How a root is to be sealed.
#[derive(Default)]
pub(crate) struct Sealing {
    asked: RootSealer,
    passphrase: Option<Zeroizing<String>>,
}

impl Sealing {
    /// # Errors
    /// A passphrase that was not asked for, or is missing.
    pub(crate) fn new(asked: RootSealer, passphrase: Option<Zeroizing<String>>) -> Result<Self, String> {
        match (asked, &passphrase) {
            (RootSealer::Named(Protection::Passphrase), None) => {
                Err("root-sealer: passphrase needs root-passphrase-file".to_owned())
            }
            (RootSealer::Named(other), Some(_)) if other != Protection::Passphrase => Err(format!(
                "root-sealer: {} takes no passphrase, and root-passphrase-file is set",
                other.name()
            )),
            _ => Ok(Self { asked, passphrase }),
        }
    }

    /// The sealer on this platform. Where it is not there, nothing takes its place.
    ///
    /// # Errors
    /// Why it is not there.
    pub(crate) fn sealer(self, platform: &Platform) -> Result<Box<dyn Sealer>> {
        let named = match self.asked {
            RootSealer::Named(protection) => protection,
            RootSealer::Auto if self.passphrase.is_some() => Protection::Passphrase,
            RootSealer::Auto => match platform {
                Platform::Dstack(_) => Protection::Dstack,
                Platform::Tsm(tsm) if tsm.is_sev_snp() => Protection::SevSnp,
                _ => Protection::Plain,
            },
        };
        match (named, platform, self.passphrase) {
            (Protection::Plain, _, None) => Ok(Box::new(PlainSealer)),
            (Protection::Passphrase, _, Some(passphrase)) => Ok(Box::new(PassphraseSealer::new(passphrase))),
            (Protection::Dstack, Platform::Dstack(agent), _) => {
                Ok(Box::new(DstackSealer::new(agent.clone())))
            }
            (Protection::SevSnp, Platform::Tsm(tsm), _) if tsm.is_sev_snp() => sev_snp(tsm),
            _ => {
                Err(anyhow!(Hint("name what is here with --root-sealer, or leave it out")).context(format!(
                    "the platform here is {}, which has no key to seal a root as `{}`",
                    platform.name(),
                    named.name()
                )))
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase() -> Option<Zeroizing<String>> {
        Some(Zeroizing::new("correct horse".to_owned()))
    }

    #[test]
    fn nothing_but_what_was_asked_for_is_taken() {
        let sealing = |name: &str, passphrase| Sealing::new(name.parse().expect("a name"), passphrase);
        let here = |sealing: Result<Sealing, String>| {
            sealing.expect("it fits").sealer(&Platform::None).map(|sealer| sealer.protection())
        };
        assert_eq!(here(sealing("auto", None)).expect("plain"), Protection::Plain);
        assert_eq!(here(sealing("auto", passphrase())).expect("sealed"), Protection::Passphrase);
        assert_eq!(here(sealing("passphrase", passphrase())).expect("sealed"), Protection::Passphrase);
        for elsewhere in ["dstack", "sev-snp"] {
            assert!(here(sealing(elsewhere, None)).is_err(), "{elsewhere}");
            assert!(sealing(elsewhere, passphrase()).is_err(), "{elsewhere}");
        }
        assert!(sealing("plain", passphrase()).is_err());
        assert!(sealing("passphrase", None).is_err());
        assert!("memory".parse::<RootSealer>().is_err());
    }
}
