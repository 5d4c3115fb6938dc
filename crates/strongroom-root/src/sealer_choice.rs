//! Which sealer protects the root: the one that was asked for, or else the strongest one that this
//! machine has.

use crate::platform::{Platform, PlatformError, Tsm};
use crate::sealer::{
    DstackSealer, PassphraseSealer, Pkcs11Sealer, PlainSealer, Sealer, SevSnpSealer, TokenError,
};
use std::path::PathBuf;
use std::str::FromStr;
use strongroom_attest::Protection;
use zeroize::Zeroizing;

/// The sealer that `--root-sealer` names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SealerName {
    /// The strongest one that this machine has.
    #[default]
    Auto,
    /// The sealer that gives this protection. If it is missing, no other takes its place.
    Named(Protection),
}

/// The text is not one of the sealers' names.
#[derive(Debug, thiserror::Error)]
#[error("expected auto, dstack, sev-snp, pkcs11, passphrase, memory or plain")]
pub struct SealerNameError;

impl FromStr for SealerName {
    type Err = SealerNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        Protection::named(text).map(Self::Named).ok_or(SealerNameError)
    }
}

/// The settings of a sealer do not fit each other. The text names them as `strongroom serve` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealerSettingsError {
    /// The label of a token's key is set, and the token's module is not.
    #[error("hsm-key-label: it is set without hsm-module")]
    LabelAlone,
    /// A token's PIN is set, and the token's module is not.
    #[error("hsm-pin-file: it is set without hsm-module")]
    PinAlone,
    /// A token's label is set, and the token's module is not.
    #[error("hsm-token: it is set without hsm-module")]
    TokenAlone,
    /// A module is set, and the label of the key is not.
    #[error("hsm-module: it needs hsm-key-label")]
    NoLabel,
    /// A module is set, and the token's PIN is not.
    #[error("hsm-module: it needs hsm-pin-file")]
    NoPin,
    /// A passphrase and a token are set, and only one of them can seal the root.
    #[error("root-passphrase-file, hsm-module: both are set, and only one of them can seal the root")]
    Both,
    /// `passphrase` was named, and there is no passphrase.
    #[error("root-sealer: passphrase needs root-passphrase-file")]
    NoPassphrase,
    /// `pkcs11` was named, and there is no token.
    #[error("root-sealer: pkcs11 needs hsm-module")]
    NoModule,
    /// A sealer was named that takes no passphrase, and there is one.
    #[error("root-sealer: {} takes no passphrase, but root-passphrase-file is set", .0.name())]
    TakesNoPassphrase(Protection),
    /// A sealer was named that takes no token, and there is one.
    #[error("root-sealer: {} takes no token, but hsm-module is set", .0.name())]
    TakesNoToken(Protection),
}

/// A PKCS#11 token's key, and what opens the token.
pub struct TokenKey {
    module: PathBuf,
    key_label: String,
    pin: Zeroizing<String>,
    token: Option<String>,
}

impl TokenKey {
    /// The key labelled `key_label`, or `None` if nothing is set.
    ///
    /// # Errors
    /// [`SealerSettingsError`] if one setting lacks another that it needs.
    pub fn new(
        module: Option<PathBuf>,
        key_label: Option<String>,
        pin: Option<Zeroizing<String>>,
        token: Option<String>,
    ) -> Result<Option<Self>, SealerSettingsError> {
        match (module, key_label, pin, token) {
            (Some(module), Some(key_label), Some(pin), token) => {
                Ok(Some(Self { module, key_label, pin, token }))
            }
            (Some(_), None, ..) => Err(SealerSettingsError::NoLabel),
            (Some(_), _, None, _) => Err(SealerSettingsError::NoPin),
            (None, Some(_), ..) => Err(SealerSettingsError::LabelAlone),
            (None, _, Some(_), _) => Err(SealerSettingsError::PinAlone),
            (None, _, _, Some(_)) => Err(SealerSettingsError::TokenAlone),
            (None, None, None, None) => Ok(None),
        }
    }
}

/// Why the sealer that was asked for cannot be used here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoSealerError {
    /// The operator sets the module's path, so their code would run unmeasured inside the TEE.
    #[error("a token's module is code that nothing measured, and {0} would vouch for it")]
    ModuleInTee(&'static str),
    /// The platform gives no key for that sealer.
    #[error("the platform here is {platform}, which has no key to seal a root as `{}`", .named.name())]
    NoKey {
        /// The platform's name on the wire.
        platform: &'static str,
        /// The protection that was asked for.
        named: Protection,
    },
    /// The kernel gives no report of the guest, from which the key is derived.
    #[error("the processor's key cannot be used")]
    Processor(#[source] PlatformError),
    /// The token or its key cannot be used.
    #[error("the token's key cannot be used")]
    Token(#[source] TokenError),
}

/// The sealer that the operator asked for, with the secrets that it needs.
#[derive(Default)]
pub struct SealerChoice {
    name: SealerName,
    passphrase: Option<Zeroizing<String>>,
    token: Option<TokenKey>,
}

impl SealerChoice {
    /// The sealer of this name, with the passphrase or the token that it needs.
    ///
    /// # Errors
    /// [`SealerSettingsError`] if both secrets are given, if the sealer takes none of that kind, or
    /// if the one that it needs is missing.
    pub fn new(
        name: SealerName,
        passphrase: Option<Zeroizing<String>>,
        token: Option<TokenKey>,
    ) -> Result<Self, SealerSettingsError> {
        if passphrase.is_some() && token.is_some() {
            return Err(SealerSettingsError::Both);
        }
        let SealerName::Named(named) = name else { return Ok(Self { name, passphrase, token }) };
        let (takes_passphrase, takes_token) = (named == Protection::Passphrase, named == Protection::Pkcs11);
        match (&passphrase, &token) {
            (None, _) if takes_passphrase => Err(SealerSettingsError::NoPassphrase),
            (_, None) if takes_token => Err(SealerSettingsError::NoModule),
            (Some(_), _) if !takes_passphrase => Err(SealerSettingsError::TakesNoPassphrase(named)),
            (_, Some(_)) if !takes_token => Err(SealerSettingsError::TakesNoToken(named)),
            _ => Ok(Self { name, passphrase, token }),
        }
    }

    /// The sealer on this platform, or `None` if the root stays in memory.
    ///
    /// # Errors
    /// [`NoSealerError`] if the sealer cannot be used here. No other sealer takes its place.
    pub fn sealer(self, platform: &Platform) -> Result<Option<Box<dyn Sealer>>, NoSealerError> {
        let named = match self.name {
            SealerName::Named(protection) => protection,
            SealerName::Auto if self.passphrase.is_some() => Protection::Passphrase,
            SealerName::Auto if self.token.is_some() => Protection::Pkcs11,
            SealerName::Auto => match platform {
                Platform::Dstack(_) => Protection::Dstack,
                Platform::Tsm(tsm) if tsm.is_sev_snp() => Protection::SevSnp,
                Platform::None => Protection::Plain,
                // This TEE has no sealing key, and a file in the clear would lie outside of the
                // TEE.
                _ => Protection::Memory,
            },
        };
        if let (Protection::Pkcs11, Some(token)) = (named, self.token) {
            // The module would run inside the TEE unmeasured, with the keys that the platform
            // gives.
            if !platform.is_none() {
                return Err(NoSealerError::ModuleInTee(platform.name()));
            }
            return pkcs11(token).map(Some);
        }
        let sealer: Box<dyn Sealer> = match (named, platform, self.passphrase) {
            (Protection::Memory, _, None) => return Ok(None),
            (Protection::Plain, _, None) => Box::new(PlainSealer),
            (Protection::Passphrase, _, Some(passphrase)) => Box::new(PassphraseSealer::new(passphrase)),
            (Protection::Dstack, Platform::Dstack(agent), _) => Box::new(DstackSealer::new(agent.clone())),
            (Protection::SevSnp, Platform::Tsm(tsm), _) if tsm.is_sev_snp() => sev_snp(tsm)?,
            _ => return Err(NoSealerError::NoKey { platform: platform.name(), named }),
        };
        Ok(Some(sealer))
    }
}

fn sev_snp(tsm: &Tsm) -> Result<Box<dyn Sealer>, NoSealerError> {
    let sealer = SevSnpSealer::new(tsm).map_err(NoSealerError::Processor)?;
    Ok(Box::new(sealer))
}

fn pkcs11(key: TokenKey) -> Result<Box<dyn Sealer>, NoSealerError> {
    let sealer = Pkcs11Sealer::open(&key.module, key.token.as_deref(), &key.key_label, key.pin);
    Ok(Box::new(sealer.map_err(NoSealerError::Token)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase() -> Option<Zeroizing<String>> {
        Some(Zeroizing::new("correct horse".to_owned()))
    }

    #[test]
    fn nothing_but_what_was_asked_for_is_taken() {
        let sealing =
            |name: &str, passphrase| SealerChoice::new(name.parse().expect("a name"), passphrase, None);
        let here = |sealing: Result<SealerChoice, SealerSettingsError>| {
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
        assert!("none".parse::<SealerName>().is_err());
    }

    #[test]
    fn a_token_is_taken_where_it_is_named_and_nothing_in_its_place() {
        let hsm = |module: &str, label: &str, pin: &str, token: &str| {
            let set = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            TokenKey::new(
                set(module).map(PathBuf::from),
                set(label),
                set(pin).map(Zeroizing::new),
                set(token),
            )
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
            assert!(part.err().expect("a mistake").to_string().contains(named), "{named}");
        }
        let sealing =
            |name: &str, passphrase| SealerChoice::new(name.parse().expect("a name"), passphrase, whole());
        for name in ["auto", "pkcs11"] {
            let error =
                sealing(name, None).expect("it fits").sealer(&Platform::None).err().expect("no module");
            let source = std::error::Error::source(&error).expect("the token's error").to_string();
            assert!(source.contains("/nowhere.so cannot be loaded"), "{source}");
            assert!(sealing(name, passphrase()).is_err(), "{name}, and a passphrase");
        }
        for other in ["plain", "passphrase", "dstack", "sev-snp", "memory"] {
            assert!(sealing(other, None).is_err(), "{other}");
        }
        assert!(SealerChoice::new("pkcs11".parse().expect("a name"), None, None).is_err());
    }
}
