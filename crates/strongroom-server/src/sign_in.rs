//! A request's sign-in: two headers, one order of checks (spec/access.md, "Signing in").

use crate::error::{ApiError, Code};
use crate::nonce::NonceError;
use crate::vault::Vault;
use axum::http::HeaderMap;
use strongroom::encoding::from_base64;
use strongroom::principal::WalletAddress;
use strongroom::signin::{Act, MAX_STATEMENT_BYTES, SignInError, Statement};
use strongroom::wallet::WalletSignature;

const MESSAGE: &str = "x-siwe-message";
const SIGNATURE: &str = "x-siwe-signature";
/// Base64 of the longest statement.
const MAX_MESSAGE_CHARS: usize = MAX_STATEMENT_BYTES.div_ceil(3) * 4;
const MAX_SIGNATURE_CHARS: usize = 132;

/// A statement and its signature, parsed; nothing is verified yet. No `Debug`: until its nonce is spent it signs in.
pub(crate) struct SignIn {
    statement: Statement,
    signature: WalletSignature,
}

impl SignIn {
    /// Reads the headers; `None` where neither is there.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, ApiError> {
        let message = header(headers, MESSAGE, MAX_MESSAGE_CHARS)?;
        let signature = header(headers, SIGNATURE, MAX_SIGNATURE_CHARS)?;
        let (message, signature) = match (message, signature) {
            (None, None) => return Ok(None),
            (Some(message), Some(signature)) => (message, signature),
            _ => return Err(missing()),
        };
        let malformed = |what: String| Code::SignInMalformed.because(what);
        let text = from_base64(message)
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| malformed(format!("{MESSAGE} is not the base64 of a text")))?;
        let statement = Statement::parse(&text).map_err(|error| malformed(error.to_string()))?;
        let signature = signature.parse().map_err(|error| malformed(format!("{SIGNATURE}: {error}")))?;
        Ok(Some(Self { statement, signature }))
    }

    /// Reads the headers, which must be there.
    pub(crate) fn required(headers: &HeaderMap) -> Result<Self, ApiError> {
        Self::from_headers(headers)?.ok_or_else(missing)
    }

    /// Verifies the statement for an act and spends its nonce, in this order, so that only a valid signature uses
    /// a nonce up.
    pub(crate) async fn verify(&self, vault: &Vault, act: &Act) -> Result<WalletAddress, ApiError> {
        let now = vault.now();
        let signed_in = self
            .statement
            .verify(&self.signature, act, &vault.rules, now)
            .map_err(|error| code_of(error).because(error.to_string()))?;
        let address = signed_in.address();
        tracing::Span::current().record("wallet", vault.log_name(b"wallet", address.as_bytes()));
        vault.guard.admit_wallet(&address)?;
        let nonce = vault.nonces.check(signed_in.nonce(), &address, now).map_err(|error| match error {
            NonceError::Unknown => Code::NonceUnknown
                .because("the nonce is not of this vault, of this wallet, or of this run: ask for a new one"),
            NonceError::Expired => Code::NonceExpired.because("the nonce has expired: ask for a new one"),
        })?;
        if !vault.store.spend_nonce(nonce.id, nonce.keep_until).await? {
            return Err(Code::NonceSpent
                .because("the nonce was used before, or the server's clock went back: ask for a new one"));
        }
        Ok(address)
    }
}

/// The refusal of a request that is not signed.
pub(crate) fn missing() -> ApiError {
    Code::SignInRequired.because(format!("send {MESSAGE} and {SIGNATURE}"))
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

fn code_of(error: SignInError) -> Code {
    match error {
        SignInError::Domain | SignInError::Uri => Code::SignInWrongDomain,
        SignInError::Chain => Code::SignInWrongChain,
        SignInError::IssuedInFuture
        | SignInError::IssuedTooLongAgo
        | SignInError::Expired
        | SignInError::NotYet => Code::SignInExpired,
        SignInError::OtherAct | SignInError::Unbound => Code::SignInForAnotherAct,
        SignInError::Signer => Code::WrongSigner,
        _ => Code::SignInMalformed,
    }
}
