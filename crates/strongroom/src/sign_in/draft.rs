//! A new statement, before it is written and signed.

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
