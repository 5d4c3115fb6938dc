//! The JSON of both payloads: strict to read, one way to write.

use super::key_wrap::{FIRST_BYTES, SECOND_BYTES};
use super::{Data, Entry, Generation, MAX_RECIPIENTS, OlderPayload, Payload, Sealed};
use crate::encoding;
use crate::json::{self, JsonError, Object};
use crate::kem::{CIPHERTEXT_BYTES, Ciphertext, ENCAPSULATION_KEY_BYTES};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Why bytes are no payload. Messages name a field and never repeat what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Not JSON, not UTF-8, a field of another type or twice, or something after the value.
    #[error("not a payload: line {line}, column {column}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A field that must be there is not.
    #[error("`{field}` is missing")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// Fields of both payloads.
    #[error("`recipients` and `ciphertext` exclude each other")]
    Ambiguous,
    /// `version` is there and not 2.
    #[error("the payload's `version` is not known: 2, or none")]
    UnknownVersion,
    /// No recipient, or more than 256.
    #[error("{count} recipients: a payload has 1 to {MAX_RECIPIENTS}")]
    Recipients {
        /// How many there were.
        count: usize,
    },
    /// Not the one padded base64 text of that many bytes.
    #[error("`{field}` is not the standard, padded base64 of {bytes} bytes")]
    Base64 {
        /// Its name.
        field: &'static str,
        /// Bytes that it must have.
        bytes: usize,
    },
    /// `encryptedData` is no base64.
    #[error("`encryptedData` is not standard, padded base64")]
    Data,
}

/// A string, borrowed from the JSON where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct RawEntry<'a> {
    #[serde(borrow, rename = "publicKey")]
    public_key: Text<'a>,
    #[serde(borrow)]
    ciphertext: Text<'a>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    /// Any value is skipped over, so that an unknown one can be refused by name.
    #[serde(borrow, default, deserialize_with = "present")]
    version: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    recipients: Option<Vec<Object<RawEntry<'a>>>>,
    #[serde(borrow, default, deserialize_with = "present")]
    ciphertext: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present", rename = "encryptedData")]
    encrypted_data: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    iv: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present", rename = "authTag")]
    auth_tag: Option<Text<'a>>,
}

/// A field that is there has a value: `null` is not a way to leave it out.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

impl Sealed {
    /// Reads a payload of either shape (spec/envelope.md §2, §3). Allocates no more than the JSON's size
    /// a few times over; bound that before.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn from_json(json: &[u8]) -> Result<Self, ParseError> {
        let Object(raw): Object<Raw<'_>> =
            json::from_slice(json).map_err(|JsonError { line, column }| ParseError::Json { line, column })?;
        let generation = match &raw.version {
            None => Generation::First,
            Some(version) if version.get() == "2" => Generation::Second,
            Some(_) => return Err(ParseError::UnknownVersion),
        };
        match (&raw.recipients, &raw.ciphertext) {
            (Some(_), Some(_)) => Err(ParseError::Ambiguous),
            (None, None) => Err(ParseError::Missing { field: "recipients" }),
            (Some(entries), None) => {
                if !(1..=MAX_RECIPIENTS).contains(&entries.len()) {
                    return Err(ParseError::Recipients { count: entries.len() });
                }
                let entries = entries
                    .iter()
                    .map(|Object(entry)| Entry::from_raw(generation, entry))
                    .collect::<Result<_, _>>()?;
                Ok(Self::Payload(Payload { generation, entries, data: raw.data()? }))
            }
            (None, Some(_)) if generation == Generation::Second => Err(ParseError::UnknownVersion),
            (None, Some(ciphertext)) => Ok(Self::Older(OlderPayload {
                kem_ciphertext: exact("ciphertext", &ciphertext.0)?,
                data: raw.data()?,
            })),
        }
    }

    /// Writes the payload in its own shape.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Self::Payload(payload) => payload.to_json(),
            Self::Older(payload) => payload.to_json(),
        }
    }
}

impl<'a> Raw<'a> {
    fn data(&'a self) -> Result<Data, ParseError> {
        let field = |value: &'a Option<Text<'a>>, field| match value {
            Some(Text(text)) => Ok(text.as_ref()),
            None => Err(ParseError::Missing { field }),
        };
        Ok(Data {
            ciphertext: encoding::from_base64(field(&self.encrypted_data, "encryptedData")?)
                .ok_or(ParseError::Data)?,
            iv: *exact("iv", field(&self.iv, "iv")?)?,
            tag: *exact("authTag", field(&self.auth_tag, "authTag")?)?,
        })
    }
}

impl Entry {
    fn from_raw(generation: Generation, raw: &RawEntry<'_>) -> Result<Self, ParseError> {
        let (kem_ciphertext, wrapped_key) = match generation {
            Generation::First => split::<{ CIPHERTEXT_BYTES + FIRST_BYTES }>(&raw.ciphertext.0)?,
            Generation::Second => split::<{ CIPHERTEXT_BYTES + SECOND_BYTES }>(&raw.ciphertext.0)?,
        };
        Ok(Self {
            encapsulation_key: exact::<ENCAPSULATION_KEY_BYTES>("publicKey", &raw.public_key.0)?,
            kem_ciphertext,
            wrapped_key,
        })
    }
}

/// KEM ciphertext and wrapped key of an entry of `N` bytes.
fn split<const N: usize>(text: &str) -> Result<(Box<Ciphertext>, Vec<u8>), ParseError> {
    let bytes = exact::<N>("ciphertext", text)?;
    let (ciphertext, wrapped) = bytes.split_first_chunk().expect("N is larger than a KEM ciphertext");
    Ok((Box::new(*ciphertext), wrapped.to_vec()))
}

fn exact<const N: usize>(field: &'static str, text: &str) -> Result<Box<[u8; N]>, ParseError> {
    encoding::from_base64_exact(text).ok_or(ParseError::Base64 { field, bytes: N })
}

impl Payload {
    /// Writes the payload as spec/envelope.md §2 says; `from_json` gives it back.
    #[must_use]
    pub fn to_json(&self) -> String {
        const ENTRY_CHARS: usize = (ENCAPSULATION_KEY_BYTES + CIPHERTEXT_BYTES + SECOND_BYTES) * 4 / 3 + 64;
        let data_chars = self.data.ciphertext.len() / 3 * 4 + 128;
        let mut out = String::with_capacity(self.entries.len() * ENTRY_CHARS + data_chars);
        out.push_str(match self.generation {
            Generation::First => r#"{"recipients":["#,
            Generation::Second => r#"{"version":2,"recipients":["#,
        });
        let mut joined = Vec::with_capacity(CIPHERTEXT_BYTES + SECOND_BYTES);
        for (at, entry) in self.entries.iter().enumerate() {
            out.push_str(if at == 0 { r#"{"publicKey":""# } else { r#",{"publicKey":""# });
            encoding::base64_into(&entry.encapsulation_key[..], &mut out);
            joined.clear();
            joined.extend_from_slice(&entry.kem_ciphertext[..]);
            joined.extend_from_slice(&entry.wrapped_key);
            out.push_str(r#"","ciphertext":""#);
            encoding::base64_into(&joined, &mut out);
            out.push_str(r#""}"#);
        }
        out.push(']');
        self.data.write(&mut out);
        out
    }
}

impl OlderPayload {
    fn to_json(&self) -> String {
        let mut out = String::from(r#"{"ciphertext":""#);
        encoding::base64_into(&self.kem_ciphertext[..], &mut out);
        out.push('"');
        self.data.write(&mut out);
        out
    }
}

impl Data {
    /// The three fields and the closing brace.
    fn write(&self, out: &mut String) {
        out.push_str(r#","encryptedData":""#);
        encoding::base64_into(&self.ciphertext, out);
        out.push_str(r#"","iv":""#);
        encoding::base64_into(&self.iv, out);
        out.push_str(r#"","authTag":""#);
        encoding::base64_into(&self.tag, out);
        out.push_str(r#""}"#);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::DecapsulationKey;
    use serde_json::{Value, json};
    use strongroom_testkit::rng;

    fn payload(generation: Generation) -> Payload {
        let key = DecapsulationKey::from_seed(&[1; 64]).encapsulation_key();
        super::super::seal(b"text", &[key], generation, &mut rng()).expect("one recipient")
    }

    fn value(generation: Generation) -> Value {
        serde_json::from_str(&payload(generation).to_json()).expect("our own JSON")
    }

    fn refusal(value: &Value) -> ParseError {
        Sealed::from_json(value.to_string().as_bytes()).expect_err("no payload")
    }

    #[test]
    fn what_is_written_reads_back() {
        for generation in [Generation::First, Generation::Second] {
            let payload = payload(generation);
            let json = payload.to_json();
            let back = Sealed::from_json(json.as_bytes()).expect("our own JSON");
            assert_eq!(back, Sealed::Payload(payload));
            assert_eq!(back.to_json(), json);
        }
    }

    #[test]
    fn unknown_fields_are_dropped_and_white_space_may_follow() {
        let mut more = value(Generation::Second);
        more["timestamp"] = json!({"deep": [1, 2, {"x": null}]});
        more["recipients"][0]["label"] = json!("me");
        assert_eq!(
            Sealed::from_json(format!(" {more}\n").as_bytes()).expect("a payload with more").to_json(),
            Sealed::from_json(more.to_string().as_bytes()).expect("a payload with more").to_json(),
        );
    }

    #[test]
    fn every_refusal_has_its_name() {
        let with = |path: &str, new: Value| {
            let mut v = value(Generation::First);
            *v.pointer_mut(path).expect("a field of the payload") = new;
            refusal(&v)
        };
        let base64 = |field, bytes| ParseError::Base64 { field, bytes };
        assert_eq!(with("/recipients/0/publicKey", json!("AAAA")), base64("publicKey", 1568));
        assert_eq!(with("/recipients/0/ciphertext", json!("")), base64("ciphertext", 1600));
        assert_eq!(with("/iv", json!("!!!!!!!!!!!!!!!!")), base64("iv", 12));
        assert_eq!(with("/authTag", json!("AAAAAAAAAAAAAAAAAAAAAA")), base64("authTag", 16));
        assert_eq!(with("/authTag", json!("AAAAAAAAAAAAAAAAAAAAAB==")), base64("authTag", 16));
        assert_eq!(with("/encryptedData", json!("A")), ParseError::Data);
        assert_eq!(with("/encryptedData", json!("AA==\n")), ParseError::Data);
        assert_eq!(with("/recipients", json!([])), ParseError::Recipients { count: 0 });
        assert!(matches!(with("/iv", json!(7)), ParseError::Json { .. }));
        let entry = value(Generation::First)["recipients"][0].clone();
        assert_eq!(with("/recipients", json!(vec![entry; 257])), ParseError::Recipients { count: 257 });
    }

    #[test]
    fn versions_other_than_two_are_refused() {
        for version in
            [json!(1), json!(3), json!(null), json!("2"), json!(2.5), json!(-2), json!([[{"": 0}]])]
        {
            let mut v = value(Generation::Second);
            v["version"] = version.clone();
            assert_eq!(refusal(&v), ParseError::UnknownVersion, "{version}");
        }
        let mut older = json!({"version": 2, "ciphertext": "", "encryptedData": "", "iv": "", "authTag": ""});
        assert_eq!(refusal(&older), ParseError::UnknownVersion);
        older["recipients"] = json!([]);
        assert_eq!(refusal(&older), ParseError::Ambiguous);
    }

    #[test]
    fn missing_doubled_and_trailing_things_are_refused() {
        for field in ["encryptedData", "iv", "authTag", "recipients"] {
            let mut v = value(Generation::First);
            v.as_object_mut().expect("an object").remove(field);
            assert_eq!(refusal(&v), ParseError::Missing { field });
        }
        let text = value(Generation::First).to_string();
        let doubled = text.replacen('{', r#"{"iv":"AAAAAAAAAAAAAAAA","#, 1);
        let nothing = text.replacen('{', r#"{"ciphertext":null,"#, 1);
        for bad in
            [doubled, nothing, format!("{text}x"), text[..text.len() - 1].to_owned(), format!("[{text}]")]
        {
            assert!(matches!(Sealed::from_json(bad.as_bytes()), Err(ParseError::Json { .. })), "{bad:.40}");
        }
    }

    /// A dropped field is a part of the text too.
    #[test]
    fn invalid_utf_8_is_refused_wherever_it_stands() {
        let text = payload(Generation::Second).to_json();
        let unknown = text.replacen('{', r#"{"note":"?","#, 1);
        let in_entry = text.replacen(r#"{"publicKey""#, r#"{"note":["?"],"publicKey""#, 1);
        for good in [unknown, in_entry] {
            assert!(Sealed::from_json(good.as_bytes()).is_ok());
            let mut bad = good.into_bytes();
            let at = bad.iter().position(|byte| *byte == b'?').expect("the note");
            bad[at] = 0xFF;
            let refused = Sealed::from_json(&bad);
            assert_eq!(refused, Err(ParseError::Json { line: 1, column: at + 1 }));
        }
    }

    #[test]
    fn the_second_generation_has_longer_entries() {
        let mut v = value(Generation::First);
        v["version"] = json!(2);
        assert_eq!(refusal(&v), ParseError::Base64 { field: "ciphertext", bytes: 1608 });
    }
}
