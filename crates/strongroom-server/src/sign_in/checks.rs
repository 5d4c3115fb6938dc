//! Verifies both kinds of sign-in, with one order of checks (spec/sign-in.md).

use super::headers::{SignIn, token};
use super::nonces::{IssuedNonce, Nonces};
use super::sessions::{SessionError, Sessions};
use crate::clock::Clock;
use crate::error::{ApiError, Code};
use crate::limits::{ClientAddress, Guard};
use crate::storage::Tags;
use crate::verifier::Verifier;
use axum::http::HeaderMap;
use std::sync::Arc;
use strongroom::sign_in::{Act, Rules, SignInError, SlhDsaStatement};
use strongroom::slh_dsa::{Owner, PublicKey, Signature};
use strongroom::{principal::Principal, wallet::WalletAddress};
use strongroom_store::Store;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// Signs wallets and SLH-DSA keys in to a vault.
pub(crate) struct SignIns {
    pub(crate) nonces: Nonces,
    pub(crate) sessions: Sessions,
    pub(crate) rules: Rules,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) tags: Arc<Tags>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) clock: Clock,
}

impl SignIns {
    /// The vault's present moment.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// A new nonce, for anybody or for one wallet.
    pub(crate) fn issue_nonce(&self, address: Option<&WalletAddress>) -> IssuedNonce {
        self.nonces.issue(address, self.now())
    }

    /// Verifies a sign-in for an act, and returns the signer. The nonce of a statement is spent
    /// last, so only a valid signature uses one up.
    pub(crate) async fn verify(&self, sign_in: &SignIn, act: &Act) -> Result<Principal, ApiError> {
        let (statement, signature) = match sign_in {
            SignIn::Session(token) => return self.session_owner(token, act).map(Principal::from),
            SignIn::Wallet { statement, signature } => (statement, signature),
        };
        let signed_in = statement.verify(signature, act, &self.rules, self.now()).map_err(refusal)?;
        let address = signed_in.address();
        self.admit(&address.into())?;
        self.nonces.spend(&*self.store, signed_in.nonce(), Some(&address), self.now()).await?;
        Ok(address.into())
    }

    /// The owner of the session that the request's token names, if the session allows this act.
    pub(crate) fn owner_by_session(&self, headers: &HeaderMap, act: &Act) -> Result<Owner, ApiError> {
        let token = token(headers)?.ok_or_else(|| {
            Code::SignInRequired.because(
                "this call needs a session: send Authorization: Bearer with a token of POST /auth/session, or a signature to POST /backups/{publicKey}/query",
            )
        })?;
        self.session_owner(&token, act)
    }

    /// Trades a statement that an SLH-DSA key has signed for a session. Returns the token, and when
    /// it expires.
    pub(crate) async fn start_session(
        &self,
        client: &ClientAddress,
        statement: SlhDsaStatement,
        public_key: PublicKey,
        signature: Signature,
    ) -> Result<(Zeroizing<String>, OffsetDateTime), ApiError> {
        let (rules, now) = (self.rules.clone(), self.now());
        let verification = move || statement.verify(&public_key, &signature, &rules, now);
        let asked = self.verifier.run(client, verification).await?.map_err(refusal)?;
        self.admit(&asked.owner().into())?;
        self.nonces.spend(&*self.store, asked.nonce(), None, now).await?;
        Ok(self.sessions.issue(&asked, now))
    }

    /// Names a signer in the log, and counts the request for their rate.
    pub(crate) fn admit(&self, signer: &Principal) -> Result<(), ApiError> {
        self.name_in_log(signer);
        self.guard.admit_signer(signer)
    }

    /// Names a signer in the log. The name does not show which wallet or key it is.
    pub(crate) fn name_in_log(&self, signer: &Principal) {
        let name = match signer {
            Principal::Wallet(address) => self.tags.log_name(b"wallet", address.as_bytes()),
            Principal::SlhDsa(hash) => self.tags.log_name(b"slh-dsa", hash),
            _ => return,
        };
        tracing::Span::current().record("wallet", name);
    }

    fn session_owner(&self, token: &str, act: &Act) -> Result<Owner, ApiError> {
        let session = self.sessions.check(token, self.now()).map_err(|error| match error {
            SessionError::Unknown => Code::SessionMalformed
                .because("the token is not of this vault: start a session at /auth/session"),
            SessionError::Expired => {
                Code::SessionExpired.because("the session has expired: start a new one at /auth/session")
            }
        })?;
        self.admit(&session.owner().into())?;
        if !session.allows(act) {
            return Err(Code::SignInForAnotherAct
                .because("the session was signed for other acts: start one that names this act"));
        }
        Ok(session.owner())
    }
}

/// The refusal of a statement that does not sign in.
fn refusal(error: SignInError) -> ApiError {
    let code = match error {
        SignInError::Domain | SignInError::Uri => Code::SignInWrongDomain,
        SignInError::Chain => Code::SignInWrongChain,
        SignInError::IssuedInFuture
        | SignInError::IssuedTooLongAgo
        | SignInError::Expired
        | SignInError::NotYet => Code::SignInExpired,
        SignInError::OtherAct | SignInError::Unbound => Code::SignInForAnotherAct,
        SignInError::Signer => Code::WrongSigner,
        SignInError::SlhDsaSigner => Code::BadSignature,
        _ => Code::SignInMalformed,
    };
    code.because(error.to_string())
}
