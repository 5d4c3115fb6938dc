//! A sealed secret of either format, with the JSON of a vault's HTTP interface.

use crate::encoding;
use crate::envelope::{self, Envelope};
use crate::json;
use crate::key::DecapsulationKey;
use crate::open_error::OpenError;
use crate::plaintext::Plaintext;
use crate::w3pk;
use serde::Deserialize;
use std::borrow::Cow;

/// A native envelope, or a payload of w3pk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealedSecret {
    /// The native format (spec/envelope.md).
    Envelope(Envelope),
    /// The formats of w3pk (spec/w3pk.md).
    W3pk(w3pk::AnyPayload),
}

/// Why JSON cannot be read as a sealed secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealedSecretError {
    /// It begins like `{"envelope":…}`, and goes on in another way.
    #[error("not a sealed secret: {{\"envelope\": base64}} is expected")]
    Wrapper,
    /// The base64 does not hold an envelope.
    #[error(transparent)]
    Envelope(#[from] envelope::EnvelopeError),
    /// The object is not a w3pk payload.
    #[error(transparent)]
    W3pk(#[from] w3pk::PayloadError),
}

impl SealedSecret {
    /// Reads JSON: `{"envelope":"<base64>"}` (spec/envelope.md#json-form), or a w3pk payload.
    ///
    /// # Errors
    /// [`SealedSecretError`].
    pub fn from_json(json: &[u8]) -> Result<Self, SealedSecretError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wrapper<'a> {
            #[serde(borrow)]
            envelope: Cow<'a, str>,
        }
        if !names_envelope_first(json) {
            return Ok(Self::W3pk(w3pk::AnyPayload::from_json(json)?));
        }
        // It begins with a brace, so serde reads an object; that object may have this one field
        // only.
        let wrapper: Wrapper<'_> = json::from_slice(json).map_err(|_| SealedSecretError::Wrapper)?;
        let bytes = encoding::from_base64(&wrapper.envelope).ok_or(SealedSecretError::Wrapper)?;
        Ok(Self::Envelope(Envelope::parse(bytes)?))
    }

    /// Writes the JSON that [`from_json`](Self::from_json) reads.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Self::W3pk(sealed) => sealed.to_json(),
            Self::Envelope(envelope) => {
                let mut json = String::with_capacity(envelope.as_bytes().len() / 3 * 4 + 32);
                json.push_str(r#"{"envelope":""#);
                encoding::base64_into(envelope.as_bytes(), &mut json);
                json.push_str(r#""}"#);
                json
            }
        }
    }

    /// Opens an envelope or a payload.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, key: &DecapsulationKey) -> Result<Plaintext, OpenError> {
        match self {
            Self::Envelope(envelope) => envelope.open([key]),
            Self::W3pk(sealed) => sealed.open(key),
        }
    }
}

impl From<Envelope> for SealedSecret {
    fn from(envelope: Envelope) -> Self {
        Self::Envelope(envelope)
    }
}

impl From<w3pk::Payload> for SealedSecret {
    fn from(payload: w3pk::Payload) -> Self {
        Self::W3pk(payload.into())
    }
}

/// The wrapper has one field, which must then be the first. Any other object is a w3pk payload.
fn names_envelope_first(json: &[u8]) -> bool {
    json.trim_ascii_start()
        .strip_prefix(b"{")
        .is_some_and(|rest| rest.trim_ascii_start().starts_with(br#""envelope""#))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Recipient;
    use crate::policy::EnvelopePolicy;
    use strongroom_testkit::rng;

    #[test]
    fn both_formats_come_back_as_json() {
        let key = DecapsulationKey::from_seed(&[1; 64]);
        let public = key.encapsulation_key();
        let native = envelope::seal(
            b"text",
            &[Recipient::from(public.clone())],
            EnvelopePolicy::default(),
            &mut rng(),
        );
        let w3pk = w3pk::seal(b"text", &[public], w3pk::Generation::Second, &mut rng());
        for sealed in [
            SealedSecret::from(native.expect("one recipient")),
            SealedSecret::from(w3pk.expect("one recipient")),
        ] {
            let json = sealed.to_json();
            let back = SealedSecret::from_json(json.as_bytes()).expect("our own JSON");
            assert_eq!(back, sealed);
            assert_eq!(back.open(&key).expect("its recipient").expose(), b"text");
        }
    }

    #[test]
    fn the_wrapper_has_one_field() {
        let refusal = |json: &str| SealedSecret::from_json(json.as_bytes()).expect_err(json);
        for bad in [
            r#"{"envelope":"AA","x":1}"#,
            r#"{"envelope":"AA==","envelope":"AA=="}"#,
            r#" { "envelope" : null}"#,
            r#"{"envelope":"AAA"}"#,
            r#"{"envelope":"AA=="} x"#,
        ] {
            assert_eq!(refusal(bad), SealedSecretError::Wrapper, "{bad}");
        }
        assert_eq!(refusal(r#"{"envelope":"AA=="}"#), envelope::EnvelopeError::NotAnEnvelope.into());
        assert!(matches!(refusal(r#"["envelope"]"#), SealedSecretError::W3pk(_)));
    }
}
