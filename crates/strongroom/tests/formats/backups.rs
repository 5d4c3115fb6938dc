//! Wallet backups of both forms: read, verified, restored.

use minicbor::Encoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sha3::Keccak256;
use strongroom::backup::{
    Archive, BackupContent, CapsuleKem, Keys, PayloadCipher, Position, RestoreError, SignedBackup,
    SignedBackupError, UserId, VerifyError,
};
use strongroom::encoding::{base64, prefixed_hex};
use strongroom::envelope;
use strongroom::mnemonic::Mnemonic;
use strongroom::policy::EnvelopePolicy;
use strongroom::slh_dsa::{self, Context};
use strongroom_testkit::seeded_random::SeededRandom;
use strongroom_testkit::vectors::{Cases, bytes, text, walk};

const WORDS: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const OTHER_WORDS: &str = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong";
const WALLET: &[u8] = r#"{"accounts":[{"name":"苟全性命"}]}"#.as_bytes();
const CREATED: u64 = 1_800_000_000;
/// In a text: the signature that the vector's signer makes.
const SIGNATURE: &str = "<signature>";
/// In a text: the digits of 49,856 bytes of zeros.
const ZEROS: &str = "<zeros>";

#[test]
fn backups() {
    let made: Vec<(Value, Keys)> = [
        keys_of("strongroom", WORDS),
        keys_of("compatible", WORDS),
        keys_of("strongroom", OTHER_WORDS),
        keys_of("compatible", OTHER_WORDS),
    ]
    .into_iter()
    .map(|value| (value.clone(), derived(&value)))
    .collect();
    let find = |value: &Value| &made.iter().find(|(keys, _)| keys == value).expect("keys of a list").1;
    walk("backups.json", 76, make, |input| {
        let (signer, reader) = (find(&input["signer"]), find(&input["reader"]));
        let mut json = text(input, "backup").replace(ZEROS, &"0".repeat(2 * slh_dsa::SIGNATURE_BYTES));
        if json.contains(SIGNATURE) {
            let (context, message) = message(input);
            let signature = signer.signing_key().sign(context, &message).to_string();
            json = json.replace(SIGNATURE, &signature);
        }
        let signed = SignedBackup::from_json(json.as_bytes())
            .map_err(|error| format!("refused: {}", reason(error)))?;
        let digest = hex::encode(signed.digest());
        let signature = hex::encode(Sha256::digest(signed.signature().as_bytes()));
        let verified = signed.verify(&reader.public_key()).map_err(|error| match error {
            VerifyError::Owner => "not verified: owner",
            VerifyError::Envelope => "not verified: envelope",
            VerifyError::Signature(_) => "not verified: signature",
            other => panic!("no name for {other}"),
        })?;
        let restored =
            verified.restore(reader).map_err(|error| format!("not restored: {}", restore_reason(error)))?;
        let mut value = json!({
            "owner": verified.owner().to_string(),
            "digest": digest,
            "signatureSha256": signature,
            "archive": String::from_utf8(restored.archive.expose().to_vec()).expect("JSON is text"),
            "archiveSha256": hex::encode(restored.archive.sha256()),
        });
        if let BackupContent::Native { statement, .. } = verified.backup().content() {
            value["counter"] = statement.counter().into();
            value["userId"] = statement.position().user_id().to_string().into();
            value["previous"] = hex::encode(statement.position().previous()).into();
            value["statementSha256"] = hex::encode(statement.digest()).into();
            value["created"] = restored.created.into();
        }
        Ok(value)
    });
}

/// What the signer signs: what the form says, unless the vector says something else.
fn message(input: &Value) -> (Context, Vec<u8>) {
    let context = match text(input, "context") {
        "" => Context::NONE,
        "strongroom/backup/1" => Context::BACKUP,
        "strongroom/session/1" => Context::SESSION,
        other => panic!("no context {other}"),
    };
    (context, bytes(input, "message"))
}

fn reason(error: SignedBackupError) -> String {
    match error {
        SignedBackupError::Json { .. } => "JSON".to_owned(),
        SignedBackupError::Fields => "fields".to_owned(),
        SignedBackupError::Signature(_) => "signature".to_owned(),
        SignedBackupError::Payload => "payload".to_owned(),
        SignedBackupError::PayloadNotJson => "payload is not a JSON object".to_owned(),
        SignedBackupError::Base64 { field } => format!("base64 of {field}"),
        SignedBackupError::Envelope(_) => "envelope".to_owned(),
        SignedBackupError::EnvelopeCut => "envelope is cut short".to_owned(),
        SignedBackupError::Statement(_) => "statement".to_owned(),
        other => panic!("no name for {other}"),
    }
}

fn restore_reason(error: RestoreError) -> &'static str {
    match error {
        RestoreError::Open(_) => "does not open",
        RestoreError::Payload(_) => "payload",
        RestoreError::NoArchive => "manifest",
        RestoreError::Counter { .. } => "counter",
        RestoreError::Sha256 => "SHA-256",
        RestoreError::Archive(_) => "archive is not JSON",
        other => panic!("no name for {other}"),
    }
}

fn keys_of(derivation: &str, mnemonic: &str) -> Value {
    json!({ "derivation": derivation, "mnemonic": mnemonic, "passphrase": "", "number": 0 })
}

fn derived(value: &Value) -> Keys {
    let mnemonic = Mnemonic::parse(text(value, "mnemonic"), "").unwrap_or_else(|error| panic!("{error}"));
    match text(value, "derivation") {
        "strongroom" => Keys::strongroom(&mnemonic, 0),
        _ => Keys::compatible(&mnemonic, 0),
    }
}

/// A backup's text and what is signed of it, by the keys of a derivation.
fn input(derivation: &str, backup: &str, context: &str, message: &[u8]) -> Value {
    json!({
        "signer": keys_of(derivation, WORDS),
        "reader": keys_of(derivation, WORDS),
        "backup": backup,
        "context": context,
        "message": hex::encode(message),
    })
}

fn with(input: &Value, field: &str, value: Value) -> Value {
    let mut input = input.clone();
    input[field] = value;
    input
}

fn native(envelope: &[u8], statement: &[u8]) -> Value {
    let backup = format!(
        r#"{{"envelope":"{}","statement":"{}","signature":"{SIGNATURE}"}}"#,
        base64(envelope),
        base64(statement)
    );
    input("strongroom", &backup, "strongroom/backup/1", statement)
}

fn compatible(payload: &[u8]) -> Value {
    let backup = format!(r#"{{"signature":"{SIGNATURE}","payload":"{}"}}"#, prefixed_hex(payload));
    input("compatible", &backup, "", &Keccak256::digest(payload))
}

/// A statement's items, to be put together wrongly.
struct Parts {
    version: u8,
    owner: Vec<u8>,
    user_id: Vec<u8>,
    counter: u64,
    previous: Vec<u8>,
    envelope: Vec<u8>,
}

impl Parts {
    fn of(keys: &Keys, envelope: &[u8]) -> Self {
        let owner = keys.public_key().owner();
        Self {
            version: 1,
            owner: owner.as_bytes().to_vec(),
            user_id: UserId::of_owner(owner).as_bytes().to_vec(),
            counter: 1,
            previous: vec![0; 32],
            envelope: Sha256::digest(envelope).to_vec(),
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut e = Encoder::new(&mut bytes);
        e.array(6).and_then(|e| e.u8(self.version)).expect("memory");
        e.bytes(&self.owner).and_then(|e| e.bytes(&self.user_id)).expect("memory");
        e.u64(self.counter).and_then(|e| e.bytes(&self.previous)).expect("memory");
        e.bytes(&self.envelope).expect("memory");
        bytes
    }
}

fn manifest(version: u8, counter: u64, sha256: &[u8], content_type: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut e = Encoder::new(&mut bytes);
    e.array(5).and_then(|e| e.u8(version)).and_then(|e| e.u64(CREATED)).expect("memory");
    e.u64(counter).and_then(|e| e.bytes(sha256)).and_then(|e| e.str(content_type)).expect("memory");
    bytes
}

fn plaintext(manifest: &[u8], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(manifest.len()).expect("short").to_be_bytes();
    [&length, manifest, data].concat()
}

fn seal(keys: &Keys, plaintext: &[u8], seed: u64) -> Vec<u8> {
    let envelope = envelope::seal(
        plaintext,
        &[keys.recipient()],
        EnvelopePolicy::default(),
        &mut SeededRandom::new(seed),
    );
    envelope.expect("a recipient").as_bytes().to_vec()
}

fn make(cases: &mut Cases) {
    let keys = derived(&keys_of("strongroom", WORDS));
    make_native(cases, &keys);
    make_compatible(cases, &derived(&keys_of("compatible", WORDS)));
}

fn make_native(cases: &mut Cases, keys: &Keys) {
    let archive = Archive::from_json(WALLET).expect("JSON");
    let user_id = UserId::of_owner(keys.public_key().owner());
    let first = archive.sign(keys, &Position::first(user_id), CREATED, &mut SeededRandom::new(1));
    let second = Position::after(first.statement().expect("native")).expect("a second");
    let second = archive.sign(keys, &second, CREATED + 1, &mut SeededRandom::new(2));
    let whole = |backup: &SignedBackup| input("strongroom", &backup.to_json(), "", &[]);
    cases.accepted("native-first", "the first version, whole", whole(&first));
    cases.accepted("native-second", "the version after it, whole", whole(&second));
    let BackupContent::Native { envelope, statement } = first.content() else { unreachable!("native") };
    let (envelope, statement) = (envelope.as_bytes(), statement.to_bytes());
    let good = native(envelope, &statement);
    let unknown = text(&good, "backup").replacen('{', r#"{"note":{"x":[1]},"#, 1);
    cases.accepted(
        "native-unknown-fields",
        "fields that are not known are dropped",
        with(&good, "backup", json!(unknown)),
    );

    let others = keys_of("strongroom", OTHER_WORDS);
    cases.add(
        "not verified: owner",
        "native-owner",
        "verified with another's key",
        with(&good, "reader", others.clone()),
    );
    let foreign = seal(keys, b"", 3);
    let of_another = native(&foreign, &statement);
    cases.add(
        "not verified: envelope",
        "native-envelope",
        "the statement is about another envelope",
        of_another,
    );
    cases.add(
        "not verified: signature",
        "native-signer",
        "another's signature",
        with(&good, "signer", others),
    );
    for (name, comment, context) in [
        ("no-context", "signed without a context", ""),
        ("session-context", "signed in the context of sessions", "strongroom/session/1"),
    ] {
        let input = with(&good, "context", json!(context));
        cases.add("not verified: signature", &format!("native-{name}"), comment, input);
    }
    let other = second.statement().expect("native").to_bytes();
    let of_another = with(&good, "message", json!(hex::encode(other)));
    cases.add("not verified: signature", "native-message", "the signature of another statement", of_another);

    native_restoring(cases, keys);
    native_refused(cases, keys, envelope);
}

fn native_restoring(cases: &mut Cases, keys: &Keys) {
    let sha256 = Sha256::digest(WALLET);
    let signed = |plaintext: &[u8], counter: u64, seed: u64| {
        let envelope = seal(keys, plaintext, seed);
        let previous = if counter == 1 { vec![0; 32] } else { vec![9; 32] };
        native(&envelope, &Parts { counter, previous, ..Parts::of(keys, &envelope) }.to_bytes())
    };
    let json = "application/json";
    let good = manifest(1, 1, &sha256, json);
    let largest = (1 << 53) - 1;
    cases.accepted(
        "native-largest-counter",
        "the largest counter",
        signed(&plaintext(&manifest(1, largest, &sha256, json), WALLET), largest, 10),
    );
    let long = [&good[..good.len() - 17], &[0x79, 4, 0], &[b'x'; 1024]].concat();
    for (outcome, name, comment, plaintext) in [
        (
            "counter",
            "counter",
            "the manifest's counter is not the statement's",
            plaintext(&manifest(1, 2, &sha256, json), WALLET),
        ),
        ("SHA-256", "sha256", "the SHA-256 of other data", plaintext(&good, b"{}")),
        (
            "archive is not JSON",
            "not-json",
            "data that is not JSON",
            plaintext(&manifest(1, 1, &Sha256::digest(b"text"), json), b"text"),
        ),
        ("manifest", "empty", "nothing in the envelope", vec![]),
        (
            "manifest",
            "version",
            "the manifest's version 2",
            plaintext(&manifest(2, 1, &sha256, json), WALLET),
        ),
        (
            "manifest",
            "content-type",
            "another content type",
            plaintext(&manifest(1, 1, &sha256, "text/plain"), WALLET),
        ),
        (
            "manifest",
            "counter-zero",
            "the manifest's counter is 0",
            plaintext(&manifest(1, 0, &sha256, json), WALLET),
        ),
        ("manifest", "manifest-cut", "a length beyond the end", [&[0, 0, 4, 0][..], &good].concat()),
        ("manifest", "manifest-long", "a manifest of more than 1,024 bytes", plaintext(&long, WALLET)),
        (
            "manifest",
            "manifest-more",
            "a byte after the manifest",
            plaintext(&[&good[..], &[0]].concat(), WALLET),
        ),
        (
            "manifest",
            "manifest-head",
            "a head that is not the shortest",
            plaintext(&[&[0x98, 5], &good[1..]].concat(), WALLET),
        ),
    ] {
        let seed = 11 + name.len() as u64;
        let input = signed(&plaintext, 1, seed);
        cases.add(&format!("not restored: {outcome}"), &format!("native-{name}"), comment, input);
    }
    let stranger = derived(&keys_of("strongroom", OTHER_WORDS));
    let envelope = seal(&stranger, &plaintext(&good, WALLET), 30);
    let sealed_for_another = native(&envelope, &Parts::of(keys, &envelope).to_bytes());
    cases.add(
        "not restored: does not open",
        "native-recipient",
        "sealed for another's key",
        sealed_for_another,
    );
}

fn native_refused(cases: &mut Cases, keys: &Keys, envelope: &[u8]) {
    let zeros = |envelope: &str, statement: &[u8]| {
        let backup = format!(
            r#"{{"envelope":"{envelope}","statement":"{}","signature":"0x{ZEROS}"}}"#,
            base64(statement)
        );
        input("strongroom", &backup, "", &[])
    };
    let good = Parts::of(keys, envelope).to_bytes();
    let with_parts = |change: &dyn Fn(&mut Parts)| {
        let mut parts = Parts::of(keys, envelope);
        change(&mut parts);
        parts.to_bytes()
    };
    let counter_at = 1 + 1 + 34 + 17;
    for (name, comment, statement) in [
        ("empty", "no statement", vec![]),
        ("version", "the version 2", with_parts(&|p| p.version = 2)),
        ("owner", "an owner of 31 bytes", with_parts(&|p| p.owner = vec![1; 31])),
        ("user-id", "a user id of 17 bytes", with_parts(&|p| p.user_id = vec![1; 17])),
        ("counter-zero", "the counter 0", with_parts(&|p| p.counter = 0)),
        (
            "counter-large",
            "the counter 2^53",
            with_parts(&|p| (p.counter, p.previous) = (1 << 53, vec![9; 32])),
        ),
        ("previous", "the first, with something before it", with_parts(&|p| p.previous = vec![9; 32])),
        ("no-previous", "the second, with nothing before it", with_parts(&|p| p.counter = 2)),
        ("more", "a byte after the statement", [&good[..], &[0]].concat()),
        ("cut", "the last byte is missing", good[..good.len() - 1].to_vec()),
        ("head", "a head that is not the shortest", [&[0x98, 6], &good[1..]].concat()),
        (
            "counter-head",
            "the counter in two bytes",
            [&good[..counter_at], &[0x18, 1], &good[counter_at + 1..]].concat(),
        ),
    ] {
        cases.refused(
            "statement",
            &format!("native-statement-{name}"),
            comment,
            zeros(&base64(envelope), &statement),
        );
    }
    for (reason, name, comment, text) in [
        ("base64 of envelope", "base64", "an envelope that is not base64", "AAA".to_owned()),
        ("envelope", "envelope", "three bytes for an envelope", "AAAA".to_owned()),
        (
            "envelope is cut short",
            "envelope-cut",
            "an envelope without its last bytes",
            base64(&envelope[..envelope.len() - WALLET.len() - 100]),
        ),
    ] {
        cases.refused(reason, &format!("native-{name}"), comment, zeros(&text, &good));
    }
}

fn make_compatible(cases: &mut Cases, keys: &Keys) {
    let archive = Archive::from_json(WALLET).expect("JSON");
    let sealed = |kem, cipher, seed| archive.sign_compatible(keys, kem, cipher, &mut SeededRandom::new(seed));
    let payload = |backup: &SignedBackup| match backup.content() {
        BackupContent::Compatible { payload } => payload.clone(),
        BackupContent::Native { .. } => unreachable!("compatible"),
    };
    let aes = sealed(CapsuleKem::MlKem1024, PayloadCipher::Aes256Gcm, 40);
    let salsa = sealed(CapsuleKem::MlKem768, PayloadCipher::XSalsa20Poly1305, 41);
    let whole = |backup: &SignedBackup| input("compatible", &backup.to_json(), "", &[]);
    cases.accepted("compatible-1024-aes", "ML-KEM-1024 and AES-256-GCM, whole", whole(&aes));
    cases.accepted("compatible-768-salsa", "ML-KEM-768 and XSalsa20-Poly1305, whole", whole(&salsa));
    for (name, comment, kem, cipher) in [
        ("768-aes", "ML-KEM-768 and AES-256-GCM", CapsuleKem::MlKem768, PayloadCipher::Aes256Gcm),
        (
            "1024-salsa",
            "ML-KEM-1024 and XSalsa20-Poly1305",
            CapsuleKem::MlKem1024,
            PayloadCipher::XSalsa20Poly1305,
        ),
    ] {
        cases.accepted(
            &format!("compatible-{name}"),
            comment,
            compatible(&payload(&sealed(kem, cipher, 42))),
        );
    }
    let aes = payload(&aes);
    let fields: Value = serde_json::from_slice(&aes).expect("JSON");
    let more = String::from_utf8(aes.clone()).expect("text").replacen('{', r#" { "app" : "a wallet", "#, 1);
    cases.accepted(
        "compatible-unknown-fields",
        "fields that are not known, and white space",
        compatible(more.as_bytes()),
    );

    let others = keys_of("compatible", OTHER_WORDS);
    let good = compatible(&aes);
    cases.add(
        "not verified: signature",
        "compatible-reader",
        "verified with another's key",
        with(&good, "reader", others.clone()),
    );
    cases.add(
        "not verified: signature",
        "compatible-signer",
        "another's signature",
        with(&good, "signer", others),
    );
    let over_payload = with(&good, "message", json!(hex::encode(&aes)));
    cases.add(
        "not verified: signature",
        "compatible-message",
        "signed over the payload and not its hash",
        over_payload,
    );
    let in_context = with(&good, "context", json!("strongroom/backup/1"));
    cases.add("not verified: signature", "compatible-context", "signed in a context", in_context);

    let changed = |field: &str, value: Value| {
        let mut fields = fields.clone();
        fields[field] = value;
        compatible(fields.to_string().as_bytes())
    };
    let flipped = |field: &str, at: usize| {
        let mut bytes = hex::decode(&text(&fields, field)[2..]).expect("hex");
        bytes[at] ^= 1;
        changed(field, json!(prefixed_hex(&bytes)))
    };
    for (name, comment, input) in [
        ("capsule", "a bit of the capsule is flipped", flipped("capsule", 0)),
        ("ciphertext", "a bit of the ciphertext is flipped", flipped("symmetricCiphertext", 0)),
        ("nonce", "a bit of the nonce is flipped", flipped("nonce", 0)),
        (
            "no-tag",
            "a ciphertext of 15 bytes",
            changed("symmetricCiphertext", json!(format!("0x{}", "00".repeat(15)))),
        ),
    ] {
        cases.add("not restored: does not open", &format!("compatible-{name}"), comment, input);
    }
    for (name, comment, input) in [
        ("no-fields", "an object without the fields", compatible(b"{}")),
        (
            "capsule-length",
            "a capsule of 1,567 bytes",
            changed("capsule", json!(format!("0x{}", "00".repeat(1567)))),
        ),
        ("nonce-length", "a nonce of 16 bytes", changed("nonce", json!(format!("0x{}", "00".repeat(16))))),
        ("hex", "a nonce without 0x", changed("nonce", json!("00".repeat(12)))),
    ] {
        cases.add("not restored: payload", &format!("compatible-{name}"), comment, input);
    }
    compatible_refused(cases);
}

fn compatible_refused(cases: &mut Cases) {
    let of = |backup: String| input("compatible", &backup, "", &[]);
    let payload = |payload: &str| of(format!(r#"{{"signature":"0x{ZEROS}","payload":"{payload}"}}"#));
    for (name, comment, text) in [
        ("odd", "an odd number of digits", "0x0"),
        ("letter", "a letter that is no digit", "0xgg"),
        ("no-prefix", "hex without 0x", "7b7d"),
    ] {
        cases.refused("payload", &format!("payload-{name}"), comment, payload(text));
    }
    for (name, comment, text) in [
        ("empty", "an empty payload", "0x"),
        ("list", "a list", "0x5b5d"),
        ("more", "an object and a byte", "0x7b7d00"),
        ("transaction", "the first bytes of a transaction", "0x02f8"),
        ("utf-8", "an object with a byte that is not UTF-8", "0x7b2278223a22ff227d"),
    ] {
        cases.refused("payload is not a JSON object", &format!("payload-{name}"), comment, payload(text));
    }
    for (name, comment, signature) in [
        ("long", "a signature of 49,857 bytes", format!("0x00{ZEROS}")),
        ("odd", "an odd number of digits", format!("0x0{ZEROS}")),
        ("empty", "an empty signature", "0x".to_owned()),
        ("no-prefix", "a signature without 0x", ZEROS.to_owned()),
    ] {
        let text = format!(r#"{{"signature":"{signature}","payload":"0x7b7d"}}"#);
        cases.refused("signature", &format!("signature-{name}"), comment, of(text));
    }
    let zeros = format!(r#""signature":"0x{ZEROS}""#);
    for (reason, name, comment, text) in [
        ("fields", "no-fields", "no field", "{}".to_owned()),
        ("fields", "no-signature", "no signature", r#"{"payload":"0x7b7d"}"#.to_owned()),
        ("fields", "no-payload", "a signature alone", format!("{{{zeros}}}")),
        ("fields", "both-forms", "the fields of both forms", {
            format!(r#"{{{zeros},"payload":"0x7b7d","envelope":"","statement":""}}"#)
        }),
        (
            "fields",
            "no-statement",
            "an envelope without a statement",
            format!(r#"{{{zeros},"envelope":"AAAA"}}"#),
        ),
        ("JSON", "list", "a list", "[]".to_owned()),
        ("JSON", "no-json", "a letter", "x".to_owned()),
        ("JSON", "number", "a payload that is a number", format!(r#"{{{zeros},"payload":7}}"#)),
        ("JSON", "repeated", "a signature twice", format!("{{{zeros},{zeros}}}")),
        ("JSON", "trailing", "a letter after it", format!(r#"{{{zeros},"payload":"0x7b7d"}}x"#)),
    ] {
        cases.refused(reason, name, comment, of(text));
    }
}
