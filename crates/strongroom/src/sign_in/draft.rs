//! Drafts: new statements, before they are written and signed.

use super::account::Account;
use super::grammar::SignInStatementError;
use super::statement::SignInStatement;
use crate::wallet::WalletAddress;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What a new statement says; [`Draft::write`] checks it against the grammar.
#[derive(Debug, Clone)]
pub struct Draft<'a, A = WalletAddress> {
    /// Authority of the site that asks, such as `localhost:3000`.
    pub domain: &'a str,
    /// The account that will sign.
    pub address: A,
    /// A line that the wallet shows to people.
    pub statement: Option<&'a str>,
    /// What the signing is for, such as `http://localhost:3000`.
    pub uri: &'a str,
    /// The chain id (EIP-155).
    pub chain_id: u64,
    /// The nonce that the vault issued, 8 to 128 letters and digits.
    pub nonce: &'a str,
    /// The time of signing.
    pub issued_at: OffsetDateTime,
    /// The time from which on the statement is not valid, if there is one.
    pub expiration_time: Option<OffsetDateTime>,
    /// URIs that restrict the statement, such as the resource of an act.
    pub resources: Vec<String>,
}

impl<A: Account> Draft<'_, A> {
    /// Writes the statement, and checks it against the grammar.
    ///
    /// # Errors
    /// [`SignInStatementError`] for a field that the grammar does not take.
    pub fn write(&self) -> Result<SignInStatement<A>, SignInStatementError> {
        let time = |at: OffsetDateTime| {
            at.format(&Rfc3339)
                .map_err(|_| SignInStatementError { line: 0, expected: "a time before the year 10000" })
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
        SignInStatement::parse(&text)
    }
}
