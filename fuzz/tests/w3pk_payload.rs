//! `w3pk::AnyPayload::from_json`, and opening what it accepts: payloads of both generations and the
//! older one.

use base64ct::{Base64, Encoding};
use bolero::TypeGenerator;
use serde_json::{Value, json};
use strongroom::key::DecapsulationKey;
use strongroom::w3pk::{self, AnyPayload, Generation, OpenError};
use strongroom_fuzz::{Edit, Mutant, Reach, from_base64};
use strongroom_testkit::{older_payload_json, rng};

/// The thing that is edited: the text, the bytes that a field holds, the shape, or what stands next
/// to the fields.
#[derive(Debug, TypeGenerator)]
enum Input {
    Text(Mutant),
    Field { which: u8, field: u8, edit: Edit },
    Shape { which: u8, field: u8, change: Change },
    Member { which: u8, member: u8 },
}

#[derive(Debug, TypeGenerator)]
enum Change {
    /// Takes the field away.
    Remove,
    /// Puts this JSON into the field.
    Set(u8),
    /// Turns an object into the array of its members' values, in the order of the code.
    Unname,
    /// Repeats an entry this many times.
    Repeat(u8),
    /// Writes the member twice.
    Double,
    /// Edits the text of the field, base64 or not.
    Text(Edit),
}

/// Every field of either payload, as a JSON pointer.
const FIELDS: [&str; 11] = [
    "/recipients/0/publicKey",
    "/recipients/0/ciphertext",
    "/recipients/1/publicKey",
    "/recipients/1/ciphertext",
    "/encryptedData",
    "/iv",
    "/authTag",
    "/ciphertext",
    "/version",
    "/recipients",
    "/recipients/0",
];

const VALUES: [&str; 11] =
    ["null", "1", "2", "2.0", "3", "\"2\"", "\"\"", "\"AAAAAAAAAAAAAAAA\"", "[]", "{}", "[[1,{\"a\":null}]]"];

const MEMBERS: [(&str, &str); 7] = [
    ("version", "1"),
    ("version", "2"),
    ("ciphertext", "\"AAAA\""),
    ("ciphertext", "null"),
    ("recipients", "[]"),
    ("recipients", "null"),
    ("kid", "{\"iv\":[\"AAAA\"]}"),
];

const COUNTS: [usize; 4] = [0, 2, 256, 257];

fn pick<T: Copy>(values: &[T], which: u8) -> T {
    values[usize::from(which) % values.len()]
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

impl Input {
    /// The number of the valid payload that is edited.
    fn which(&self, valid: usize) -> usize {
        let (Self::Text(Mutant { which, .. })
        | Self::Field { which, .. }
        | Self::Shape { which, .. }
        | Self::Member { which, .. }) = self;
        usize::from(*which) % valid
    }

    fn json(&self, valid: &[String]) -> Vec<u8> {
        let text = &valid[self.which(valid.len())];
        let mut value = read(text);
        let pick_field = |value: &Value, field: u8| {
            let present = FIELDS.iter().filter(|field| value.pointer(field).is_some());
            pick(&present.collect::<Vec<_>>(), field)
        };
        match self {
            Self::Text(mutant) => {
                return mutant.of(valid, &["null", "\"version\":2,", "[", "}", "\"", "\\u0041", "=", " "]);
            }
            Self::Field { field, edit, .. } => {
                let field = pick_field(&value, *field);
                if let Some(Value::String(text)) = value.pointer_mut(field) {
                    let mut bytes = from_base64(text).expect("base64");
                    edit.apply(&mut bytes, &["\u{0}"]);
                    *text = Base64::encode_string(&bytes);
                }
            }
            Self::Shape { field, change: Change::Double, .. } => {
                let name = pick_field(&value, *field).trim_start_matches('/');
                let member = value.get(name).unwrap_or(&Value::Null);
                return text.replacen('{', &format!("{{\"{name}\":{member},"), 1).into_bytes();
            }
            Self::Shape { field, change, .. } => {
                let field = pick_field(&value, *field);
                change.apply(&mut value, field);
            }
            Self::Member { member, .. } => {
                let (name, to) = pick(&MEMBERS, *member);
                value[name] = read(to);
            }
        }
        value.to_string().into_bytes()
    }
}

impl Change {
    fn apply(&self, payload: &mut Value, field: &str) {
        let (parent, name) = field.rsplit_once('/').expect("a pointer");
        let value = payload.pointer_mut(field).expect("the payload has the field");
        match self {
            Self::Set(to) => *value = read(pick(&VALUES, *to)),
            Self::Text(edit) => {
                if let Value::String(text) = value {
                    let mut bytes = std::mem::take(text).into_bytes();
                    edit.apply(&mut bytes, &["=", "-", "\n"]);
                    *text = String::from_utf8_lossy(&bytes).into_owned();
                }
            }
            Self::Unname if name == "0" => *value = json!([value["publicKey"], value["ciphertext"]]),
            Self::Unname => {
                let members = ["version", "recipients", "ciphertext", "encryptedData", "iv", "authTag"];
                *payload = members.map(|name| payload[name].clone()).into_iter().collect();
            }
            Self::Remove => {
                if let Some(Value::Object(parent)) = payload.pointer_mut(parent) {
                    parent.remove(name);
                }
            }
            Self::Repeat(count) => {
                if let Some(Value::Array(entries)) = payload.get_mut("recipients") {
                    *entries = vec![entries[0].clone(); pick(&COUNTS, *count)];
                }
            }
            Self::Double => unreachable!("no Value holds a member twice"),
        }
    }
}

/// The bytes of a field, if it is there and is a base64 text with one reading.
fn bytes(field: &Value) -> Vec<u8> {
    from_base64(field.as_str().expect("a text")).expect("base64")
}

/// Checks that what was parsed is what the specification says that the JSON says.
fn agrees_with_a_plain_reading(sealed: &AnyPayload, json: &[u8]) {
    let value: Value = serde_json::from_slice(json).expect("JSON");
    let object = value.as_object().expect("a payload is an object");
    assert_eq!(bytes(&object["encryptedData"]), sealed.data().ciphertext);
    assert_eq!(bytes(&object["iv"]), sealed.data().iv);
    assert_eq!(bytes(&object["authTag"]), sealed.data().tag);
    match sealed {
        AnyPayload::Payload(payload) => {
            let version = object.get("version").map(|version| version.as_u64().expect("a number"));
            assert_eq!(version, (payload.generation() == Generation::Second).then_some(2));
            assert_eq!(object.get("ciphertext"), None, "the field of the other payload");
            let entries = object["recipients"].as_array().expect("an array");
            assert!((1..=w3pk::MAX_RECIPIENTS).contains(&entries.len()));
            assert_eq!(payload.entries().len(), entries.len());
            for (entry, parsed) in entries.iter().zip(payload.entries()) {
                let entry = entry.as_object().expect("an entry is an object");
                assert_eq!(bytes(&entry["publicKey"]), parsed.encapsulation_key());
                let ciphertext = [&parsed.kem_ciphertext()[..], parsed.wrapped_key()].concat();
                assert_eq!(bytes(&entry["ciphertext"]), ciphertext);
                let wrapped = if version.is_some() { 40 } else { 32 };
                assert_eq!(parsed.wrapped_key().len(), wrapped);
            }
        }
        AnyPayload::Older(older) => {
            assert_eq!(object.get("version"), None);
            assert_eq!(object.get("recipients"), None, "the field of the other payload");
            assert_eq!(bytes(&object["ciphertext"]), older.kem_ciphertext());
        }
    }
}

#[test]
fn a_payload_says_one_thing_and_opens_to_what_was_sealed() {
    let keys = [1, 2, 3].map(|n| DecapsulationKey::from_seed(&[n; 64]));
    let recipients = [&keys[0], &keys[1]].map(DecapsulationKey::encapsulation_key);
    let seal = |secret, recipients, generation| {
        w3pk::seal(secret, recipients, generation, &mut rng()).expect("good recipients").to_json()
    };
    let secrets: [&[u8]; 4] = [b"four years", b"five", b"", b"old"];
    let valid = [
        seal(secrets[0], &recipients, Generation::Second),
        seal(secrets[1], &recipients[..1], Generation::First),
        seal(secrets[2], &recipients, Generation::Second),
        older_payload_json(recipients[0].as_bytes(), secrets[3]),
    ];
    let reach = Reach::default();
    bolero::check!().with_type::<Input>().for_each(|input| {
        let json = input.json(&valid);
        let sealed = match AnyPayload::from_json(&json) {
            Ok(sealed) => sealed,
            Err(error) => return reach.count(&error),
        };
        agrees_with_a_plain_reading(&sealed, &json);
        let written = sealed.to_json();
        let again = AnyPayload::from_json(written.as_bytes()).expect("our own JSON");
        assert_eq!(again, sealed);
        assert_eq!(again.to_json(), written);
        for key in &keys {
            match sealed.open(key) {
                Ok(plaintext) => {
                    assert!(plaintext.expose() == secrets[input.which(valid.len())], "another plaintext");
                    reach.count("opened");
                }
                Err(error) => {
                    let may_be = error != OpenError::NotMine || matches!(sealed, AnyPayload::Payload(_));
                    assert!(may_be, "an older payload names nobody");
                    reach.count(&error);
                }
            }
        }
    });
    reach.assert_met(&[
        "opened",
        "NotMine",
        "Damaged",
        "Json",
        "Missing",
        "Ambiguous",
        "UnknownVersion",
        "Recipients",
        "Base64",
    ]);
}
