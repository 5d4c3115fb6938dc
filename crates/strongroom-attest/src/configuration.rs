//! The settings that decide who else may get a vault's key or sign in. A server shows them, and its
//! evidence binds them by their digest (spec/attestation.md#configuration).

use crate::policy::Hex;
use minicbor::Encoder;
use minicbor::encode::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use strongroom::slh_dsa::PublicKey;

/// Where the vault's key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeyOrigin {
    /// The vault made it.
    Generated,
    /// Somebody imported it from outside. A person who exported it can read everything.
    Imported,
    /// The vault made it, and one of its recovery recipients brought it back.
    Recovered,
    /// Another replica made it and handed it over.
    #[serde(rename = "handoff:generated")]
    HandoffGenerated,
    /// A recovery recipient brought it back to another replica, which handed it over.
    #[serde(rename = "handoff:recovered")]
    HandoffRecovered,
}

impl KeyOrigin {
    /// The origins of a key that the vault made itself.
    const OF_THE_VAULT: [Self; 4] =
        [Self::Generated, Self::Recovered, Self::HandoffGenerated, Self::HandoffRecovered];

    /// The name of the origin in JSON and in the report data.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::Imported => "imported",
            Self::Recovered => "recovered",
            Self::HandoffGenerated => "handoff:generated",
            Self::HandoffRecovered => "handoff:recovered",
        }
    }

    /// The origin that the key has after a handoff. `None` for an imported key, which is never
    /// handed over: each replica imports it itself.
    #[must_use]
    pub fn handed_over(self) -> Option<Self> {
        match self {
            Self::Generated | Self::HandoffGenerated => Some(Self::HandoffGenerated),
            Self::Recovered | Self::HandoffRecovered => Some(Self::HandoffRecovered),
            Self::Imported => None,
        }
    }
}

/// How a server keeps the vault's root (spec/root.md §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Protection {
    /// In the clear, which is insecure and for development. A reader of the file reads every
    /// secret.
    Plain,
    /// Sealed under a passphrase that the operator keeps.
    Passphrase,
    /// Sealed under a key that dstack's key management service gives the application.
    Dstack,
    /// Sealed under a key that the AMD processor derives for this guest's measurement.
    SevSnp,
    /// Sealed under a key that a PKCS#11 token holds and does not give out.
    Pkcs11,
    /// In the server's memory only. The root is lost when the process ends.
    Memory,
}

impl Protection {
    /// Every protection, in the order above.
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::Passphrase, Self::Dstack, Self::SevSnp, Self::Pkcs11, Self::Memory];

    /// Finds a protection by its [`name`](Self::name).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protection| protection.name() == name)
    }

    /// The name of the protection in settings, in evidence and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Passphrase => "passphrase",
            Self::Dstack => "dstack",
            Self::SevSnp => "sev-snp",
            Self::Pkcs11 => "pkcs11",
            Self::Memory => "memory",
        }
    }

    /// How the root is kept and who can open it, for people.
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
            Self::Memory => "in this server's memory alone",
        }
    }

    /// What must be lost for the root to be lost, where no recipient can recover it and no other
    /// replica has it; for people.
    #[must_use]
    pub fn lost_with(self) -> &'static str {
        match self {
            Self::Plain => "its file",
            Self::Passphrase => "its file or the passphrase",
            Self::Dstack => "its file, or the key management service or its application's entry there",
            Self::SevSnp => "this processor, this image or its file",
            Self::Pkcs11 => "its file or the token's key",
            Self::Memory => "this process: a restart is enough",
        }
    }

    /// Whether only a measured guest can open the root.
    #[must_use]
    pub fn is_the_platforms(self) -> bool {
        matches!(self, Self::Dstack | Self::SevSnp | Self::Memory)
    }

    /// Whether a root with this protection may be kept with `other` from now on, because nobody
    /// else can then open it. The owner of a dstack application decides which code gets its key.
    /// Nobody decides that for the processor's key or for memory.
    fn may_become(self, other: Self) -> bool {
        self == other || self.is_the_platforms() && matches!(other, Self::SevSnp | Self::Memory)
    }
}

/// The recipients who can bring the root back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecoveryRecipients {
    /// How many recipients it takes, from 1.
    pub threshold: u32,
    /// The ids of the recipients' keys: 16 bytes each in hex, ascending.
    pub key_ids: Vec<Hex<16>>,
}

/// The settings whose digest is bound in evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Configuration {
    /// Where the vault's key comes from.
    pub key_origin: KeyOrigin,
    /// The web origins whose sign-ins are accepted, ascending, each once.
    pub sign_in_origins: Vec<String>,
    /// Whether only somebody who has signed in may store.
    pub require_sign_in_to_store: bool,
    /// How the server keeps the root.
    pub protection: Protection,
    /// The key that signs which other code may get the root. Without it no code gets the root.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "public_key")]
    pub release_key: Option<PublicKey>,
    /// The recipients who can bring the root back, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<RecoveryRecipients>,
}

impl Configuration {
    /// SHA-256 of the settings as a deterministic CBOR map (RFC 8949 §4.2.1), without those that
    /// are not set.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.encode()).into()
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut e = Encoder::new(&mut out);
        let written: Result<_, Error<Infallible>> = (|| {
            let optional =
                [self.require_sign_in_to_store, self.release_key.is_some(), self.recovery.is_some()];
            e.map(3 + optional.iter().filter(|is_set| **is_set).count() as u64)?;
            e.u8(1)?.str(self.key_origin.as_str())?;
            e.u8(2)?.encode(&self.sign_in_origins)?;
            if self.require_sign_in_to_store {
                e.u8(3)?.bool(true)?;
            }
            e.u8(4)?.str(self.protection.name())?;
            if let Some(key) = &self.release_key {
                e.u8(5)?.bytes(key.as_bytes())?;
            }
            if let Some(recovery) = &self.recovery {
                e.u8(6)?.array(2)?.u32(recovery.threshold)?.array(recovery.key_ids.len() as u64)?;
                for id in &recovery.key_ids {
                    e.bytes(&id.0)?;
                }
            }
            Ok(())
        })();
        written.expect("writing to memory does not fail");
        out
    }

    /// Whether a root that is kept with these settings may also be kept with the other ones. What
    /// decides who else gets the root, and what it guards, must be the same. Nobody may be able to
    /// open the root there who cannot open it here.
    #[must_use]
    pub fn may_hand_its_root_to(&self, other: &Self) -> bool {
        self.sign_in_origins == other.sign_in_origins
            && self.require_sign_in_to_store == other.require_sign_in_to_store
            && self.release_key == other.release_key
            && self.recovery == other.recovery
            && self.protection.may_become(other.protection)
    }

    /// Whether these settings are those with this digest, except for what a recovery or a handoff
    /// changes. It changes the key's origin, and from one platform's own key to another's, or to
    /// memory, how the root is kept.
    #[must_use]
    pub fn continues(&self, digest: &[u8; 32]) -> bool {
        let former = |key_origin| {
            Protection::ALL.into_iter().any(|protection| {
                let former = Self { key_origin, protection, ..self.clone() };
                former.may_hand_its_root_to(self) && &former.digest() == digest
            })
        };
        KeyOrigin::OF_THE_VAULT.into_iter().any(former)
    }
}

/// Writes an optional SLH-DSA public key as its text.
mod public_key {
    use super::{Deserialize, Deserializer, PublicKey, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        key: &Option<PublicKey>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match key {
            Some(key) => serializer.collect_str(key),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PublicKey>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| text.parse().map_err(de::Error::custom))
            .transpose()
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
            release_key: Some(PublicKey::from_bytes([7; 64])),
            recovery: Some(RecoveryRecipients { threshold: 1, key_ids: vec![Hex([8; 16])] }),
        }
    }

    type Change = fn(&mut Configuration);

    const CHANGES: [(&str, Change); 6] = [
        ("origin", |c| c.key_origin = KeyOrigin::Recovered),
        ("sign-in origins", |c| c.sign_in_origins.clear()),
        ("sign-in", |c| c.require_sign_in_to_store = true),
        ("protection", |c| c.protection = Protection::Plain),
        ("release key", |c| c.release_key = None),
        ("recovery", |c| c.recovery.as_mut().expect("set").key_ids[0].0[15] ^= 1),
    ];

    #[test]
    fn the_digest_follows_every_setting() {
        let digest = configuration().digest();
        for (what, change) in CHANGES {
            let mut changed = configuration();
            change(&mut changed);
            assert_ne!(changed.digest(), digest, "{what}");
        }
        let none = Configuration { release_key: None, recovery: None, ..configuration() };
        // Encoded by hand, without what is not set.
        let by_hand = [
            &[0xA3, 1, 0x69][..],
            b"generated",
            &[2, 0x81, 0x75],
            b"https://vault.example",
            &[4, 0x66],
            b"dstack",
        ];
        assert_eq!(none.encode(), by_hand.concat());
    }

    #[test]
    fn its_json_is_read_back_and_nothing_is_added() {
        let json = serde_json::to_string(&configuration()).expect("plain data");
        assert_eq!(serde_json::from_str::<Configuration>(&json).expect("its own"), configuration());
        let added = json.replacen('{', r#"{"other":1,"#, 1);
        assert!(serde_json::from_str::<Configuration>(&added).is_err());
        for origin in [KeyOrigin::HandoffGenerated, KeyOrigin::HandoffRecovered] {
            assert_eq!(serde_json::to_value(origin).expect("a text"), origin.as_str());
        }
        for protection in Protection::ALL {
            assert_eq!(serde_json::to_value(protection).expect("a text"), protection.name());
        }
    }

    #[test]
    fn a_root_is_shared_by_equals_alone() {
        let mine = configuration();
        for (what, change) in CHANGES {
            let mut other = configuration();
            change(&mut other);
            assert_eq!(mine.may_hand_its_root_to(&other), what == "origin", "{what}");
            assert_eq!(other.may_hand_its_root_to(&mine), what == "origin", "{what}");
        }
        let kept = |protection| Configuration { protection, ..configuration() };
        let may = |from, to| kept(from).may_hand_its_root_to(&kept(to));
        use Protection::{Dstack, Memory, Passphrase, SevSnp};
        assert!(may(Dstack, SevSnp) && may(Dstack, Memory) && may(SevSnp, Memory) && may(Memory, SevSnp));
        assert!(
            !may(Memory, Dstack) && !may(SevSnp, Dstack),
            "whoever governs the application would come to it"
        );
        assert!(!may(Dstack, Passphrase) && !may(Passphrase, Memory) && may(Passphrase, Passphrase));
    }

    /// A recovery does not change who else can get the root, so another origin, or another
    /// platform's key, does not count as another configuration.
    #[test]
    fn a_recovery_goes_on_with_the_settings_of_before() {
        let before = configuration().digest();
        for (what, change) in CHANGES {
            let mut now = configuration();
            change(&mut now);
            assert_eq!(now.continues(&before), what == "origin", "{what}");
        }
        let kept =
            |protection| Configuration { key_origin: KeyOrigin::Recovered, protection, ..configuration() };
        assert!(kept(Protection::Memory).continues(&before));
        assert!(!kept(Protection::Pkcs11).continues(&before));
        let imported = Configuration { key_origin: KeyOrigin::Imported, ..configuration() };
        assert!(!configuration().continues(&imported.digest()), "an imported key is not recovered");
    }

    #[test]
    fn what_is_handed_over_says_so_and_an_imported_key_is_not() {
        assert_eq!(KeyOrigin::Generated.handed_over(), Some(KeyOrigin::HandoffGenerated));
        assert_eq!(KeyOrigin::HandoffRecovered.handed_over(), Some(KeyOrigin::HandoffRecovered));
        assert_eq!(KeyOrigin::Imported.handed_over(), None);
    }
}
