//! What an operator decides.

use crate::limits::Limits;
use sha2::{Digest, Sha256};
use std::str::FromStr;
use strongroom::signin::Origin;
use strongroom_attest::KeyOrigin;
use strongroom_enclave::Protection;

/// The settings of a vault.
#[derive(Debug, Clone)]
pub struct Config {
    /// Origins whose sign-ins are taken; see [`sign_in_origins`].
    pub sign_in_origins: Vec<Origin>,
    /// EIP-155 chains whose sign-ins are taken; all where there are none.
    pub chain_ids: Vec<u64>,
    /// Whether storing needs a sign-in.
    pub require_sign_in_to_store: bool,
    /// Rates, quotas, bounds.
    pub limits: Limits,
    /// Origins whose pages may call the vault from a browser; every one where `*` is among them.
    pub cors_origins: Vec<CorsOrigin>,
    /// Proxies of one's own before the server, each of which adds its peer's address to `X-Forwarded-For`.
    pub trusted_hops: usize,
    /// Whether clients reach the server by HTTPS, and shall never do otherwise again.
    pub https: bool,
}

/// An origin for CORS, or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigin {
    /// Every origin.
    Any,
    /// This one.
    One(Origin),
}

impl FromStr for CorsOrigin {
    type Err = <Origin as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" { Ok(Self::Any) } else { text.parse().map(Self::One) }
    }
}

impl Config {
    /// Settings for these sign-in origins, otherwise as they come.
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
        }
    }

    /// SHA-256 over the settings that decide who else may get the key or sign in (spec/attestation.md).
    #[must_use]
    pub fn digest(&self, key_origin: KeyOrigin, protection: Protection) -> [u8; 32] {
        let mut origins: Vec<String> = self.sign_in_origins.iter().map(Origin::to_string).collect();
        origins.sort();
        origins.dedup();
        let mut out = Vec::new();
        let mut e = minicbor::Encoder::new(&mut out);
        let written: Result<_, minicbor::encode::Error<std::convert::Infallible>> = (|| {
            e.map(3 + u64::from(self.require_sign_in_to_store))?;
            e.u8(1)?.str(key_origin.as_str())?;
            e.u8(2)?.encode(&origins)?;
            if self.require_sign_in_to_store {
                e.u8(3)?.bool(true)?;
            }
            e.u8(4)?.str(protection.name())?;
            Ok(())
        })();
        written.expect("writing to memory does not fail");
        Sha256::digest(&out).into()
    }
}

/// The origins whose sign-ins a vault takes: its public URL's and, where it listens on loopback, the three names of
/// this machine by scheme and port, each with and without port; and those that the operator adds.
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
    fn the_digest_follows_every_setting_and_no_order() {
        let [a, b] = [origin("https://a"), origin("https://b")];
        let config = Config::new(vec![a.clone(), b.clone()]);
        let digest = config.digest(KeyOrigin::Generated, Protection::Plain);
        assert_eq!(
            Config::new(vec![b.clone(), a.clone(), a.clone()])
                .digest(KeyOrigin::Generated, Protection::Plain),
            digest
        );
        assert_ne!(Config::new(vec![a]).digest(KeyOrigin::Generated, Protection::Plain), digest);
        assert_ne!(config.digest(KeyOrigin::Imported, Protection::Plain), digest);
        assert_ne!(config.digest(KeyOrigin::Generated, Protection::Passphrase), digest);
        let strict = Config { require_sign_in_to_store: true, ..config };
        assert_ne!(strict.digest(KeyOrigin::Generated, Protection::Plain), digest);
    }
}
