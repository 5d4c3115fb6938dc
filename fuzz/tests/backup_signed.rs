//! `backup::SignedBackup::from_json`: what a server takes from any client that uploads it.

use serde_json::Value;
use strongroom::backup::{Archive, BackupContent, Keys, Position, SignedBackup, UserId};
use strongroom::mnemonic::Mnemonic;
use strongroom_fuzz::{Mutant, Reach, from_base64};
use strongroom_testkit::rng;

/// A word in the place of a signature, which would take nearly all edits.
const SIGNATURE: &str = "@signature@";

/// Texts of both forms, with a short word for the signature, and the signature.
fn valid() -> (Vec<String>, String) {
    let words = "legal winner thank year wave sausage worth useful legal winner thank yellow";
    let keys = Keys::strongroom(&Mnemonic::parse(words, "").expect("a mnemonic"), 0);
    let archive = Archive::from_json(b"{}").expect("JSON");
    let backup = archive.sign(&keys, &Position::first(UserId::from_bytes([7; 16])), 1, &mut rng());
    let signature = backup.signature().to_string();
    let native = backup.to_json().replace(&signature, SIGNATURE);
    let compatible = format!(r#"{{"signature":"{SIGNATURE}","payload":"0x7b2261223a317d"}}"#);
    (vec![compatible, native], signature)
}

const WORDS: [&str; 10] = [
    "0x",
    "\"",
    ",",
    r#""payload":"0x00","#,
    r#""envelope":"AAAA","#,
    r#""statement":"","#,
    r#""signature":"0x00","#,
    "null",
    "\\u0030",
    SIGNATURE,
];

#[test]
fn a_backup_is_what_its_fields_say() {
    let (valid, signature) = valid();
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let text = mutant.text_of(&valid, &WORDS).replace(SIGNATURE, &signature);
        match SignedBackup::from_json(text.as_bytes()) {
            Ok(backup) => {
                // These fields are read without the parser.
                let fields: Value = serde_json::from_str(&text).expect("JSON");
                let field = |name: &str| fields[name].as_str().expect("text").to_owned();
                assert_eq!(field("signature").to_lowercase(), backup.signature().to_string());
                match backup.content() {
                    BackupContent::Compatible { payload } => {
                        assert_eq!(field("payload").to_lowercase(), format!("0x{}", hex::encode(payload)));
                        reach.count("compatible");
                    }
                    BackupContent::Native { envelope, statement } => {
                        assert_eq!(from_base64(&field("envelope")).as_deref(), Some(envelope.as_bytes()));
                        assert_eq!(from_base64(&field("statement")), Some(statement.to_bytes()));
                        reach.count("native");
                    }
                }
                // A backup is written in one way, and can be read again.
                let again = SignedBackup::from_json(backup.to_json().as_bytes());
                assert_eq!(again.as_ref(), Ok(&backup));
            }
            Err(error) => reach.count(&error),
        }
    });
    reach.assert_met(&[
        "compatible",
        "native",
        "Json",
        "Fields",
        "Payload",
        "Base64",
        "Statement(BackupStatementError)",
    ]);
}
