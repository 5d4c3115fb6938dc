//! The settings that decide who else may get a vault's key or sign in: shown by a server, and bound in its evidence by their digest
//! (spec/attestation.md §1).

use minicbor::Encoder;
use minicbor::encode::Error;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::convert::Infallible;

/// Where the vault's key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeyOrigin {
    /// Made by the vault.
    Generated,
    /// Brought from outside: whoever exported it can read everything.
    Imported,
}

impl KeyOrigin {
    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::Imported => "imported",
        }
    }
}

/// How a server keeps the vault's root (spec/attestation.md §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Protection {
    /// In the clear. Insecure: whoever reads the file reads every secret. For development.
    Plain,
    /// Under a passphrase that the operator keeps.
    Passphrase,
    /// Under a key that dstack's key management service gives the application.
    Dstack,
    /// Under a key that the AMD processor derives for this guest's measurement.
    SevSnp,
    /// Under a key that a PKCS#11 token holds and does not give out.
    Pkcs11,
}

impl Protection {
    /// Its name in settings, in evidence and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Passphrase => "passphrase",
            Self::Dstack => "dstack",
            Self::SevSnp => "sev-snp",
            Self::Pkcs11 => "pkcs11",
        }
    }

    /// How the root is kept, and who has what it takes to open it.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Plain => "in the clear: whoever reads its file reads every secret",
            Self::Passphrase => "under a passphrase: whoever has it and the file reads every secret",
            Self::Dstack => {
                "under dstack's key for this application: whoever governs which code the application may run governs the root"
            }
            Self::SevSnp => "under a key that this processor derives for this image alone",
            Self::Pkcs11 => {
                "under a key of a PKCS#11 token: whoever may use the token and has the file reads every secret"
            }
        }
    }

    /// What takes the root away, where nobody has a copy.
    #[must_use]
    pub fn lost_with(self) -> &'static str {
        match self {
            Self::Plain => "its file",
            Self::Passphrase => "its file or the passphrase",
            Self::Dstack => "its file, or the key management service or its application's entry there",
            Self::SevSnp => "this processor, this image or its file",
            Self::Pkcs11 => "its file or the token's key",
        }
    }
}

/// The settings whose digest evidence binds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Configuration {
    /// Where the key comes from.
    pub key_origin: KeyOrigin,
    /// Origins whose sign-ins are taken, ascending, each once.
    pub sign_in_origins: Vec<String>,
    /// Whether storing needs a sign-in.
    pub require_sign_in_to_store: bool,
    /// How the root is kept.
    pub protection: Protection,
}

impl Configuration {
    /// SHA-256 of its deterministic CBOR map (RFC 8949 §4.2.1); what is not set is left out.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.encode()).into()
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut e = Encoder::new(&mut out);
        let written: Result<_, Error<Infallible>> = (|| {
            e.map(3 + u64::from(self.require_sign_in_to_store))?;
            e.u8(1)?.str(self.key_origin.as_str())?;
            e.u8(2)?.encode(&self.sign_in_origins)?;
            if self.require_sign_in_to_store {
                e.u8(3)?.bool(true)?;
            }
            e.u8(4)?.str(self.protection.name())?;
            Ok(())
        })();
        written.expect("writing to memory does not fail");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration() -> Configuration {
        Configuration {
            key_origin: KeyOrigin::Generated,
            sign_in_origins: vec!["https://vault.example".to_owned()],
            require_sign_in_to_store: false,
            protection: Protection::Dstack,
        }
    }

    type Change = fn(&mut Configuration);

    const CHANGES: [(&str, Change); 4] = [
        ("origin", |c| c.key_origin = KeyOrigin::Imported),
        ("sign-in origins", |c| c.sign_in_origins.clear()),
        ("sign-in", |c| c.require_sign_in_to_store = true),
        ("protection", |c| c.protection = Protection::Plain),
    ];

    #[test]
    fn the_digest_follows_every_setting() {
        let digest = configuration().digest();
        for (what, change) in CHANGES {
            let mut changed = configuration();
            change(&mut changed);
            assert_ne!(changed.digest(), digest, "{what}");
        }
        // Written by hand: what is not set is left out.
        let by_hand = [
            &[0xA3, 1, 0x69][..],
            b"generated",
            &[2, 0x81, 0x75],
            b"https://vault.example",
            &[4, 0x66],
            b"dstack",
        ];
        assert_eq!(configuration().encode(), by_hand.concat());
    }

    #[test]
    fn its_json_is_read_back_and_nothing_is_added() {
        let json = serde_json::to_string(&configuration()).expect("plain data");
        assert_eq!(serde_json::from_str::<Configuration>(&json).expect("its own"), configuration());
        let added = json.replacen('{', r#"{"other":1,"#, 1);
        assert!(serde_json::from_str::<Configuration>(&added).is_err());
        for origin in [KeyOrigin::Generated, KeyOrigin::Imported] {
            assert_eq!(serde_json::to_value(origin).expect("a text"), origin.as_str());
        }
        for protection in [
            Protection::Plain,
            Protection::Passphrase,
            Protection::Dstack,
            Protection::SevSnp,
            Protection::Pkcs11,
        ] {
            assert_eq!(serde_json::to_value(protection).expect("a text"), protection.name());
        }
    }
}
