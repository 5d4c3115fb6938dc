//! The headers that sign a request in: a wallet's two headers, or the token of an SLH-DSA key's
//! session (spec/sign-in.md).

use super::sessions::{MAX_TOKEN_CHARS, PREFIX};
use crate::error::{ApiError, Code};
use axum::http::{HeaderMap, header};
use strongroom::encoding::from_base64;
use strongroom::sign_in::{MAX_STATEMENT_BYTES, WalletStatement};
use strongroom::wallet::WalletSignature;
use zeroize::Zeroizing;

const MESSAGE: &str = "x-siwe-message";
const SIGNATURE: &str = "x-siwe-signature";
/// Characters of the longest statement in base64.
const MAX_MESSAGE_CHARS: usize = MAX_STATEMENT_BYTES.div_ceil(3) * 4;
const MAX_SIGNATURE_CHARS: usize = 132;

/// The sign-in that a request carries. Nothing of it is verified yet. It has no `Debug`, because a
/// log with it could be used to sign in.
pub(crate) enum SignIn {
    /// A statement for this request. It can be used until its nonce is spent.
    Wallet { statement: Box<WalletStatement>, signature: WalletSignature },
    /// A session's token.
    Session(Zeroizing<String>),
}

impl SignIn {
    /// Reads the headers; `None` if there are none. A wallet's headers win, because a proxy in
    /// between may use `Authorization` for itself.
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
        let statement = WalletStatement::parse(&text).map_err(|error| malformed(error.to_string()))?;
        let signature = signature.parse().map_err(|error| malformed(format!("{SIGNATURE}: {error}")))?;
        Ok(Some(Self::Wallet { statement: Box::new(statement), signature }))
    }

    /// Reads the headers, which must be there.
    pub(crate) fn required(headers: &HeaderMap) -> Result<Self, ApiError> {
        Self::from_headers(headers)?.ok_or_else(missing)
    }
}

/// The refusal of a request that does not sign in.
pub(crate) fn missing() -> ApiError {
    Code::SignInRequired.because(format!(
        "this call needs a sign-in: send {MESSAGE} and {SIGNATURE}, or Authorization: Bearer with a token of /auth/session"
    ))
}

/// The vault's token in `Authorization: Bearer`. Other schemes and other tokens are not the
/// vault's, and are ignored.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<Zeroizing<String>>, ApiError> {
    let ours = |value: &str| {
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim_start_matches(' ');
        (scheme.eq_ignore_ascii_case("bearer") && token.starts_with(PREFIX)).then(|| token.to_owned())
    };
    let mut tokens =
        headers.get_all(header::AUTHORIZATION).iter().filter_map(|value| ours(value.to_str().ok()?));
    let Some(token) = tokens.next().map(Zeroizing::new) else { return Ok(None) };
    if tokens.next().is_some() {
        return Err(Code::SessionMalformed.because("the request has two tokens: send one"));
    }
    if token.len() > MAX_TOKEN_CHARS {
        return Err(
            Code::HeaderTooLarge.because(format!("the token has more than {MAX_TOKEN_CHARS} characters"))
        );
    }
    Ok(Some(token))
}

fn header<'a>(headers: &'a HeaderMap, name: &str, max_chars: usize) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Code::SignInMalformed.because(format!("{name} is there twice: send it once")));
    }
    if value.len() > max_chars {
        return Err(Code::HeaderTooLarge.because(format!("{name} has more than {max_chars} characters")));
    }
    value.to_str().map(Some).map_err(|_| Code::SignInMalformed.because(format!("{name} is not ASCII")))
}
