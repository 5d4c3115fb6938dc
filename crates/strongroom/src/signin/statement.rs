//! The text of an EIP-4361 statement, or of an SLH-DSA key's, which differs in its head: one grammar to read, one way to write
//! (spec/access.md, spec/backup.md §4).

use crate::principal::{Principal, WalletAddress};
use crate::rfc3339;
use crate::slh_dsa::Owner;
use fluent_uri::Uri;
use std::fmt;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Bytes that a statement may have.
pub const MAX_STATEMENT_BYTES: usize = 6144;
/// Resources that a statement may list.
pub const MAX_RESOURCES: usize = 32;
const MAX_NONCE_CHARS: usize = 128;

/// Why a text is no statement: the line, from 1, and what should have stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the statement: expected {expected}")]
pub struct StatementError {
    /// From 1.
    pub line: usize,
    /// What the grammar has there.
    pub expected: &'static str,
}

/// A time of a statement, with the text that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateTime {
    text: String,
    at: OffsetDateTime,
}

impl DateTime {
    /// The moment.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        self.at
    }

    /// Keeps the text too: the signature is over its letters, whatever their case.
    fn parse(text: &str) -> Option<Self> {
        rfc3339::parse(text).map(|at| Self { text: text.to_owned(), at })
    }
}

/// Who can sign a statement: the two kinds have one grammar but for its head.
pub trait Account: Copy + fmt::Debug + fmt::Display + Eq {
    /// The end of the first line.
    const WANTS: &'static str;
    /// What the first line is.
    const FIRST_LINE: &'static str;
    /// What the second line is.
    const SECOND_LINE: &'static str;
    /// Whether w3pk's one blank line for no statement is known there.
    const ONE_BLANK_LINE: bool;

    /// Reads the second line, which has one spelling.
    fn from_line(line: &str) -> Option<Self>;
}

/// EIP-4361's own.
impl Account for WalletAddress {
    const WANTS: &'static str = " wants you to sign in with your Ethereum account:";
    const FIRST_LINE: &'static str =
        "`[scheme://]authority wants you to sign in with your Ethereum account:`";
    const SECOND_LINE: &'static str = "an EIP-55 address";
    const ONE_BLANK_LINE: bool = true;

    fn from_line(line: &str) -> Option<Self> {
        Self::from_checksummed(line).ok()
    }
}

/// The holder of an SLH-DSA key, who trades a statement for a session (spec/backup.md §4).
impl Account for Owner {
    const WANTS: &'static str = " wants you to sign in with your SLH-DSA key:";
    const FIRST_LINE: &'static str = "`[scheme://]authority wants you to sign in with your SLH-DSA key:`";
    const SECOND_LINE: &'static str = "slh-dsa:0x and 64 lower-case hex digits";
    const ONE_BLANK_LINE: bool = false;

    fn from_line(line: &str) -> Option<Self> {
        match line.parse() {
            Ok(Principal::SlhDsa(hash)) => {
                Some(Self::from_bytes(hash)).filter(|owner| owner.to_string() == line)
            }
            _ => None,
        }
    }
}

/// A wallet's statement, EIP-4361.
pub type Statement = StatementOf<WalletAddress>;
/// A statement of who holds an SLH-DSA key.
pub type SlhDsaStatement = StatementOf<Owner>;

/// A statement. [`Display`](fmt::Display) writes the very bytes that were parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementOf<A> {
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
    /// w3pk's deviation: no statement, and one blank line for it instead of two.
    one_blank_line: bool,
}

/// What a new statement says; [`Draft::write`] checks it against the grammar.
#[derive(Debug, Clone)]
pub struct Draft<'a, A = WalletAddress> {
    /// Authority of the site that asks, such as `localhost:3000`.
    pub domain: &'a str,
    /// Who signs.
    pub address: A,
    /// A line for people.
    pub statement: Option<&'a str>,
    /// What the signing is for, such as `http://localhost:3000`.
    pub uri: &'a str,
    /// EIP-155 chain.
    pub chain_id: u64,
    /// As the vault issued it.
    pub nonce: &'a str,
    /// Now.
    pub issued_at: OffsetDateTime,
    /// When the statement ends, if it does.
    pub expiration_time: Option<OffsetDateTime>,
    /// URIs that narrow it.
    pub resources: Vec<String>,
}

impl<A: Account> Draft<'_, A> {
    /// The statement of this draft.
    ///
    /// # Errors
    /// [`StatementError`] for a field that the grammar does not take.
    pub fn write(&self) -> Result<StatementOf<A>, StatementError> {
        let time = |at: OffsetDateTime| {
            at.format(&Rfc3339)
                .map_err(|_| StatementError { line: 0, expected: "a time before the year 10000" })
        };
        let mut text = format!("{}{}\n{}\n\n", self.domain, A::WANTS, self.address);
        if let Some(statement) = self.statement {
            text += &format!("{statement}\n");
        }
        text += &format!(
            "\nURI: {}\nVersion: 1\nChain ID: {}\nNonce: {}\nIssued At: {}",
            self.uri,
            self.chain_id,
            self.nonce,
            time(self.issued_at)?
        );
        if let Some(at) = self.expiration_time {
            text += &format!("\nExpiration Time: {}", time(at)?);
        }
        if !self.resources.is_empty() {
            text += "\nResources:";
            self.resources.iter().for_each(|uri| text += &format!("\n- {uri}"));
        }
        StatementOf::parse(&text)
    }
}

impl<A: Account> StatementOf<A> {
    /// Reads a statement under the ABNF of spec/access.md.
    ///
    /// # Errors
    /// [`StatementError`]: the line, and what the grammar has there.
    pub fn parse(text: &str) -> Result<Self, StatementError> {
        if text.len() > MAX_STATEMENT_BYTES {
            return Err(StatementError { line: 1, expected: "at most 6144 bytes in all" });
        }
        let mut lines = Lines::new(text);
        let (scheme, domain) = parse_head::<A>(&mut lines)?;
        let address = lines.take(A::SECOND_LINE, A::from_line)?;
        lines.take("an empty line", empty)?;
        // A statement is followed by an empty line; without one there are two empty lines, or w3pk's one.
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
        // The wallet signed the bytes, we act on the fields: they must say the same.
        if parsed.to_string() == text {
            Ok(parsed)
        } else {
            Err(StatementError { line: 1, expected: "the one spelling of this statement" })
        }
    }

    /// Who is said to sign.
    #[must_use]
    pub fn address(&self) -> A {
        self.address
    }

    /// The nonce.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The line for people, where there is one.
    #[must_use]
    pub fn statement(&self) -> Option<&str> {
        self.statement.as_deref()
    }
}

impl<A: Account> fmt::Display for StatementOf<A> {
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

/// The lines of a text, taken one by one; only LF ends a line.
struct Lines<'a> {
    lines: std::str::Split<'a, char>,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { lines: text.split('\n'), line: 1 }
    }

    fn peek(&self, ahead: usize) -> Option<&'a str> {
        self.lines.clone().nth(ahead)
    }

    fn expected(&self, expected: &'static str) -> StatementError {
        StatementError { line: self.line, expected }
    }

    fn take<T>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, StatementError> {
        let value = self.peek(0).and_then(read).ok_or(self.expected(expected))?;
        self.lines.next();
        self.line += 1;
        Ok(value)
    }

    /// A field that may be left out: taken where the next line starts with `name`.
    fn optional<T>(
        &mut self,
        name: &str,
        expected: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, StatementError> {
        match self.peek(0).and_then(|line| line.strip_prefix(name)) {
            Some(value) => self.take(expected, |_| read(value)).map(Some),
            None => Ok(None),
        }
    }
}

fn parse_head<A: Account>(lines: &mut Lines<'_>) -> Result<(Option<String>, String), StatementError> {
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

fn parse_resources(lines: &mut Lines<'_>) -> Result<Option<Vec<String>>, StatementError> {
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

fn empty(line: &str) -> Option<()> {
    line.is_empty().then_some(())
}

fn is_uri(text: &str) -> bool {
    Uri::parse(text).is_ok()
}

fn parse_chain_id(digits: &str) -> Option<u64> {
    let canonical = digits == "0" || !digits.starts_with(['0', '+']);
    digits.parse().ok().filter(|_| canonical)
}

fn is_nonce(text: &str) -> bool {
    (8..=MAX_NONCE_CHARS).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric())
}

/// `1*( reserved / unreserved / " " )` of RFC 3986 §2.2 and §2.3.
fn is_statement(line: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b":/?#[]@!$&'()*+,;=-._~ ".contains(&c);
    !line.is_empty() && line.bytes().all(allowed)
}

/// `*pchar` of RFC 3986 §3.3.
fn is_pchars(text: &str) -> bool {
    let mut rest = text.bytes();
    while let Some(c) = rest.next() {
        let ok = match c {
            b'%' => [rest.next(), rest.next()].iter().all(|d| d.is_some_and(|d| d.is_ascii_hexdigit())),
            _ => c.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&c),
        };
        if !ok {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "https://service.example:8443 wants you to sign in with your Ethereum account:\n\
        0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\n\nI accept the terms: https://service.example/tos\n\n\
        URI: https://service.example/login\nVersion: 1\nChain ID: 1\nNonce: 32891756\n\
        Issued At: 2021-09-30T16:25:24Z\nExpiration Time: 2021-09-30T16:35:24.5+01:00\n\
        Not Before: 2021-09-30T16:25:24.000Z\nRequest ID: some%20id\nResources:\n- ipfs://bafy/\n- urn:a:b";
    const BARE: &str = "localhost wants you to sign in with your Ethereum account:\n\
        0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\n\n\nURI: http://localhost\nVersion: 1\nChain ID: 11155111\n\
        Nonce: abcdefgh\nIssued At: 2021-09-30T16:25:24Z";

    #[test]
    fn valid_statements_come_back_byte_for_byte() {
        let one_blank_line = BARE.replace("\n\n\n", "\n\n");
        let empty_resources = format!("{BARE}\nResources:");
        let uri_as_statement = BARE.replace("\n\n\n", "\n\nURI: x\n\n");
        for text in [FULL, BARE, &one_blank_line, &empty_resources, &uri_as_statement] {
            assert_eq!(Statement::parse(text).expect("a valid statement").to_string(), text);
        }
        assert_eq!(Statement::parse(&uri_as_statement).expect("valid").statement(), Some("URI: x"));
        assert_eq!(Statement::parse(&one_blank_line).expect("valid").statement(), None);
    }

    #[test]
    fn a_time_in_lower_case_is_read_and_written_as_it_was_signed() {
        for (upper, lower) in [
            ("Issued At: 2021-09-30T16:25:24Z", "Issued At: 2021-09-30t16:25:24z"),
            ("Expiration Time: 2021-09-30T16:35:24.5+01:00", "Expiration Time: 2021-09-30t16:35:24.5+01:00"),
            ("Not Before: 2021-09-30T16:25:24.000Z", "Not Before: 2021-09-30T16:25:24.000z"),
        ] {
            let text = FULL.replacen(upper, lower, 1);
            assert_ne!(text, FULL);
            let parsed = Statement::parse(&text).expect("a valid statement");
            assert_eq!(parsed.to_string(), text);
            assert_eq!(parsed.issued_at.at(), Statement::parse(FULL).expect("valid").issued_at.at());
        }
    }

    /// Each row: what is replaced in [`FULL`] by what, and the line that is then at fault.
    #[test]
    fn every_rule_of_the_grammar_has_a_refusal() {
        let rows: &[(&str, &str, usize)] = &[
            ("https://service.example:8443 ", " ", 1),
            ("service.example:8443", "service.example:8443/x", 1),
            ("service.example:8443", "service.example:84a3", 1),
            ("https://service.example:8443", "1https://service.example:8443", 1),
            ("account:\n", "account: \n", 1),
            ("account:\n", "account:\r\n", 1),
            ("Ethereum", "ethereum", 1),
            ("0xf39F", "0xf39f", 2),
            ("0xf39F", "f39F", 2),
            ("66\n\n", "66\n", 3),
            ("I accept", "Ich würde", 4),
            ("I accept", "I\taccept", 4),
            ("I accept", "100% I accept", 4),
            ("tos\n\n", "tos\n\n\n", 6),
            ("tos\n\n", "tos\n", 4),
            ("URI: https://service.example/login", "URI: /login", 6),
            ("URI: https://service.example/login", "URI: https://ser vice/", 6),
            ("URI: https://service.example/login", "URI: https://service/%zz", 6),
            ("Version: 1", "Version: 2", 7),
            ("Version: 1", "Version: 01", 7),
            ("Chain ID: 1", "Chain ID: 01", 8),
            ("Chain ID: 1", "Chain ID: +1", 8),
            ("Chain ID: 1", "Chain ID: 18446744073709551616", 8),
            ("Chain ID: 1", "Chain ID: 0x1", 8),
            ("Chain ID: 1", "Chain ID: ", 8),
            ("Nonce: 32891756", "Nonce: 3289175", 9),
            ("Nonce: 32891756", "Nonce: 3289175-", 9),
            ("Issued At: 2021-09-30T16:25:24Z", "Issued At: 2021-09-30T16:25:24", 10),
            ("Issued At: 2021-09-30T16:25:24Z", "Issued At: 2021-09-31T16:25:24Z", 10),
            ("Issued At: 2021-09-30T16:25:24Z", "Issued At: 2021-09-30 16:25:24Z", 10),
            ("Expiration Time: 2021-09-30T16:35:24.5+01:00", "Expiration Time: later", 11),
            ("Not Before: 2021-09-30T16:25:24.000Z", "Not Before: ", 12),
            ("some%20id", "some%2", 13),
            ("some%20id", "some id", 13),
            ("Resources:\n", "Resources: \n", 14),
            ("- ipfs://bafy/", "-ipfs://bafy/", 15),
            ("- ipfs://bafy/", "- bafy", 15),
            ("- urn:a:b", "- urn:a:b\n", 17),
            ("- urn:a:b", "- urn:a:b\nExpiration Time: 2021-09-30T16:35:24Z", 17),
        ];
        for (from, to, line) in rows {
            assert!(FULL.contains(from), "{from}");
            let text = FULL.replacen(from, to, 1);
            let error = Statement::parse(&text).expect_err(to);
            assert_eq!(error.line, *line, "{to}: {error}");
        }
    }

    #[test]
    fn bounds_hold() {
        let resources = format!("{BARE}\nResources:{}", "\n- urn:a:b".repeat(MAX_RESOURCES));
        assert!(Statement::parse(&resources).is_ok());
        assert_eq!(Statement::parse(&format!("{resources}\n- urn:a:b")).map_err(|e| e.line), Err(43));
        let long = BARE.replace("\n\n\n", &format!("\n\n{}\n\n", "a".repeat(MAX_STATEMENT_BYTES)));
        assert!(Statement::parse(&long).is_err());
        let nonce = |n| BARE.replace("abcdefgh", &"a".repeat(n));
        assert!(Statement::parse(&nonce(128)).is_ok());
        assert!(Statement::parse(&nonce(129)).is_err());
    }

    /// The rest of the grammar is the same code.
    #[test]
    fn a_statement_of_an_slh_dsa_key_has_its_own_head() {
        let owner = Owner::from_bytes([0xAB; 32]);
        let text = FULL
            .replace("Ethereum account", "SLH-DSA key")
            .replace("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", &owner.to_string());
        let parsed = SlhDsaStatement::parse(&text).expect("a statement");
        assert_eq!((parsed.address(), parsed.to_string()), (owner, text.clone()));
        assert!(Statement::parse(&text).is_err(), "a wallet's is another");
        assert!(SlhDsaStatement::parse(FULL).is_err(), "and no wallet's is one");
        let line = |text: &str| SlhDsaStatement::parse(text).expect_err("none").line;
        assert_eq!(line(&text.replace("slh-dsa:0xab", "slh-dsa:0xAB")), 2);
        assert_eq!(line(&text.replace("slh-dsa:", "")), 2);
        let bare = BARE
            .replace("Ethereum account", "SLH-DSA key")
            .replace("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", &owner.to_string());
        assert!(SlhDsaStatement::parse(&bare).is_ok());
        assert_eq!(line(&bare.replace("\n\n\n", "\n\n")), 4, "w3pk writes none of these");
    }

    #[test]
    fn a_draft_is_held_to_the_grammar() {
        let draft: Draft<'_> = Draft {
            domain: "localhost:3000",
            address: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse().expect("an address"),
            statement: Some("Open it"),
            uri: "http://localhost:3000",
            chain_id: 1,
            nonce: "abcdefgh",
            issued_at: OffsetDateTime::UNIX_EPOCH,
            expiration_time: Some(OffsetDateTime::UNIX_EPOCH),
            resources: vec!["urn:a:b".to_owned()],
        };
        let text = draft.write().expect("a valid draft").to_string();
        assert!(text.contains("\n\nOpen it\n\nURI: "));
        let injected = Draft { statement: Some("Open it\n\nURI: http://evil"), ..draft };
        assert!(injected.write().is_err());
    }
}
