//! The settings of a vault, which its operator decides.

use crate::limits::Limits;
use std::str::FromStr;
use strongroom::key::Recipient;
use strongroom::sign_in::Origin;
use strongroom::slh_dsa::PublicKey;
use strongroom_attest::policy::Hex;
use strongroom_attest::{Configuration, KeyOrigin, Protection, RecoveryRecipients};

/// The settings of a vault.
#[derive(Debug, Clone)]
pub struct Config {
    /// Origins whose sign-ins are accepted; see [`sign_in_origins`].
    pub sign_in_origins: Vec<Origin>,
    /// EIP-155 chains whose sign-ins are accepted; all chains if the list is empty.
    pub chain_ids: Vec<u64>,
    /// Whether storing needs a sign-in.
    pub require_sign_in_to_store: bool,
    /// Rates, quotas and other bounds.
    pub limits: Limits,
    /// Origins whose pages may call the vault from a browser; all origins if `*` is among them.
    pub cors_origins: Vec<CorsOrigin>,
    /// The operator's own proxies in front of the server. Each adds its peer's address to
    /// `X-Forwarded-For`.
    pub trusted_hops: usize,
    /// Whether clients reach the server by HTTPS. If so, they are told to use nothing else for a
    /// year.
    pub https: bool,
    /// Recipients, any one of whom can bring the root back; nobody can if the list is empty.
    pub recovery: Vec<Recipient>,
    /// The key whose statements say which other code may get the root. Without it, no replica gets
    /// it.
    pub release_key: Option<PublicKey>,
}

/// An origin for CORS, or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigin {
    /// All origins: `*`.
    Any,
    /// One origin, such as `https://app.example`.
    One(Origin),
}

impl FromStr for CorsOrigin {
    type Err = <Origin as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" { Ok(Self::Any) } else { text.parse().map(Self::One) }
    }
}

impl Config {
    /// Settings with these sign-in origins, and with defaults otherwise.
    #[must_use]
    pub fn new(sign_in_origins: Vec<Origin>) -> Self {
        Self {
            sign_in_origins,
            chain_ids: Vec::new(),
            require_sign_in_to_store: false,
            limits: Limits::default(),
            cors_origins: Vec::new(),
            trusted_hops: 0,
            https: false,
            recovery: Vec::new(),
            release_key: None,
        }
    }

    /// The settings that decide who else may get the key or sign in
    /// (spec/attestation.md#configuration).
    #[must_use]
    pub fn bound(&self, key_origin: KeyOrigin, protection: Protection) -> Configuration {
        let mut sign_in_origins: Vec<String> = self.sign_in_origins.iter().map(Origin::to_string).collect();
        sign_in_origins.sort();
        sign_in_origins.dedup();
        let mut key_ids: Vec<_> = self.recovery.iter().map(|key| Hex(*key.id().as_bytes())).collect();
        key_ids.sort();
        key_ids.dedup();
        Configuration {
            key_origin,
            sign_in_origins,
            require_sign_in_to_store: self.require_sign_in_to_store,
            protection,
            release_key: self.release_key,
            recovery: (!key_ids.is_empty()).then_some(RecoveryRecipients { threshold: 1, key_ids }),
        }
    }
}

/// The origins whose sign-ins a vault accepts: that of its public URL and those that the operator
/// adds. If the vault listens on loopback, these are joined by the machine's three names under
/// `loopback`'s scheme and port. All but the added ones count with and without their port.
#[must_use]
pub fn sign_in_origins(public_url: &Origin, loopback: Option<(&str, u16)>, added: &[Origin]) -> Vec<Origin> {
    let local = loopback.into_iter().flat_map(|(scheme, port)| {
        ["localhost", "127.0.0.1", "[::1]"].map(|host| {
            format!("{scheme}://{host}:{port}").parse().expect("a scheme, a host and a port are an origin")
        })
    });
    let mut origins: Vec<Origin> = [public_url.clone()]
        .into_iter()
        .chain(local)
        .flat_map(|origin| [origin.without_port(), origin])
        .chain(added.iter().cloned())
        .collect();
    origins.sort();
    origins.dedup();
    origins
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom::key::DecapsulationKey;

    fn origin(text: &str) -> Origin {
        text.parse().expect("an origin")
    }

    #[test]
    fn defaults_are_the_public_url_and_this_machines_names() {
        let origins = sign_in_origins(&origin("https://vault.example:8443"), Some(("http", 3000)), &[]);
        let expected = [
            "http://127.0.0.1",
            "http://127.0.0.1:3000",
            "http://[::1]",
            "http://[::1]:3000",
            "http://localhost",
            "http://localhost:3000",
            "https://vault.example",
            "https://vault.example:8443",
        ];
        assert_eq!(origins.iter().map(Origin::to_string).collect::<Vec<_>>(), expected);
        assert_eq!(sign_in_origins(&origin("https://a"), None, &[origin("https://b")]).len(), 2);
    }

    #[test]
    fn what_is_bound_follows_every_setting_and_no_order() {
        let [a, b] = [origin("https://a"), origin("https://b")];
        let bound = |config: &Config| config.bound(KeyOrigin::Generated, Protection::Plain);
        let config = Config::new(vec![a.clone(), b.clone()]);
        assert_eq!(bound(&Config::new(vec![b.clone(), a.clone(), a.clone()])), bound(&config));
        assert_ne!(bound(&Config::new(vec![a])), bound(&config));
        assert_ne!(config.bound(KeyOrigin::Imported, Protection::Plain), bound(&config));
        assert_ne!(config.bound(KeyOrigin::Generated, Protection::Passphrase), bound(&config));
        let strict = Config { require_sign_in_to_store: true, ..config.clone() };
        assert_ne!(bound(&strict), bound(&config));
        let released = Config { release_key: Some(PublicKey::from_bytes([7; 64])), ..config.clone() };
        assert_ne!(bound(&released), bound(&config));
        let [one, other] = [1, 2].map(|n| DecapsulationKey::from_seed(&[n; 64]).encapsulation_key().into());
        let recovered = |keys: &[&Recipient]| {
            bound(&Config { recovery: keys.iter().copied().cloned().collect(), ..config.clone() })
        };
        assert_ne!(recovered(&[&one]), bound(&config));
        assert_ne!(recovered(&[&one]), recovered(&[&other]));
        assert_eq!(recovered(&[&one, &other]), recovered(&[&other, &one, &other]));
    }
}
