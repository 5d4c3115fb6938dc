//! The body of a store request, read strictly and bounded.

use crate::error::{ApiError, Code};
use serde::Deserialize;
use serde_json::value::RawValue;
use strongroom::json::Object;
use strongroom::principal::WalletAddress;
use strongroom::w3pk::{ParseError, Sealed};
use strongroom_store::UnixSeconds;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Wallets that may read one slot.
pub(crate) const MAX_READERS: usize = 100;

/// What is to be kept, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreRequest {
    pub(crate) sealed: Sealed,
    /// Ascending, each once, 1 to [`MAX_READERS`].
    pub(crate) readers: Vec<WalletAddress>,
    pub(crate) expires_at: Option<UnixSeconds>,
    /// Whether the vault has set the end, since nobody signed and the request named none.
    pub(crate) end_is_ours: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow)]
    secret: &'a RawValue,
    public_addresses: Vec<String>,
    expires_at: Option<String>,
}

impl StoreRequest {
    pub(crate) fn parse(body: &[u8], now: OffsetDateTime) -> Result<Self, ApiError> {
        let Object(raw): Object<Raw<'_>> = serde_json::from_slice(body).map_err(|error| {
            // The message of serde_json may repeat the body, which may hold a secret by mistake.
            let (line, column) = (error.line(), error.column());
            Code::MalformedRequest.because(format!(
                "the body is no {{secret, publicAddresses, expiresAt?}}: line {line}, column {column}"
            ))
        })?;
        Ok(Self {
            sealed: parse_secret(raw.secret.get())?,
            readers: parse_readers(&raw.public_addresses)?,
            expires_at: raw.expires_at.map(|text| parse_expiry(&text, now)).transpose()?,
            end_is_ours: false,
        })
    }

    /// Bounds the life of what nobody signed for.
    pub(crate) fn end_by(&mut self, latest: UnixSeconds) -> Result<(), ApiError> {
        match self.expires_at {
            None => {
                self.expires_at = Some(latest);
                self.end_is_ours = true;
                Ok(())
            }
            Some(end) if end <= latest => Ok(()),
            Some(_) => Err(Code::MalformedExpiry.because(
                "expiresAt is later than unsigned secrets live here: sign the request, or ask for less",
            )),
        }
    }
}

/// A payload, or a string that holds one.
fn parse_secret(raw: &str) -> Result<Sealed, ApiError> {
    if !raw.starts_with('"') {
        return Sealed::from_json(raw.as_bytes())
            .map_err(|error| Code::MalformedPayload.because(format!("secret: {error}")));
    }
    let text: String =
        serde_json::from_str(raw).map_err(|_| Code::MalformedRequest.because("secret is no JSON string"))?;
    Sealed::from_json(text.as_bytes()).map_err(|error| match error {
        ParseError::Json { .. } | ParseError::Missing { .. } => {
            Code::NotSealed.because("the vault takes no plaintext: seal the secret on the client first")
        }
        other => Code::MalformedPayload.because(format!("secret: {other}")),
    })
}

fn parse_readers(texts: &[String]) -> Result<Vec<WalletAddress>, ApiError> {
    if !(1..=MAX_READERS).contains(&texts.len()) {
        return Err(
            Code::MalformedAddress.because(format!("publicAddresses has 1 to {MAX_READERS} addresses"))
        );
    }
    let mut readers = texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            text.parse()
                .map_err(|error| Code::MalformedAddress.because(format!("publicAddresses[{at}]: {error}")))
        })
        .collect::<Result<Vec<WalletAddress>, _>>()?;
    readers.sort_unstable();
    readers.dedup();
    Ok(readers)
}

fn parse_expiry(text: &str, now: OffsetDateTime) -> Result<UnixSeconds, ApiError> {
    // In UTC it must still have a year of four digits, since that is how it is shown again.
    let at = OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .and_then(|at| at.checked_to_offset(UtcOffset::UTC))
        .ok_or_else(|| {
            Code::MalformedExpiry.because("expiresAt is an RFC 3339 time, such as 2027-01-01T00:00:00Z")
        })?
        .unix_timestamp();
    if at <= now.unix_timestamp() {
        return Err(Code::MalformedExpiry.because("expiresAt is past"));
    }
    Ok(at)
}
