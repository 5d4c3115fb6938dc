//! Strict JSON (RFC 8259).

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// Where a text stops being the JSON that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the JSON that is expected: line {line}, column {column}")]
pub struct JsonError {
    /// Counted from 1.
    pub line: usize,
    /// In bytes, counted from 1.
    pub column: usize,
}

/// Reads a JSON text, all of which is UTF-8 (RFC 8259 §8.1). `serde_json` by itself does not look
/// at the bytes of a string that it drops.
///
/// # Errors
/// [`JsonError`], which says where and repeats nothing of the text.
pub fn from_slice<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, JsonError> {
    let text = std::str::from_utf8(json).map_err(|error| {
        let valid = &json[..error.valid_up_to()];
        let line_start = valid.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        JsonError { line, column: 1 + valid.len() - line_start }
    })?;
    serde_json::from_str(text).map_err(|error| JsonError { line: error.line(), column: error.column() })
}

/// A `T` that is written as an object. A derived `Deserialize` also takes an array of the fields in
/// their order, which would be a second spelling.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnObject<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for AnObject<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(AnObject(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::IgnoredAny;

    #[test]
    fn every_byte_is_utf_8_and_a_refusal_says_where() {
        let position =
            |json: &[u8]| from_slice::<IgnoredAny>(json).map(|_| ()).map_err(|p| (p.line, p.column));
        assert_eq!(position("{\"苟\":\"全\"}\n".as_bytes()), Ok(()));
        assert_eq!(position(b"{\"x\":\"\xFF\"}"), Err((1, 7)));
        assert_eq!(position(b"{\n\"x\":\"\xFF\"}"), Err((2, 6)));
        assert_eq!(position(b"{\"x\":\"\xC3"), Err((1, 7)));
        assert_eq!(position(b"{} x"), Err((1, 4)));
    }
}
