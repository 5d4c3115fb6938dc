//! The body of a store request. It is read strictly and within bounds.

use super::policy;
use crate::error::{ApiError, Code};
use serde::Deserialize;
use serde_json::value::RawValue;
use strongroom::envelope::{self, Envelope};
use strongroom::json::{self, JsonError, Object};
use strongroom::policy::EnvelopePolicyError;
use strongroom::principal::Principal;
use strongroom::rfc3339;
use strongroom::w3pk::PayloadError;
use strongroom::wallet::WalletAddress;
use strongroom::{SealedSecret, SealedSecretError};
use strongroom_store::UnixSeconds;
use time::{OffsetDateTime, UtcOffset};

/// Wallets that `publicAddresses` can name: as many as a policy can.
pub(crate) const MAX_READERS: usize = strongroom::policy::MAX_PRINCIPALS;

/// A sealed secret that shall be kept, and its readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreRequest {
    pub(crate) sealed: SealedSecret,
    /// Readers in ascending order, each once, 1 to [`MAX_READERS`].
    pub(crate) readers: Vec<Principal>,
    pub(crate) expires_at: Option<UnixSeconds>,
    /// Whether the vault has set the expiry, because nobody signed and the request named none.
    pub(crate) end_is_ours: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow)]
    secret: &'a RawValue,
    public_addresses: Option<Vec<String>>,
    expires_at: Option<String>,
}

impl StoreRequest {
    pub(crate) fn parse(body: &[u8], now: OffsetDateTime) -> Result<Self, ApiError> {
        let Object(raw): Object<Raw<'_>> = json::from_slice(body).map_err(|JsonError { line, column }| {
            // Only the place is told: the body may be a plaintext by mistake.
            Code::MalformedRequest.because(format!(
                "the body is not {{secret, publicAddresses, expiresAt?}}: line {line}, column {column}"
            ))
        })?;
        let sealed = parse_secret(raw.secret.get())?;
        let named = raw.public_addresses.as_deref().map(parse_readers).transpose()?;
        let readers = match &sealed {
            SealedSecret::Envelope(envelope) => readers_of(envelope, named)?,
            SealedSecret::W3pk(_) => named.ok_or_else(|| {
                Code::MalformedRequest
                    .because("publicAddresses is missing: a payload does not say who may read it")
            })?,
        };
        let expires_at = raw.expires_at.map(|text| parse_expiry(&text, now)).transpose()?;
        Ok(Self { sealed, readers, expires_at, end_is_ours: false })
    }

    /// Reads a body that is an envelope, with the header that says when it expires.
    pub(crate) fn parse_envelope(
        body: &[u8],
        expires_at: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Self, ApiError> {
        let envelope =
            Envelope::parse(body.to_vec()).map_err(|error| malformed("the body", &error.into()))?;
        let readers = readers_of(&envelope, None)?;
        let expires_at = expires_at.map(|text| parse_expiry(text, now)).transpose()?;
        Ok(Self { sealed: envelope.into(), readers, expires_at, end_is_ours: false })
    }

    /// Bytes that the request counts for: those of the body, and those of its principals' look-up
    /// tags.
    pub(crate) fn cost_bytes(&self, body_bytes: usize) -> usize {
        const PRINCIPAL_BYTES: usize = 128;
        let owners = match &self.sealed {
            SealedSecret::Envelope(envelope) => envelope.header().policy().owners.len(),
            SealedSecret::W3pk(_) => 0,
        };
        body_bytes + PRINCIPAL_BYTES * (self.readers.len() + owners)
    }

    /// Bounds the life of a secret that nobody signed for.
    pub(crate) fn end_by(&mut self, latest: UnixSeconds) -> Result<(), ApiError> {
        match self.expires_at {
            None => {
                self.expires_at = Some(latest);
                self.end_is_ours = true;
                Ok(())
            }
            Some(end) if end <= latest => Ok(()),
            Some(_) => Err(Code::MalformedExpiry.because(
                "expiresAt is later than an unsigned secret may live here: sign the request, or choose an earlier time",
            )),
        }
    }
}

/// Reads a payload, or a string that holds one.
fn parse_secret(raw: &str) -> Result<SealedSecret, ApiError> {
    if !raw.starts_with('"') {
        return SealedSecret::from_json(raw.as_bytes()).map_err(|error| malformed("secret", &error));
    }
    let text: String = serde_json::from_str(raw)
        .map_err(|_| Code::MalformedRequest.because("secret is not a JSON string"))?;
    SealedSecret::from_json(text.as_bytes()).map_err(|error| match error {
        SealedSecretError::W3pk(PayloadError::Json { .. } | PayloadError::Missing { .. }) => {
            Code::NotSealed.because("the vault takes no plaintext: seal the secret on the client first")
        }
        other => malformed("secret", &other),
    })
}

fn malformed(what: &str, error: &SealedSecretError) -> ApiError {
    let code = match error {
        // A newer Strongroom may ask for more. That is not damage, but it must not be ignored
        // either.
        SealedSecretError::Envelope(
            envelope::EnvelopeError::UnknownThreshold
            | envelope::EnvelopeError::Policy(EnvelopePolicyError::UnknownKey { .. }),
        ) => Code::UnsupportedPolicy,
        _ => Code::MalformedPayload,
    };
    code.because(format!("{what}: {error}"))
}

/// The readers that the policy names. A request that names others is refused.
fn readers_of(envelope: &Envelope, named: Option<Vec<Principal>>) -> Result<Vec<Principal>, ApiError> {
    if envelope.plaintext_bytes().is_none() {
        return Err(Code::MalformedPayload.because("the envelope's payload is cut short"));
    }
    policy::check_readers(envelope.header().policy())?;
    let readers = &envelope.header().policy().readers;
    if named.is_some_and(|named| named != *readers) {
        return Err(Code::ReadersDisagree
            .because("publicAddresses differ from the readers in the envelope's policy: leave them out"));
    }
    Ok(readers.clone())
}

fn parse_readers(texts: &[String]) -> Result<Vec<Principal>, ApiError> {
    if !(1..=MAX_READERS).contains(&texts.len()) {
        return Err(Code::MalformedAddress
            .because(format!("publicAddresses has {}, expected 1 to {MAX_READERS}", texts.len())));
    }
    let mut readers = texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            text.parse::<WalletAddress>()
                .map(Principal::from)
                .map_err(|error| Code::MalformedAddress.because(format!("publicAddresses[{at}]: {error}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    readers.sort_unstable();
    readers.dedup();
    Ok(readers)
}

fn parse_expiry(text: &str, now: OffsetDateTime) -> Result<UnixSeconds, ApiError> {
    // In UTC the year must have four digits, because answers show the time in UTC.
    let at = rfc3339::parse(text)
        .and_then(|at| at.checked_to_offset(UtcOffset::UTC))
        .ok_or_else(|| {
            Code::MalformedExpiry.because("expiresAt is not an RFC 3339 time, such as 2027-01-01T00:00:00Z")
        })?
        .unix_timestamp();
    if at <= now.unix_timestamp() {
        return Err(Code::MalformedExpiry.because("expiresAt is past: choose a time in the future"));
    }
    Ok(at)
}
