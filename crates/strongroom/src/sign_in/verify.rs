//! Verifying a statement: the checks that need no store, in the order of
//! spec/sign-in.md#verification.

use super::account::Account;
use super::act::{Act, URN};
use super::origin::Origin;
use super::statement::{SignInStatement, SlhDsaStatement, WalletStatement};
use crate::slh_dsa::{Context, Owner, PublicKey, Signature};
use crate::wallet::{WalletAddress, WalletError, WalletSignature};
use time::{Duration, OffsetDateTime};

/// How long a nonce can be used after it was issued.
pub const NONCE_LIFETIME: Duration = Duration::minutes(5);
/// How far the clocks of client and server may be apart.
pub const CLOCK_SKEW: Duration = Duration::minutes(2);

/// What a vault asks of every statement.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The origins whose statements are accepted.
    pub origins: Vec<Origin>,
    /// The chain ids that are accepted. An empty list accepts all.
    pub chain_ids: Vec<u64>,
}

/// The first check that a statement failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The domain is not the authority of a configured origin, or the scheme is another.
    #[error("the statement's domain is not one of this vault's sign-in origins")]
    Domain,
    /// The origin of the URI is not configured.
    #[error("the statement's URI is not of one of this vault's sign-in origins")]
    Uri,
    /// The chain id is not among the accepted ones.
    #[error("the statement's chain id is not among those that this vault accepts")]
    Chain,
    /// `Issued At` is more than [`CLOCK_SKEW`] in the future.
    #[error("the statement was issued in the future: check both clocks")]
    IssuedInFuture,
    /// `Issued At` is longer ago than [`NONCE_LIFETIME`] and [`CLOCK_SKEW`].
    #[error("the statement was issued too long ago: sign a new one")]
    IssuedTooLongAgo,
    /// `Expiration Time` has come.
    #[error("the statement has expired: sign a new one")]
    Expired,
    /// `Not Before` has not come.
    #[error("the statement is not valid yet: check both clocks")]
    NotYet,
    /// The resources name another act.
    #[error("the statement was signed for another act: sign one for this act")]
    OtherAct,
    /// The resources do not name the act, which must be named.
    #[error("the statement must name this act among its resources")]
    Unbound,
    /// The signature is not one of the statement's address.
    #[error("the signature is not that of the statement's address")]
    Signer,
    /// The public key is not the one that the statement names, or the signature does not verify.
    #[error("the signature is not that of the statement's SLH-DSA key")]
    SlhDsaSigner,
}

/// Proof that a wallet signed a statement for an act. The nonce is still to be spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    address: WalletAddress,
    nonce: String,
}

impl SignedIn {
    /// The account that signed.
    #[must_use]
    pub fn address(&self) -> WalletAddress {
        self.address
    }

    /// The nonce that was signed, 8 to 128 letters and digits.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }
}

impl WalletStatement {
    /// Checks origin, chain, times, act and signature, in the order of
    /// spec/sign-in.md#verification. The nonce is left to the caller.
    ///
    /// # Errors
    /// [`SignInError`]: the first check that failed.
    pub fn verify(
        &self,
        signature: &WalletSignature,
        act: &Act,
        rules: &Rules,
        now: OffsetDateTime,
    ) -> Result<SignedIn, SignInError> {
        self.check(rules, now)?;
        self.check_act(act)?;
        match signature.recover(&self.to_string()) {
            Ok(address) if address == self.address => Ok(SignedIn { address, nonce: self.nonce.clone() }),
            Ok(_) | Err(WalletError::Unrecoverable) => Err(SignInError::Signer),
            Err(other) => unreachable!("a parsed signature has no other error: {other}"),
        }
    }

    fn check_act(&self, act: &Act) -> Result<(), SignInError> {
        let wanted = act.resource();
        let mut ours = self.scope().peekable();
        if ours.peek().is_none() && act.is_bound() {
            return Err(SignInError::Unbound);
        }
        if ours.all(|uri| uri == wanted) { Ok(()) } else { Err(SignInError::OtherAct) }
    }
}

/// Proof that the holder of an SLH-DSA key signed a statement for a session. The nonce is still to
/// be spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRequest {
    owner: Owner,
    nonce: String,
    scope: Vec<String>,
}

impl SessionRequest {
    /// The account that signed.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// The nonce that was signed, 8 to 128 letters and digits.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The resources of the acts that the session is for. If it is empty, the session is for every
    /// act that is not bound ([`Act::is_bound`]).
    #[must_use]
    pub fn scope(&self) -> &[String] {
        &self.scope
    }
}

impl SlhDsaStatement {
    /// Checks origin, chain, times, key and signature, in the order of
    /// spec/sign-in.md#verification. Verifying the SLH-DSA signature takes some milliseconds.
    ///
    /// # Errors
    /// [`SignInError`]: the first check that failed.
    pub fn verify(
        &self,
        public_key: &PublicKey,
        signature: &Signature,
        rules: &Rules,
        now: OffsetDateTime,
    ) -> Result<SessionRequest, SignInError> {
        self.check(rules, now)?;
        if public_key.owner() != self.address {
            return Err(SignInError::SlhDsaSigner);
        }
        public_key
            .verify(Context::SESSION, self.to_string().as_bytes(), signature)
            .map_err(|_| SignInError::SlhDsaSigner)?;
        let scope = self.scope().map(str::to_owned).collect();
        Ok(SessionRequest { owner: self.address, nonce: self.nonce.clone(), scope })
    }
}

impl<A: Account> SignInStatement<A> {
    /// The checks that are common to all statements.
    fn check(&self, rules: &Rules, now: OffsetDateTime) -> Result<(), SignInError> {
        self.check_origin(rules)?;
        if !rules.chain_ids.is_empty() && !rules.chain_ids.contains(&self.chain_id) {
            return Err(SignInError::Chain);
        }
        self.check_times(now)
    }

    /// The resources that are checked here: those with the project's prefix.
    fn scope(&self) -> impl Iterator<Item = &str> {
        self.resources.iter().flatten().map(String::as_str).filter(|uri| uri.starts_with(URN))
    }

    fn check_origin(&self, rules: &Rules) -> Result<(), SignInError> {
        let is_domain = |origin: &Origin| {
            origin.authority == self.domain
                && self.scheme.as_ref().is_none_or(|scheme| *scheme == origin.scheme)
        };
        if !rules.origins.iter().any(is_domain) {
            return Err(SignInError::Domain);
        }
        match Origin::of_uri(&self.uri) {
            Some(origin) if rules.origins.contains(&origin) => Ok(()),
            _ => Err(SignInError::Uri),
        }
    }

    fn check_times(&self, now: OffsetDateTime) -> Result<(), SignInError> {
        let age = now - self.issued_at.at();
        if age < -CLOCK_SKEW {
            return Err(SignInError::IssuedInFuture);
        }
        if age > NONCE_LIFETIME + CLOCK_SKEW {
            return Err(SignInError::IssuedTooLongAgo);
        }
        if self.expiration_time.as_ref().is_some_and(|time| time.at() <= now) {
            return Err(SignInError::Expired);
        }
        if self.not_before.as_ref().is_some_and(|time| time.at() > now) {
            return Err(SignInError::NotYet);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
