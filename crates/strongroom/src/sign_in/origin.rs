//! Origins: the scheme and authority of a site that asks for a sign-in.

use fluent_uri::Uri;
use std::fmt;
use std::str::FromStr;

/// An origin that may ask for a sign-in: scheme and authority, such as `http://localhost:3000`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    pub(super) scheme: String,
    pub(super) authority: String,
}

/// The text is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an origin: a scheme and an authority are expected, such as https://app.example")]
pub struct OriginError;

impl Origin {
    /// The origin of a URI, whatever its path; `None` if it has no host, or names a user.
    #[must_use]
    pub fn of_uri(text: &str) -> Option<Self> {
        let uri = Uri::parse(text).ok()?;
        let authority = uri.authority()?;
        (!authority.host().is_empty() && !authority.has_userinfo()).then(|| Self {
            scheme: uri.scheme().as_str().to_owned(),
            authority: authority.as_str().to_owned(),
        })
    }

    /// Host and port, as a statement's domain has it.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host without the port: a name, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.authority();
        match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => authority.split_once(':').map_or(authority, |(host, _)| host),
        }
    }

    /// The same origin without its port.
    #[must_use]
    pub fn without_port(&self) -> Self {
        let host_end = self.authority.rfind(']').map_or(0, |at| at + 1);
        let authority = match self.authority[host_end..].rfind(':') {
            Some(colon) => &self.authority[..host_end + colon],
            None => &self.authority,
        };
        Self { scheme: self.scheme.clone(), authority: authority.to_owned() }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        Self::of_uri(text).filter(|origin| origin.to_string() == text).ok_or(OriginError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_cut_off_after_the_host() {
        for (with, without) in [
            ("http://localhost:3000", "http://localhost"),
            ("http://[::1]:3000", "http://[::1]"),
            ("http://[::1]", "http://[::1]"),
            ("https://a.example", "https://a.example"),
        ] {
            let origin: Origin = with.parse().expect("an origin");
            assert_eq!(origin.without_port().to_string(), without);
        }
        for bad in
            ["http://localhost/", "localhost", "http://", "urn:a:b", "http://a b", "http://:80", "http://a@b"]
        {
            assert_eq!(bad.parse::<Origin>(), Err(OriginError), "{bad}");
        }
    }
}
