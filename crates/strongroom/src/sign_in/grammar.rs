//! The lines of a statement, and the grammar of each (EIP-4361, RFC 3986).

use fluent_uri::Uri;

const MAX_NONCE_CHARS: usize = 128;

/// Why a text cannot be read as a statement: the line, and what was expected there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the statement: expected {expected}")]
pub struct SignInStatementError {
    /// The line's number, counted from 1; 0 if a draft could not be written at all.
    pub line: usize,
    /// What the grammar expects on that line.
    pub expected: &'static str,
}

/// The lines of a text, which are taken one by one. Only LF ends a line.
pub(super) struct Lines<'a> {
    lines: std::str::Split<'a, char>,
    line: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { lines: text.split('\n'), line: 1 }
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<&'a str> {
        self.lines.clone().nth(ahead)
    }

    pub(super) fn expected(&self, expected: &'static str) -> SignInStatementError {
        SignInStatementError { line: self.line, expected }
    }

    pub(super) fn take<T>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, SignInStatementError> {
        let value = self.peek(0).and_then(read).ok_or(self.expected(expected))?;
        self.lines.next();
        self.line += 1;
        Ok(value)
    }

    /// An optional field, which is taken if the next line starts with `name`.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        expected: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, SignInStatementError> {
        match self.peek(0).and_then(|line| line.strip_prefix(name)) {
            Some(value) => self.take(expected, |_| read(value)).map(Some),
            None => Ok(None),
        }
    }
}

pub(super) fn empty(line: &str) -> Option<()> {
    line.is_empty().then_some(())
}

pub(super) fn is_uri(text: &str) -> bool {
    Uri::parse(text).is_ok()
}

pub(super) fn parse_chain_id(digits: &str) -> Option<u64> {
    let canonical = digits == "0" || !digits.starts_with(['0', '+']);
    digits.parse().ok().filter(|_| canonical)
}

pub(super) fn is_nonce(text: &str) -> bool {
    (8..=MAX_NONCE_CHARS).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric())
}

/// `1*( reserved / unreserved / " " )` of RFC 3986 §2.2 and §2.3.
pub(super) fn is_statement(line: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b":/?#[]@!$&'()*+,;=-._~ ".contains(&c);
    !line.is_empty() && line.bytes().all(allowed)
}

/// `*pchar` of RFC 3986 §3.3.
pub(super) fn is_pchars(text: &str) -> bool {
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
