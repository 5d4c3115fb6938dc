//! A request's sign-in: a wallet's two headers, or the token of an SLH-DSA key's session; one order of checks (spec/access.md,
//! "Signing in"; spec/backup.md §4).

use crate::error::{ApiError, Code};
use crate::nonce::{Genuine, NonceError};
use crate::session::{MAX_TOKEN_CHARS, PREFIX, SessionError};
use crate::vault::Vault;
use axum::http::{HeaderMap, header};
use strongroom::encoding::from_base64;
use strongroom::principal::{Principal, WalletAddress};
use strongroom::signin::{Act, MAX_STATEMENT_BYTES, SignInError, Statement};
use strongroom::slh_dsa::Owner;
use strongroom::wallet::WalletSignature;
use zeroize::Zeroizing;

const MESSAGE: &str = "x-siwe-message";
const SIGNATURE: &str = "x-siwe-signature";
/// Base64 of the longest statement.
const MAX_MESSAGE_CHARS: usize = MAX_STATEMENT_BYTES.div_ceil(3) * 4;
const MAX_SIGNATURE_CHARS: usize = 132;

/// What a request brings to show who sends it; nothing is verified yet. No `Debug`: it signs in.
pub(crate) enum SignIn {
    /// A statement for this request. It signs in until its nonce is spent.
    Wallet { statement: Box<Statement>, signature: WalletSignature },
    /// A token.
    Session(Zeroizing<String>),
}

impl SignIn {
    /// Reads the headers; `None` where there are none. Those of a wallet win: others in between may use `Authorization` for themselves.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, ApiError> {
        let message = header(headers, MESSAGE, MAX_MESSAGE_CHARS)?;
        let signature = header(headers, SIGNATURE, MAX_SIGNATURE_CHARS)?;
        let (message, signature) = match (message, signature) {
            (None, None) => return Ok(token(headers)?.map(Self::Session)),
            (Some(message), Some(signature)) => (message, signature),
            _ => return Err(missing()),
        };
        let malformed = |what: String| Code::SignInMalformed.because(what);
        let text = from_base64(message)
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| malformed(format!("{MESSAGE} is not the base64 of a text")))?;
        let statement = Statement::parse(&text).map_err(|error| malformed(error.to_string()))?;
        let signature = signature.parse().map_err(|error| malformed(format!("{SIGNATURE}: {error}")))?;
        Ok(Some(Self::Wallet { statement: Box::new(statement), signature }))
    }

    /// Reads the headers, which must be there.
    pub(crate) fn required(headers: &HeaderMap) -> Result<Self, ApiError> {
        Self::from_headers(headers)?.ok_or_else(missing)
    }

    /// Who signs in for an act. A statement's nonce is spent last, so that only a valid signature uses one up.
    pub(crate) async fn verify(&self, vault: &Vault, act: &Act) -> Result<Principal, ApiError> {
        let now = vault.now();
        let (statement, signature) = match self {
            Self::Session(token) => return session_owner(vault, token, act).map(Principal::from),
            Self::Wallet { statement, signature } => (statement, signature),
        };
        let signed_in = statement.verify(signature, act, &vault.rules, now).map_err(refusal)?;
        let address = signed_in.address();
        name_signer(vault, &address.into());
        vault.guard.admit_signer(&address.into())?;
        spend_nonce(vault, signed_in.nonce(), Some(&address)).await?;
        Ok(address.into())
    }
}

/// The holder of an SLH-DSA key whose session serves this act, by the request's token.
pub(crate) fn owner_by_session(vault: &Vault, headers: &HeaderMap, act: &Act) -> Result<Owner, ApiError> {
    let token = token(headers)?.ok_or_else(|| {
        Code::SignInRequired.because(
            "send Authorization: Bearer with a token of POST /auth/session, or a signature to POST /backups/{publicKey}/query",
        )
    })?;
    session_owner(vault, &token, act)
}

fn session_owner(vault: &Vault, token: &str, act: &Act) -> Result<Owner, ApiError> {
    let session = vault.sessions.check(token, vault.now()).map_err(|error| match error {
        SessionError::Unknown => {
            Code::SessionMalformed.because("the token is none of this vault: ask for one at /auth/session")
        }
        SessionError::Expired => {
            Code::SessionExpired.because("the session has expired: ask for a new one at /auth/session")
        }
    })?;
    let signer = session.owner().into();
    name_signer(vault, &signer);
    vault.guard.admit_signer(&signer)?;
    if !session.allows(act) {
        return Err(Code::SignInForAnotherAct.because("the session was signed for other acts"));
    }
    Ok(session.owner())
}

/// Recognises a nonce and spends it.
pub(crate) async fn spend_nonce(
    vault: &Vault,
    nonce: &str,
    address: Option<&WalletAddress>,
) -> Result<(), ApiError> {
    let checked = vault.nonces.check(nonce, address, vault.now());
    let Genuine { id, keep_until } = checked.map_err(|error| match error {
        NonceError::Unknown => Code::NonceUnknown
            .because("the nonce is not of this vault, of this wallet, or of this run: ask for a new one"),
        NonceError::Expired => Code::NonceExpired.because("the nonce has expired: ask for a new one"),
    })?;
    if vault.store.spend_nonce(id, keep_until).await? {
        return Ok(());
    }
    Err(Code::NonceSpent
        .because("the nonce was used before, or the server's clock went back: ask for a new one"))
}

/// Names the signer in the log, without saying who it is.
pub(crate) fn name_signer(vault: &Vault, signer: &Principal) {
    let name = match signer {
        Principal::Wallet(address) => vault.log_name(b"wallet", address.as_bytes()),
        Principal::SlhDsa(hash) => vault.log_name(b"slh-dsa", hash),
        _ => return,
    };
    tracing::Span::current().record("wallet", name);
}

/// The refusal of a request that is not signed.
pub(crate) fn missing() -> ApiError {
    Code::SignInRequired.because(format!(
        "send {MESSAGE} and {SIGNATURE}, or Authorization: Bearer with a token of /auth/session"
    ))
}

/// Our token in `Authorization: Bearer`. Other schemes and other tokens are somebody else's.
fn token(headers: &HeaderMap) -> Result<Option<Zeroizing<String>>, ApiError> {
    let ours = |value: &str| {
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim_start_matches(' ');
        (scheme.eq_ignore_ascii_case("bearer") && token.starts_with(PREFIX)).then(|| token.to_owned())
    };
    let mut tokens =
        headers.get_all(header::AUTHORIZATION).iter().filter_map(|value| ours(value.to_str().ok()?));
    let Some(token) = tokens.next().map(Zeroizing::new) else { return Ok(None) };
    if tokens.next().is_some() {
        return Err(Code::SessionMalformed.because("two tokens are there"));
    }
    if token.len() > MAX_TOKEN_CHARS {
        return Err(Code::HeaderTooLarge.because(format!("a token has {MAX_TOKEN_CHARS} characters at most")));
    }
    Ok(Some(token))
}

fn header<'a>(headers: &'a HeaderMap, name: &str, max_chars: usize) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Code::SignInMalformed.because(format!("{name} is there twice")));
    }
    if value.len() > max_chars {
        return Err(Code::HeaderTooLarge.because(format!("{name} has more than {max_chars} characters")));
    }
    value.to_str().map(Some).map_err(|_| Code::SignInMalformed.because(format!("{name} is not ASCII")))
}

/// What a caller is told of a statement that does not sign in.
pub(crate) fn refusal(error: SignInError) -> ApiError {
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
