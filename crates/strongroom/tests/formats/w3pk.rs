//! The w3pk payload of both generations, and the older payload.

use serde_json::{Value, json};
use strongroom::encoding::base64;
use strongroom::key::DecapsulationKey;
use strongroom::w3pk::{self, AnyPayload, Generation, OpenError, PayloadError};
use strongroom_testkit::seeded_random::SeededRandom;
use strongroom_testkit::vectors::{Cases, bytes, text, walk};

#[test]
fn payloads() {
    walk("w3pk.json", 64, make, |input| {
        let payload = match input.get("payload") {
            Some(_) => text(input, "payload").as_bytes().to_vec(),
            None => bytes(input, "payloadHex"),
        };
        let key = DecapsulationKey::from_secret_text(text(input, "key")).map_err(|error| error.to_string());
        let sealed =
            AnyPayload::from_json(&payload).map_err(|error| format!("refused: {}", reason(error)))?;
        match sealed.open(&key.expect("a secret key text")) {
            Ok(plaintext) => Ok(json!({ "plaintext": hex::encode(plaintext.expose()) })),
            Err(OpenError::NotMine) => Err("not mine".to_owned()),
            Err(_) => Err("damaged".to_owned()),
        }
    });
}

fn reason(error: PayloadError) -> String {
    match error {
        PayloadError::Json { .. } => "JSON".to_owned(),
        PayloadError::Missing { field } => format!("{field} is missing"),
        PayloadError::Ambiguous => "recipients and ciphertext".to_owned(),
        PayloadError::UnknownVersion => "unknown version".to_owned(),
        PayloadError::Recipients { .. } => "recipients".to_owned(),
        PayloadError::Base64 { field, .. } => format!("base64 of {field}"),
        PayloadError::Data => "base64 of encryptedData".to_owned(),
        other => panic!("no name for {other}"),
    }
}

fn key(n: u8) -> DecapsulationKey {
    DecapsulationKey::from_seed(&[n; 64])
}

fn seal(plaintext: &[u8], keys: &[&DecapsulationKey], generation: Generation, seed: u64) -> w3pk::Payload {
    let recipients: Vec<_> = keys.iter().map(|key| key.encapsulation_key()).collect();
    w3pk::seal(plaintext, &recipients, generation, &mut SeededRandom::new(seed)).expect("recipients")
}

/// The older payload: the shared secret of an entry is the key of the data.
fn older(plaintext: &[u8]) -> Value {
    // K xor ss, and K is known: SeededRandom gave it first.
    let seed = 77;
    let payload = seal(b"", &[&key(1)], Generation::First, seed);
    let file_key: [u8; 32] = SeededRandom::new(seed).bytes();
    let entry = &payload.entries()[0];
    let secret: Vec<u8> = entry.wrapped_key().iter().zip(file_key).map(|(a, b)| a ^ b).collect();
    let mut data = plaintext.to_vec();
    let iv = [0x42; 12];
    let tag = strongroom::aead::seal_in_place(&secret.try_into().expect("32 bytes"), &iv, &[], &mut data);
    json!({
        "ciphertext": base64(entry.kem_ciphertext()),
        "encryptedData": base64(&data),
        "iv": base64(&iv),
        "authTag": base64(&tag),
    })
}

fn of(key: &DecapsulationKey, payload: impl ToString) -> Value {
    json!({ "key": key.to_secret_text().as_str(), "payload": payload.to_string() })
}

/// With a bit of a base64 field flipped.
fn flipped(payload: &Value, path: &str, at: usize) -> Value {
    let mut payload = payload.clone();
    let field = payload.pointer_mut(path).expect("a field");
    let mut bytes = strongroom::encoding::from_base64(field.as_str().expect("text")).expect("base64");
    bytes[at] ^= 1;
    *field = base64(&bytes).into();
    payload
}

fn with(payload: &Value, path: &str, new: Value) -> Value {
    let mut payload = payload.clone();
    *payload.pointer_mut(path).expect("a field") = new;
    payload
}

fn make(cases: &mut Cases) {
    let json = |payload: &w3pk::Payload| payload.to_json();
    let value = |payload: &w3pk::Payload| serde_json::from_str::<Value>(&payload.to_json()).expect("JSON");
    let [ann, bob] = [key(1), key(2)];
    let secret = "苟全性命於亂世".as_bytes();
    let first = seal(secret, &[&ann], Generation::First, 1);
    let second = seal(secret, &[&ann], Generation::Second, 2);
    let both = seal(secret, &[&ann, &bob], Generation::Second, 3);
    let old = older(secret);
    cases.accepted("first", "the first generation", of(&ann, json(&first)));
    cases.accepted("second", "the second generation", of(&ann, json(&second)));
    cases.accepted("older", "the older payload", of(&ann, &old));
    cases.accepted("second-recipient", "the second of two recipients", of(&bob, json(&both)));
    cases.accepted("empty", "an empty plaintext", of(&ann, json(&seal(b"", &[&ann], Generation::Second, 4))));
    cases.accepted("white-space", "white space around and within", {
        of(&ann, format!(" \t\r\n{:#}\n ", value(&second)))
    });
    let (first, second, both) = (value(&first), value(&second), value(&both));
    let mut more = second.clone();
    more["timestamp"] = json!({ "deep": [1, 2.5, { "x": null }] });
    more["recipients"][0]["label"] = json!("\u{1F512}");
    cases.accepted("unknown-fields", "fields that are not known are dropped", of(&ann, &more));
    cases.accepted("escapes", "a field's name and a letter as escapes", {
        of(&ann, second.to_string().replace("\"iv\":\"", "\"\\u0069v\":\"").replacen("=\"", "\\u003d\"", 1))
    });
    let mut twice = both.clone();
    twice["recipients"][1] = flipped(&second, "/recipients/0/ciphertext", 1600)["recipients"][0].clone();
    cases.accepted("repeated-good-first", "a recipient twice: the first entry counts", of(&ann, &twice));
    twice["recipients"].as_array_mut().expect("a list").reverse();
    cases.add("damaged", "repeated-bad-first", "a recipient twice: the first entry counts", of(&ann, &twice));

    cases.add("not mine", "first", "the first generation, another's", of(&bob, &first));
    cases.add("not mine", "second", "the second generation, another's", of(&bob, &second));
    let renamed = with(&second, "/recipients/0/publicKey", json!(bob.encapsulation_key().to_base64()));
    cases.add("not mine", "renamed", "our entry is said to be for another key", of(&ann, &renamed));
    cases.add("damaged", "renamed", "an entry that was made for another key", of(&bob, &renamed));
    cases.add("damaged", "older-of-another", "the older payload, another's", of(&bob, &old));
    for (name, payload) in [("first", &first), ("second", &second)] {
        let entry = "/recipients/0/ciphertext";
        for (part, comment, path, at) in [
            ("kem", "a bit of the KEM ciphertext is flipped", entry, 0),
            ("wrapped", "a bit of the wrapped key is flipped", entry, 1568),
            ("data", "a bit of the data is flipped", "/encryptedData", 0),
            ("iv", "a bit of the iv is flipped", "/iv", 11),
            ("tag", "a bit of the tag is flipped", "/authTag", 15),
        ] {
            let payload = flipped(payload, path, at);
            cases.add("damaged", &format!("{name}-{part}"), comment, of(&ann, &payload));
        }
    }
    for (part, path) in [("kem", "/ciphertext"), ("data", "/encryptedData"), ("tag", "/authTag")] {
        let payload = flipped(&old, path, 0);
        cases.add("damaged", &format!("older-{part}"), "a bit is flipped", of(&ann, &payload));
    }
    refused(cases, &ann, &first, &second, &old);
}

fn refused(cases: &mut Cases, ann: &DecapsulationKey, first: &Value, second: &Value, old: &Value) {
    for (name, version) in [
        ("one", json!(1)),
        ("three", json!(3)),
        ("null", json!(null)),
        ("text", json!("2")),
        ("fraction", json!(2.0)),
        ("list", json!([2])),
    ] {
        let payload = with(second, "/version", version.clone());
        let comment = format!("`version` is {version}");
        cases.refused("unknown version", &format!("version-{name}"), &comment, of(ann, &payload));
    }
    let with_member =
        |payload: &Value, member: &str| payload.to_string().replacen('{', &format!("{{{member},"), 1);
    cases.refused(
        "unknown version",
        "older-version",
        "the older payload with the version 2",
        of(ann, with_member(old, r#""version":2"#)),
    );
    let ambiguous = with_member(first, r#""ciphertext":"AAAA""#);
    cases.refused("recipients and ciphertext", "both", "the fields of both payloads", of(ann, ambiguous));
    for field in ["encryptedData", "iv", "authTag", "recipients"] {
        let mut payload = first.clone();
        payload.as_object_mut().expect("an object").remove(field);
        let comment = format!("without `{field}`");
        cases.refused(&format!("{field} is missing"), &format!("no-{field}"), &comment, of(ann, &payload));
    }
    let entry = json!({ "publicKey": "", "ciphertext": "" });
    cases.refused(
        "recipients",
        "no-recipient",
        "an empty list",
        of(ann, with(first, "/recipients", json!([]))),
    );
    let many = with(first, "/recipients", json!(vec![entry; 257]));
    cases.refused("recipients", "many-recipients", "257 entries, whatever is in them", of(ann, many));
    let ciphertext = first["recipients"][0]["ciphertext"].as_str().expect("text");
    for (field, name, comment, path, text) in [
        (
            "ciphertext",
            "short-entry",
            "a first-generation entry in the second",
            "/recipients/0/ciphertext",
            ciphertext,
        ),
        ("publicKey", "public-key", "a public key of 3 bytes", "/recipients/0/publicKey", "AAAA"),
        ("iv", "iv", "an iv of 9 bytes", "/iv", "AAAAAAAAAAAA"),
        ("iv", "iv-alphabet", "an iv in the URL alphabet", "/iv", "____AAAAAAAAAAAA"),
        ("authTag", "tag-unpadded", "a tag without padding", "/authTag", "AAAAAAAAAAAAAAAAAAAAAA"),
        ("authTag", "tag-bits", "a tag with trailing bits", "/authTag", "AAAAAAAAAAAAAAAAAAAAAB=="),
        ("encryptedData", "data", "data of one letter", "/encryptedData", "A"),
        ("encryptedData", "data-line-feed", "data with a line feed", "/encryptedData", "AA==\n"),
    ] {
        let payload = with(second, path, json!(text));
        cases.refused(&format!("base64 of {field}"), name, comment, of(ann, &payload));
    }
    let good = second.to_string();
    for (name, comment, text) in [
        ("empty-text", "no text", String::new()),
        ("array", "the fields in a list", format!("[{good}]")),
        ("cut", "the last brace is missing", good[..good.len() - 1].to_owned()),
        ("trailing", "a letter after it", format!("{good}x")),
        ("twice", "two payloads", format!("{good}{good}")),
        ("comment", "a comment", format!("/* */{good}")),
        ("repeated-iv", "`iv` twice", with_member(second, r#""iv":"AAAAAAAAAAAAAAAA""#)),
        ("null-ciphertext", "`ciphertext` is null", with_member(second, r#""ciphertext":null"#)),
        ("null-iv", "`iv` is null", with(second, "/iv", json!(null)).to_string()),
        ("number", "`iv` is a number", with(second, "/iv", json!(7)).to_string()),
        ("entry-list", "an entry is a list", with(second, "/recipients/0", json!(["", ""])).to_string()),
    ] {
        cases.refused("JSON", name, comment, of(ann, text));
    }
    let not_utf_8 = |member: &str| {
        let text = with_member(second, member);
        let at = text.find('?').expect("the place");
        let mut bytes = text.into_bytes();
        bytes[at] = 0xFF;
        json!({ "key": ann.to_secret_text().as_str(), "payloadHex": hex::encode(bytes) })
    };
    for (name, comment, member) in [
        ("utf-8", "a byte that is not UTF-8 in an unknown field", r#""note":"?""#),
        ("utf-8-deep", "a byte that is not UTF-8 within an unknown field", r#""note":[{"x":"?"}]"#),
        ("utf-8-name", "a byte that is not UTF-8 in an unknown field's name", r#""?":1"#),
    ] {
        cases.refused("JSON", name, comment, not_utf_8(member));
    }
}
