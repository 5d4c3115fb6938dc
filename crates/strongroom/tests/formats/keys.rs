//! Key texts with their ids and fingerprints, and key files.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use strongroom::aead;
use strongroom::encoding::{base64, base64url};
use strongroom::key::{DecapsulationKey, HybridDecapsulationKey, Identity, KeyError, Recipient};
use strongroom::keyfile::{self, KeyFile, KeyFileError};
use strongroom::passphrase_kdf::PassphraseKdf;
use strongroom::{HYBRID_KEM_ID, KEM_ID, KeyCheck};
use strongroom_testkit::vectors::{Cases, bytes, text, walk};

const PUBLIC: &str = "strongroom-pk-1";
const SECRET: &str = "STRONGROOM-SECRET-KEY-1";
const LOCKED: &str = "STRONGROOM-ENCRYPTED-KEY-1";

#[test]
fn key_texts() {
    walk("key-texts.json", 54, make_texts, |input| {
        let recipient = match input.get("public") {
            Some(_) => text(input, "public").parse::<Recipient>(),
            None => Identity::from_secret_text(text(input, "secret")).map(|key| key.recipient()),
        };
        recipient.map(|key| described(&key)).map_err(|error| format!("refused: {}", reason(error)))
    });
}

#[test]
fn key_files() {
    walk("key-files.json", 30, make_files, |input| {
        let file = match input.get("file") {
            Some(_) => text(input, "file").as_bytes().to_vec(),
            None => bytes(input, "fileHex"),
        };
        let refused = |reason: &str| format!("refused: {reason}");
        let identity = match keyfile::parse(&file) {
            Ok(KeyFile::Open(identity)) => identity,
            Ok(KeyFile::Locked(key)) => {
                key.unlock(text(input, "passphrase").as_bytes()).map_err(|_| refused("passphrase"))?
            }
            Ok(_) => unreachable!("a key file is open or locked"),
            Err(KeyFileError::TooLarge) => return Err(refused("too large")),
            Err(KeyFileError::NotText) => return Err(refused("not UTF-8")),
            Err(KeyFileError::NoKey) => return Err(refused("no key")),
            Err(KeyFileError::ManyKeys) => return Err(refused("several keys")),
            Err(KeyFileError::Lock { .. }) => return Err(refused("Argon2id parameters")),
            Err(KeyFileError::Key { source, .. }) => {
                return Err(refused(&format!("key: {}", reason(source))));
            }
            Err(other) => panic!("no name for {other}"),
        };
        let mut value = described(&identity.recipient());
        value["secret"] = identity.to_secret_text().as_str().into();
        Ok(value)
    });
}

fn described(key: &Recipient) -> Value {
    json!({
        "kemId": key.kem_id(),
        "encapsulationKeySha256": hex::encode(Sha256::digest(key.as_bytes())),
        "keyId": hex::encode(key.id().as_bytes()),
        "fingerprint": key.id().to_string(),
    })
}

fn reason(error: KeyError) -> &'static str {
    match error {
        KeyError::Length { .. } => "length",
        KeyError::Text => "text",
        KeyError::UnknownForm => "unknown algorithm or form",
        KeyError::Point => "point",
        KeyError::Check(KeyCheck::Hash) => "hash",
        KeyError::Check(KeyCheck::Modulus) => "modulus",
        KeyError::Check(KeyCheck::Encoding) => "coefficient",
        KeyError::Check(KeyCheck::SelfTest) => "self-test",
        other => panic!("no name for {other}"),
    }
}

fn ml_kem() -> DecapsulationKey {
    DecapsulationKey::from_seed(&std::array::from_fn(|at| at as u8))
}

fn hybrid() -> HybridDecapsulationKey {
    HybridDecapsulationKey::from_seed(&std::array::from_fn(|at| at as u8 + 64)).expect("a seed")
}

/// A key text of any body, with the checksum that fits.
fn key_text(prefix: &str, body: &[u8]) -> String {
    format!("{prefix}{}", base64url(&[body, &Sha256::digest(body)[..4]].concat()))
}

fn body(kem_id: u16, parts: &[&[u8]]) -> Vec<u8> {
    [&kem_id.to_be_bytes()[..], &parts.concat()].concat()
}

fn flipped(bytes: &[u8], at: usize, bits: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= bits;
    bytes
}

/// Another letter of the alphabet in the place of one.
fn altered(text: &str, at: usize) -> String {
    let mut letters = text.as_bytes().to_vec();
    letters[at] = if letters[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(letters).expect("ASCII")
}

fn make_texts(cases: &mut Cases) {
    make_public(cases);
    make_secret(cases);
}

fn make_public(cases: &mut Cases) {
    let key = ml_kem().encapsulation_key();
    let (bytes, text) = (&key.as_bytes()[..], key.to_string());
    let hybrid_key = hybrid().encapsulation_key();
    let (both, hybrid_text) = (&hybrid_key.as_bytes()[..], hybrid_key.to_string());
    let public = |text: &str| json!({ "public": text });
    cases.accepted("public-ml-kem", "ML-KEM-1024", public(&text));
    cases.accepted("public-hybrid", "MLKEM1024-P384", public(&hybrid_text));
    cases.accepted("public-base64", "the bare base64 of an ML-KEM-1024 key", public(&key.to_base64()));

    let bare = base64(bytes);
    let with_prefix = {
        let covered = [PUBLIC.as_bytes(), &body(KEM_ID, &[bytes])].concat();
        let sum = Sha256::digest(&covered);
        format!("{PUBLIC}{}", base64url(&[&body(KEM_ID, &[bytes])[..], &sum[..4]].concat()))
    };
    let end = text.len() - 1;
    for (name, comment, text) in [
        ("empty", "no text", String::new()),
        ("prefix-alone", "the prefix alone", PUBLIC.to_owned()),
        ("first-letter", "the first letter after the prefix is altered", altered(&text, PUBLIC.len())),
        ("middle-letter", "a letter in the middle is altered", altered(&text, text.len() / 2)),
        ("last-letter", "the last letter, which is of the checksum, is altered", altered(&text, end)),
        ("cut", "the last letter is missing", text[..end].to_owned()),
        ("longer", "a letter more", format!("{text}A")),
        ("upper-case-prefix", "the prefix in upper case", text.replace(PUBLIC, "STRONGROOM-PK-1")),
        ("other-prefix", "a prefix of version 2", text.replace(PUBLIC, "strongroom-pk-2")),
        ("checksum-of-prefix", "a checksum that covers the prefix too", with_prefix),
        ("padding", "padded", format!("{text}=")),
        ("white-space-after", "a line feed after it", format!("{text}\n")),
        ("white-space-before", "a space before it", format!(" {text}")),
        ("alphabet", "a letter of the standard alphabet", text.replacen(['-', '_'], "+", 3)),
        ("base64-unpadded", "bare base64 without its padding", bare.trim_end_matches('=').to_owned()),
        ("base64-line-feed", "bare base64 with a line feed", format!("{bare}\n")),
        ("base64-of-hybrid", "bare base64 of a hybrid key", base64(both)),
        ("secret", "a secret key text", Identity::from(ml_kem()).to_secret_text().to_string()),
    ] {
        cases.refused("text", &format!("public-{name}"), comment, public(&text));
    }
    let not_reduced = [&[0xFF, 0xFF, 0xFF][..], &bytes[3..]].concat();
    cases.refused(
        "modulus",
        "public-base64-modulus",
        "bare base64, a coefficient of 4095",
        public(&base64(&not_reduced)),
    );
    let mut compressed = both.to_vec();
    compressed[1568] = 0x02 + (both[1664] & 1);
    let mut hybrid_form = both.to_vec();
    hybrid_form[1568] = 0x06 + (both[1664] & 1);
    for (reason, name, comment, body) in [
        ("text", "public-no-algorithm", "one byte instead of two for the algorithm", vec![0]),
        ("unknown algorithm or form", "public-algorithm", "the algorithm 0x0043", body(0x0043, &[bytes])),
        ("length", "public-short", "1,567 bytes", body(KEM_ID, &[&bytes[1..]])),
        ("length", "public-long", "1,569 bytes", body(KEM_ID, &[bytes, &[0]])),
        (
            "length",
            "public-hybrid-short",
            "an ML-KEM-1024 key as a hybrid one",
            body(HYBRID_KEM_ID, &[bytes]),
        ),
        ("length", "public-hybrid-as-ml-kem", "a hybrid key as an ML-KEM-1024 one", body(KEM_ID, &[both])),
        ("modulus", "public-modulus", "a coefficient of 4095", body(KEM_ID, &[&not_reduced])),
        (
            "point",
            "public-hybrid-modulus",
            "a coefficient of 4095 in a hybrid key",
            body(HYBRID_KEM_ID, &[&not_reduced, &both[1568..]]),
        ),
        (
            "point",
            "public-hybrid-point",
            "a point that is not on the curve",
            body(HYBRID_KEM_ID, &[&flipped(both, 1664, 1)]),
        ),
        (
            "point",
            "public-hybrid-compressed",
            "the point's first byte is a compressed one's",
            body(HYBRID_KEM_ID, &[&compressed]),
        ),
        (
            "point",
            "public-hybrid-form",
            "the point in SEC 1's hybrid form",
            body(HYBRID_KEM_ID, &[&hybrid_form]),
        ),
    ] {
        cases.refused(reason, name, comment, public(&key_text(PUBLIC, &body)));
    }
}

fn make_secret(cases: &mut Cases) {
    let secret = |text: &str| json!({ "secret": text });
    let seed: Vec<u8> = (0..64).collect();
    let expanded = ml_kem().to_expanded().to_vec();
    let text = Identity::from(ml_kem()).to_secret_text();
    cases.accepted("secret-seed", "ML-KEM-1024, its seed", secret(&text));
    cases.accepted(
        "secret-expanded",
        "ML-KEM-1024, expanded",
        secret(&key_text(SECRET, &body(KEM_ID, &[&[1], &expanded]))),
    );
    cases.accepted("secret-hybrid", "MLKEM1024-P384", secret(&Identity::from(hybrid()).to_secret_text()));
    cases.accepted("secret-base64", "the bare base64 of an expanded key", secret(&base64(&expanded)));
    for (name, comment, text) in [
        ("letter", "a letter is altered", altered(&text, SECRET.len() + 9)),
        ("checksum", "the last letter, which is of the checksum, is altered", altered(&text, text.len() - 1)),
        ("lower-case-prefix", "the prefix in lower case", text.replace(SECRET, "strongroom-secret-key-1")),
        ("other-prefix", "a prefix of version 2", text.replace(SECRET, "STRONGROOM-SECRET-KEY-2")),
        ("line-feed", "a line feed after it", format!("{}\n", *text)),
        ("base64-of-seed", "the bare base64 of a seed", base64(&seed)),
        ("public", "a public key text", ml_kem().encapsulation_key().to_string()),
        ("no-form", "no form", key_text(SECRET, &KEM_ID.to_be_bytes())),
    ] {
        cases.refused("text", &format!("secret-{name}"), comment, secret(&text));
    }
    let with_hash = |mut key: Vec<u8>| {
        let hash = <sha3::Sha3_256 as sha3::Digest>::digest(&key[1536..3104]);
        key[3104..3136].copy_from_slice(&hash);
        key
    };
    let mut not_reduced = expanded.clone();
    not_reduced[1536..1539].fill(0xFF);
    let mut coefficient = expanded.clone();
    coefficient[..3].fill(0xFF);
    for (reason, name, comment, body) in [
        ("length", "secret-seed-short", "a seed of 63 bytes", body(KEM_ID, &[&[0], &seed[1..]])),
        ("length", "secret-expanded-as-seed", "an expanded key as a seed", body(KEM_ID, &[&[0], &expanded])),
        ("unknown algorithm or form", "secret-form", "the form 2", body(KEM_ID, &[&[2], &seed])),
        (
            "unknown algorithm or form",
            "secret-hybrid-expanded",
            "a hybrid key in the form 1",
            body(HYBRID_KEM_ID, &[&[1], &seed[..32]]),
        ),
        (
            "unknown algorithm or form",
            "secret-algorithm",
            "the algorithm 0x0043",
            body(0x0043, &[&[0], &seed]),
        ),
        (
            "hash",
            "secret-hash",
            "the hash is not the encapsulation key's",
            body(KEM_ID, &[&[1], &flipped(&expanded, 3104, 1)]),
        ),
        (
            "modulus",
            "secret-modulus",
            "a coefficient of the encapsulation key is 4095",
            body(KEM_ID, &[&[1], &with_hash(not_reduced)]),
        ),
        (
            "coefficient",
            "secret-coefficient",
            "a secret coefficient is 4095",
            body(KEM_ID, &[&[1], &coefficient]),
        ),
        (
            "self-test",
            "secret-self-test",
            "a secret coefficient is another",
            body(KEM_ID, &[&[1], &flipped(&expanded, 0, 1)]),
        ),
    ] {
        cases.refused(reason, name, comment, secret(&key_text(SECRET, &body)));
    }
}

/// What a locked key says of Argon2id: memory in KiB, passes, and a salt.
fn stretch(memory_kib: u32, passes: u32) -> [u8; 24] {
    let mut bytes = [0x5A; 24];
    bytes[..4].copy_from_slice(&memory_kib.to_be_bytes());
    bytes[4..8].copy_from_slice(&passes.to_be_bytes());
    bytes
}

/// The body of a locked key text. It takes the least memory and one pass, because the vectors are
/// opened often.
fn locked(plaintext: &[u8], passphrase: &str) -> Vec<u8> {
    let head = stretch(8 * 1024, 1);
    let key = PassphraseKdf::from_bytes(&head)
        .expect("parameters within the bounds")
        .derive_key(passphrase.as_bytes());
    let mut sealed = plaintext.to_vec();
    let aad = [LOCKED.as_bytes(), &head].concat();
    let tag = aead::seal_in_place(&key, &[0; 12], &aad, &mut sealed);
    [&head[..], &sealed, &tag].concat()
}

fn make_files(cases: &mut Cases) {
    const PASSPHRASE: &str = "correct horse battery staple";
    let text = Identity::from(ml_kem()).to_secret_text().to_string();
    let file = |text: &str| json!({ "file": text });
    let commented = format!("# created: 2026-11-22T00:00:00Z\n\n# a comment\n{text}\n");
    for (name, comment, text) in [
        ("key-alone", "a key and a line feed", format!("{text}\n")),
        ("open-end", "without the last line feed", text.clone()),
        ("comments", "comments and an empty line", commented.clone()),
        ("crlf", "lines that end in CR LF", commented.replace('\n', "\r\n")),
        ("hybrid", "a hybrid key", format!("{}\n", *Identity::from(hybrid()).to_secret_text())),
        ("base64", "the base64 of an expanded key", format!("{}\n", *ml_kem().to_expanded_base64())),
    ] {
        cases.accepted(name, comment, file(&text));
    }
    for (reason, name, comment, text) in [
        ("no key", "empty", "no line", String::new()),
        ("no key", "comments-alone", "comments alone", "# nothing\n\n".to_owned()),
        ("several keys", "twice", "a key twice", format!("{text}\n{text}\n")),
        ("key: text", "space-before", "a space before the key", format!(" {text}\n")),
        ("key: text", "space-after", "a space after the key", format!("{text} \n")),
        ("key: text", "checksum", "the key's last letter is altered", altered(&text, text.len() - 1)),
        ("too large", "long-line", "a comment of 8,193 bytes", format!("{}\n{text}\n", "#".repeat(8193))),
    ] {
        cases.refused(reason, name, comment, file(&text));
    }
    let not_text = [b"# \xFF\n", text.as_bytes()].concat();
    cases.refused(
        "not UTF-8",
        "not-utf-8",
        "a comment that is not UTF-8",
        json!({ "fileHex": hex::encode(not_text) }),
    );

    let with = |body: &[u8], passphrase: &str| json!({ "file": format!("{}\n", key_text(LOCKED, body)), "passphrase": passphrase });
    let seed: Vec<u8> = (0..64).collect();
    let plain = body(KEM_ID, &[&[0], &seed]);
    let good = locked(&plain, PASSPHRASE);
    cases.accepted("locked", "a key under a passphrase", with(&good, PASSPHRASE));
    let hybrid_seed: Vec<u8> = (64..96).collect();
    let both = locked(&body(HYBRID_KEM_ID, &[&[0], &hybrid_seed]), PASSPHRASE);
    cases.accepted("locked-hybrid", "a hybrid key under a passphrase", with(&both, PASSPHRASE));
    let words = "苟全性命於亂世";
    cases.accepted("locked-utf-8", "a passphrase that is not ASCII", with(&locked(&plain, words), words));
    let no_key = locked(&body(0x0043, &[&[0], &seed]), PASSPHRASE);
    for (name, comment, input) in [
        ("passphrase", "another passphrase", with(&good, "correct horse")),
        ("passphrase-space", "the passphrase and a space", with(&good, &format!("{PASSPHRASE} "))),
        ("passphrase-empty", "an empty passphrase", with(&good, "")),
        ("locked-salt", "a bit of the salt is flipped", with(&flipped(&good, 8, 1), PASSPHRASE)),
        ("locked-passes", "another number of passes", with(&flipped(&good, 7, 3), PASSPHRASE)),
        ("locked-key", "a bit of the sealed key is flipped", with(&flipped(&good, 30, 1), PASSPHRASE)),
        ("locked-tag", "a bit of the tag is flipped", with(&flipped(&good, good.len() - 1, 1), PASSPHRASE)),
        ("locked-no-key", "what is sealed is of the algorithm 0x0043", with(&no_key, PASSPHRASE)),
    ] {
        cases.refused("passphrase", name, comment, input);
    }
    for (name, comment, memory_kib, passes) in [
        ("memory-low", "less than 8 MiB", 8 * 1024 - 1, 1),
        ("memory-high", "more than 1 GiB", 1024 * 1024 + 1, 1),
        ("passes-none", "no passes", 8 * 1024, 0),
        ("passes-many", "17 passes", 8 * 1024, 17),
    ] {
        let body = [&stretch(memory_kib, passes)[..], &good[24..]].concat();
        cases.refused("Argon2id parameters", name, comment, with(&body, PASSPHRASE));
    }
    let empty = [&stretch(8 * 1024, 1)[..], &[0; 16]].concat();
    cases.refused("key: text", "locked-empty", "a tag and no key", with(&empty, PASSPHRASE));
}
