//! Sign-in statements (spec/sign-in.md#statements): EIP-4361 messages of wallets, and those
//! of SLH-DSA keys, whose first two lines differ.

use super::account::Account;
use super::date_time::DateTime;
use super::grammar::{
    Lines, SignInStatementError, empty, is_nonce, is_pchars, is_statement, is_uri, parse_chain_id,
};
use crate::slh_dsa::Owner;
use crate::wallet::WalletAddress;
use fluent_uri::Uri;
use std::fmt;

/// The most bytes that a statement may have.
pub const MAX_STATEMENT_BYTES: usize = 6144;
/// The most resources that a statement may list.
pub const MAX_RESOURCES: usize = 32;

/// The statement of a wallet: an EIP-4361 message.
pub type WalletStatement = SignInStatement<WalletAddress>;
/// The statement of the holder of an SLH-DSA key.
pub type SlhDsaStatement = SignInStatement<Owner>;

/// A sign-in statement. [`Display`](fmt::Display) writes exactly the bytes that were parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInStatement<A> {
    pub(super) scheme: Option<String>,
    pub(super) domain: String,
    pub(super) address: A,
    statement: Option<String>,
    pub(super) uri: String,
    pub(super) chain_id: u64,
    pub(super) nonce: String,
    pub(super) issued_at: DateTime,
    pub(super) expiration_time: Option<DateTime>,
    pub(super) not_before: Option<DateTime>,
    request_id: Option<String>,
    pub(super) resources: Option<Vec<String>>,
    /// w3pk writes one blank line for an absent statement, where EIP-4361 has two.
    one_blank_line: bool,
}

impl<A: Account> SignInStatement<A> {
    /// Reads a statement under the ABNF of spec/sign-in.md#statements.
    ///
    /// # Errors
    /// [`SignInStatementError`]: the line, and what was expected there.
    pub fn parse(text: &str) -> Result<Self, SignInStatementError> {
        if text.len() > MAX_STATEMENT_BYTES {
            return Err(SignInStatementError { line: 1, expected: "at most 6144 bytes in all" });
        }
        let mut lines = Lines::new(text);
        let (scheme, domain) = parse_head::<A>(&mut lines)?;
        let address = lines.take(A::SECOND_LINE, A::from_line)?;
        lines.take("an empty line", empty)?;
        // A statement is followed by an empty line. If there is none, there are two empty lines, or
        // one from w3pk.
        let (statement, one_blank_line) = match (lines.peek(0), lines.peek(1)) {
            (Some(""), _) => {
                lines.take("an empty line", empty)?;
                (None, false)
            }
            (Some(line), Some("")) if is_statement(line) => {
                lines.take("a statement", Some)?;
                lines.take("an empty line", empty)?;
                (Some(line.to_owned()), false)
            }
            (Some(line), _) if A::ONE_BLANK_LINE && line.starts_with("URI: ") => (None, true),
            _ => return Err(lines.expected("a statement of RFC 3986 characters and an empty line")),
        };
        let uri =
            lines.take("`URI: ` and a URI", |l| l.strip_prefix("URI: ").filter(|u| is_uri(u)))?.to_owned();
        lines.take("`Version: 1`", |l| (l == "Version: 1").then_some(()))?;
        let chain_id =
            lines.take("`Chain ID: ` and a number", |l| parse_chain_id(l.strip_prefix("Chain ID: ")?))?;
        let nonce = lines
            .take("`Nonce: ` and 8 to 128 letters and digits", |l| {
                l.strip_prefix("Nonce: ").filter(|n| is_nonce(n))
            })?
            .to_owned();
        let issued_at = lines.take("`Issued At: ` and an RFC 3339 time", |l| {
            DateTime::parse(l.strip_prefix("Issued At: ")?)
        })?;
        let expiration_time = lines.optional("Expiration Time: ", "an RFC 3339 time", DateTime::parse)?;
        let not_before = lines.optional("Not Before: ", "an RFC 3339 time", DateTime::parse)?;
        let request_id =
            lines.optional("Request ID: ", "RFC 3986 pchars", |l| is_pchars(l).then(|| l.to_owned()))?;
        let resources = parse_resources(&mut lines)?;
        if lines.peek(0).is_some() {
            return Err(lines.expected("the end, or a later field"));
        }
        let parsed = Self {
            scheme,
            domain,
            address,
            statement,
            uri,
            chain_id,
            nonce,
            issued_at,
            expiration_time,
            not_before,
            request_id,
            resources,
            one_blank_line,
        };
        // The wallet signed the bytes, but the fields are acted on: they must say the same.
        if parsed.to_string() == text {
            Ok(parsed)
        } else {
            Err(SignInStatementError { line: 1, expected: "the one spelling of this statement" })
        }
    }

    /// The account that the statement says will sign.
    #[must_use]
    pub fn address(&self) -> A {
        self.address
    }

    /// The nonce, 8 to 128 letters and digits.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The line for people, if there is one.
    #[must_use]
    pub fn statement(&self) -> Option<&str> {
        self.statement.as_deref()
    }
}

impl<A: Account> fmt::Display for SignInStatement<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = &self.scheme {
            write!(f, "{scheme}://")?;
        }
        write!(f, "{}{}\n{}\n\n", self.domain, A::WANTS, self.address)?;
        match &self.statement {
            Some(statement) => write!(f, "{statement}\n\n")?,
            None if self.one_blank_line => {}
            None => f.write_str("\n")?,
        }
        write!(
            f,
            "URI: {}\nVersion: 1\nChain ID: {}\nNonce: {}\nIssued At: {}",
            self.uri, self.chain_id, self.nonce, self.issued_at.text
        )?;
        if let Some(time) = &self.expiration_time {
            write!(f, "\nExpiration Time: {}", time.text)?;
        }
        if let Some(time) = &self.not_before {
            write!(f, "\nNot Before: {}", time.text)?;
        }
        if let Some(id) = &self.request_id {
            write!(f, "\nRequest ID: {id}")?;
        }
        if let Some(resources) = &self.resources {
            f.write_str("\nResources:")?;
            resources.iter().try_for_each(|uri| write!(f, "\n- {uri}"))?;
        }
        Ok(())
    }
}

fn parse_head<A: Account>(lines: &mut Lines<'_>) -> Result<(Option<String>, String), SignInStatementError> {
    lines.take(A::FIRST_LINE, |line| {
        let origin = line.strip_suffix(A::WANTS)?;
        let (scheme, domain) = match origin.split_once("://") {
            Some((scheme, domain)) => (Some(scheme), domain),
            None => (None, origin),
        };
        let uri = format!("{}://{domain}", scheme.unwrap_or("x"));
        let parsed = Uri::parse(uri.as_str()).ok()?;
        let whole = parsed.authority()?.as_str() == domain && !domain.is_empty();
        whole.then(|| (scheme.map(str::to_owned), domain.to_owned()))
    })
}

fn parse_resources(lines: &mut Lines<'_>) -> Result<Option<Vec<String>>, SignInStatementError> {
    if lines.peek(0) != Some("Resources:") {
        return Ok(None);
    }
    lines.take("`Resources:`", Some)?;
    let mut resources = Vec::new();
    while lines.peek(0).is_some() {
        if resources.len() == MAX_RESOURCES {
            return Err(lines.expected("at most 32 resources"));
        }
        let uri = lines.take("`- ` and a URI", |l| l.strip_prefix("- ").filter(|u| is_uri(u)))?;
        resources.push(uri.to_owned());
    }
    Ok(Some(resources))
}

#[cfg(test)]
mod tests;
