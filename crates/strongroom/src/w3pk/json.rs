//! The JSON of both payload shapes, read strictly and written in one way.

use super::key_wrap::{FIRST_BYTES, SECOND_BYTES};
use super::{AnyPayload, EncryptedData, Entry, Generation, MAX_RECIPIENTS, OlderPayload, Payload};
use crate::encoding;
use crate::json::{self, JsonError, Object};
use crate::kem::{CIPHERTEXT_BYTES, Ciphertext, ENCAPSULATION_KEY_BYTES};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Why bytes cannot be read as a payload. Messages name a field, and never repeat its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The bytes are not JSON or not UTF-8, a field has another type or is there twice, or
    /// something follows the object.
    #[error("not a payload: line {line}, column {column}")]
    Json {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A required field is missing.
    #[error("`{field}` is missing")]
    Missing {
        /// The field's name.
        field: &'static str,
    },
    /// The object has fields of both shapes.
    #[error("the payload has both `recipients` and `ciphertext`: only one of them is allowed")]
    Ambiguous,
    /// `version` is there, and is not 2.
    #[error("the payload's `version` is unknown: it must be 2 or absent")]
    UnknownVersion,
    /// `recipients` is empty, or has more than 256 entries.
    #[error("the payload has {count} recipients, and 1 to {MAX_RECIPIENTS} are allowed")]
    Recipients {
        /// The number of entries.
        count: usize,
    },
    /// A field is not standard, padded base64, or has another number of bytes.
    #[error("`{field}` is not {bytes} bytes in standard, padded base64")]
    Base64 {
        /// The field's name.
        field: &'static str,
        /// The bytes that the field must have.
        bytes: usize,
    },
    /// `encryptedData` is not standard, padded base64.
    #[error("`encryptedData` is not standard, padded base64")]
    Data,
}

/// A string, which is borrowed from the JSON if it has no escapes.
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
    /// Any value is accepted here, so an unknown one can be refused with its own error.
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

/// A field that is there must have a value: `null` does not count as absent.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

impl AnyPayload {
    /// Reads a payload of either shape (spec/w3pk.md). Allocates a few times the size of
    /// the JSON, so the caller must bound that size.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn from_json(json: &[u8]) -> Result<Self, PayloadError> {
        let Object(raw): Object<Raw<'_>> = json::from_slice(json)
            .map_err(|JsonError { line, column }| PayloadError::Json { line, column })?;
        let generation = match &raw.version {
            None => Generation::First,
            Some(version) if version.get() == "2" => Generation::Second,
            Some(_) => return Err(PayloadError::UnknownVersion),
        };
        match (&raw.recipients, &raw.ciphertext) {
            (Some(_), Some(_)) => Err(PayloadError::Ambiguous),
            (None, None) => Err(PayloadError::Missing { field: "recipients" }),
            (Some(entries), None) => {
                if !(1..=MAX_RECIPIENTS).contains(&entries.len()) {
                    return Err(PayloadError::Recipients { count: entries.len() });
                }
                let entries = entries
                    .iter()
                    .map(|Object(entry)| Entry::from_raw(generation, entry))
                    .collect::<Result<_, _>>()?;
                Ok(Self::Payload(Payload { generation, entries, data: raw.data()? }))
            }
            (None, Some(_)) if generation == Generation::Second => Err(PayloadError::UnknownVersion),
            (None, Some(ciphertext)) => Ok(Self::Older(OlderPayload {
                kem_ciphertext: exact("ciphertext", &ciphertext.0)?,
                data: raw.data()?,
            })),
        }
    }

    /// Writes the JSON of the payload, in the shape that it has.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Self::Payload(payload) => payload.to_json(),
            Self::Older(payload) => payload.to_json(),
        }
    }
}

impl<'a> Raw<'a> {
    fn data(&'a self) -> Result<EncryptedData, PayloadError> {
        let field = |value: &'a Option<Text<'a>>, field| match value {
            Some(Text(text)) => Ok(text.as_ref()),
            None => Err(PayloadError::Missing { field }),
        };
        Ok(EncryptedData {
            ciphertext: encoding::from_base64(field(&self.encrypted_data, "encryptedData")?)
                .ok_or(PayloadError::Data)?,
            iv: *exact("iv", field(&self.iv, "iv")?)?,
            tag: *exact("authTag", field(&self.auth_tag, "authTag")?)?,
        })
    }
}

impl Entry {
    fn from_raw(generation: Generation, raw: &RawEntry<'_>) -> Result<Self, PayloadError> {
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
fn split<const N: usize>(text: &str) -> Result<(Box<Ciphertext>, Vec<u8>), PayloadError> {
    let bytes = exact::<N>("ciphertext", text)?;
    let (ciphertext, wrapped) = bytes.split_first_chunk().expect("N is larger than a KEM ciphertext");
    Ok((Box::new(*ciphertext), wrapped.to_vec()))
}

fn exact<const N: usize>(field: &'static str, text: &str) -> Result<Box<[u8; N]>, PayloadError> {
    encoding::from_base64_exact(text).ok_or(PayloadError::Base64 { field, bytes: N })
}

impl Payload {
    /// Writes the JSON of the payload (spec/w3pk.md#json), which `from_json` reads.
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

impl EncryptedData {
    /// Appends the three fields and the closing brace.
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

    fn refusal(value: &Value) -> PayloadError {
        AnyPayload::from_json(value.to_string().as_bytes()).expect_err("no payload")
    }

    #[test]
    fn what_is_written_reads_back() {
        for generation in [Generation::First, Generation::Second] {
            let payload = payload(generation);
            let json = payload.to_json();
            let back = AnyPayload::from_json(json.as_bytes()).expect("our own JSON");
            assert_eq!(back, AnyPayload::Payload(payload));
            assert_eq!(back.to_json(), json);
        }
    }

    #[test]
    fn unknown_fields_are_dropped_and_white_space_may_follow() {
        let mut more = value(Generation::Second);
        more["timestamp"] = json!({"deep": [1, 2, {"x": null}]});
        more["recipients"][0]["label"] = json!("me");
        assert_eq!(
            AnyPayload::from_json(format!(" {more}\n").as_bytes()).expect("a payload with more").to_json(),
            AnyPayload::from_json(more.to_string().as_bytes()).expect("a payload with more").to_json(),
        );
    }

    #[test]
    fn every_refusal_has_its_name() {
        let with = |path: &str, new: Value| {
            let mut v = value(Generation::First);
            *v.pointer_mut(path).expect("a field of the payload") = new;
            refusal(&v)
        };
        let base64 = |field, bytes| PayloadError::Base64 { field, bytes };
        assert_eq!(with("/recipients/0/publicKey", json!("AAAA")), base64("publicKey", 1568));
        assert_eq!(with("/recipients/0/ciphertext", json!("")), base64("ciphertext", 1600));
        assert_eq!(with("/iv", json!("!!!!!!!!!!!!!!!!")), base64("iv", 12));
        assert_eq!(with("/authTag", json!("AAAAAAAAAAAAAAAAAAAAAA")), base64("authTag", 16));
        assert_eq!(with("/authTag", json!("AAAAAAAAAAAAAAAAAAAAAB==")), base64("authTag", 16));
        assert_eq!(with("/encryptedData", json!("A")), PayloadError::Data);
        assert_eq!(with("/encryptedData", json!("AA==\n")), PayloadError::Data);
        assert_eq!(with("/recipients", json!([])), PayloadError::Recipients { count: 0 });
        assert!(matches!(with("/iv", json!(7)), PayloadError::Json { .. }));
        let entry = value(Generation::First)["recipients"][0].clone();
        assert_eq!(with("/recipients", json!(vec![entry; 257])), PayloadError::Recipients { count: 257 });
    }

    #[test]
    fn versions_other_than_two_are_refused() {
        for version in
            [json!(1), json!(3), json!(null), json!("2"), json!(2.5), json!(-2), json!([[{"": 0}]])]
        {
            let mut v = value(Generation::Second);
            v["version"] = version.clone();
            assert_eq!(refusal(&v), PayloadError::UnknownVersion, "{version}");
        }
        let mut older = json!({"version": 2, "ciphertext": "", "encryptedData": "", "iv": "", "authTag": ""});
        assert_eq!(refusal(&older), PayloadError::UnknownVersion);
        older["recipients"] = json!([]);
        assert_eq!(refusal(&older), PayloadError::Ambiguous);
    }

    #[test]
    fn missing_doubled_and_trailing_things_are_refused() {
        for field in ["encryptedData", "iv", "authTag", "recipients"] {
            let mut v = value(Generation::First);
            v.as_object_mut().expect("an object").remove(field);
            assert_eq!(refusal(&v), PayloadError::Missing { field });
        }
        let text = value(Generation::First).to_string();
        let doubled = text.replacen('{', r#"{"iv":"AAAAAAAAAAAAAAAA","#, 1);
        let nothing = text.replacen('{', r#"{"ciphertext":null,"#, 1);
        for bad in
            [doubled, nothing, format!("{text}x"), text[..text.len() - 1].to_owned(), format!("[{text}]")]
        {
            assert!(
                matches!(AnyPayload::from_json(bad.as_bytes()), Err(PayloadError::Json { .. })),
                "{bad:.40}"
            );
        }
    }

    /// A dropped field is a part of the text too.
    #[test]
    fn invalid_utf_8_is_refused_wherever_it_stands() {
        let text = payload(Generation::Second).to_json();
        let unknown = text.replacen('{', r#"{"note":"?","#, 1);
        let in_entry = text.replacen(r#"{"publicKey""#, r#"{"note":["?"],"publicKey""#, 1);
        for good in [unknown, in_entry] {
            assert!(AnyPayload::from_json(good.as_bytes()).is_ok());
            let mut bad = good.into_bytes();
            let at = bad.iter().position(|byte| *byte == b'?').expect("the note");
            bad[at] = 0xFF;
            let refused = AnyPayload::from_json(&bad);
            assert_eq!(refused, Err(PayloadError::Json { line: 1, column: at + 1 }));
        }
    }

    #[test]
    fn the_second_generation_has_longer_entries() {
        let mut v = value(Generation::First);
        v["version"] = json!(2);
        assert_eq!(refusal(&v), PayloadError::Base64 { field: "ciphertext", bytes: 1608 });
    }
}
