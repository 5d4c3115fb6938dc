use super::native::Manifest;
use super::*;
use crate::encoding;
use crate::envelope::{self, Envelope};
use crate::mnemonic::Mnemonic;
use crate::open_error::OpenError;
use crate::policy::EnvelopePolicy;
use crate::slh_dsa::{self, BadSignature, Context};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use static_assertions::assert_not_impl_any;
use strongroom_testkit::rng;

assert_not_impl_any!(Archive: std::fmt::Debug, std::fmt::Display, Clone, PartialEq, serde::Serialize);
assert_not_impl_any!(Restored: std::fmt::Debug);

const WORDS: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const CREATED: UnixSeconds = 1_800_000_000;

fn mnemonic() -> Mnemonic {
    Mnemonic::parse(WORDS, "").unwrap_or_else(|error| panic!("{error}"))
}

fn native_keys(account: u32) -> Keys {
    Keys::strongroom(&mnemonic(), account)
}

fn archive() -> Archive {
    Archive::from_json(r#"{ "accounts": [{ "name": "苟全性命" }] }"#.as_bytes()).expect("JSON")
}

fn first(keys: &Keys) -> Position {
    Position::first(UserId::of_owner(keys.public_key().owner()))
}

fn restored(backup: &SignedBackup, keys: &Keys) -> Result<Vec<u8>, RestoreError> {
    let verified = backup.clone().verify(&keys.public_key()).expect("signed");
    verified.restore(keys).map(|restored| restored.archive.expose().to_vec())
}

fn parsed(json: &str) -> Result<SignedBackup, SignedBackupError> {
    SignedBackup::from_json(json.as_bytes())
}

#[test]
fn every_compatible_kind_comes_back_byte_for_byte() {
    let keys = Keys::compatible(&mnemonic(), 0);
    for kem in [CapsuleKem::MlKem768, CapsuleKem::MlKem1024] {
        for cipher in [PayloadCipher::XSalsa20Poly1305, PayloadCipher::Aes256Gcm] {
            let backup = archive().sign_compatible(&keys, kem, cipher, &mut rng());
            assert_eq!(parsed(&backup.to_json()), Ok(backup.clone()));
            assert_eq!(restored(&backup, &keys).expect("ours"), archive().expose(), "{kem:?} {cipher:?}");
        }
    }
}

#[test]
fn a_native_backup_comes_back_with_its_time() {
    let keys = native_keys(0);
    let backup = archive().sign(&keys, &first(&keys), CREATED, &mut rng());
    assert_eq!(parsed(&backup.to_json()), Ok(backup.clone()));
    let verified = backup.verify(&keys.public_key()).expect("signed");
    let restored = verified.restore(&keys).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(restored.archive.expose(), archive().expose());
    assert_eq!((restored.created, restored.archive.sha256()), (Some(CREATED), archive().sha256()));
}

#[test]
fn the_derivations_give_different_owners() {
    let owners = [
        native_keys(0),
        native_keys(1),
        Keys::compatible(&mnemonic(), 0),
        Keys::compatible(&mnemonic(), 1),
        Keys::strongroom(&Mnemonic::parse(WORDS, "passphrase").unwrap_or_else(|e| panic!("{e}")), 0),
    ]
    .map(|keys| keys.public_key());
    for (at, owner) in owners.iter().enumerate() {
        assert!(!owners[..at].contains(owner), "{at}");
    }
}

#[test]
fn nothing_altered_is_verified() {
    let keys = native_keys(0);
    let backup = archive().sign(&keys, &first(&keys), CREATED, &mut rng());
    let other = archive().sign(&keys, &first(&keys), CREATED, &mut rng());
    let (BackupContent::Native { envelope, statement }, BackupContent::Native { envelope: other, .. }) =
        (backup.content().clone(), other.content().clone())
    else {
        panic!("native")
    };
    let with = |envelope, statement| {
        SignedBackup::from_parts(BackupContent::Native { envelope, statement }, backup.signature().clone())
    };
    let verify = |backup: SignedBackup| backup.verify(&keys.public_key()).err();
    assert_eq!(verify(with(envelope.clone(), statement)), None);
    assert_eq!(verify(with(other.clone(), statement)), Some(VerifyError::Envelope));
    // A statement that matches the other envelope is not signed.
    let forged = BackupStatement::new(
        statement.owner(),
        statement.position(),
        Sha256::digest(other.as_bytes()).into(),
    );
    assert_eq!(verify(with(other, forged)), Some(VerifyError::Signature(BadSignature)));
    let later = Position::new(statement.position().user_id(), 2, [1; 32]).expect("a counter");
    let forged = BackupStatement::new(statement.owner(), &later, *statement.envelope_sha256());
    assert_eq!(verify(with(envelope.clone(), forged)), Some(VerifyError::Signature(BadSignature)));
    let elsewhere = Position::first(UserId::from_bytes([9; 16]));
    let forged = BackupStatement::new(statement.owner(), &elsewhere, *statement.envelope_sha256());
    assert_eq!(verify(with(envelope, forged)), Some(VerifyError::Signature(BadSignature)));
    assert_eq!(backup.verify(&native_keys(1).public_key()).err(), Some(VerifyError::Owner));
}

#[test]
fn a_compatible_signature_is_over_the_payload_alone_and_of_its_key() {
    let keys = Keys::compatible(&mnemonic(), 0);
    let backup =
        archive().sign_compatible(&keys, CapsuleKem::MlKem1024, PayloadCipher::Aes256Gcm, &mut rng());
    let other = archive().sign_compatible(&keys, CapsuleKem::MlKem1024, PayloadCipher::Aes256Gcm, &mut rng());
    let bad = Some(VerifyError::Signature(BadSignature));
    let mixed = SignedBackup::from_parts(other.content().clone(), backup.signature().clone());
    assert_eq!(mixed.verify(&keys.public_key()).err(), bad);
    assert_eq!(backup.verify(&Keys::compatible(&mnemonic(), 1).public_key()).err(), bad);
}

/// Nobody who has only the ML-KEM key can get an archive restored under another counter or SHA-256,
/// not even if the owner signs carelessly.
#[test]
fn an_archive_is_held_against_its_statement_and_its_manifest() {
    let keys = native_keys(0);
    let sealed = |manifest: Manifest, counter: u64| {
        let envelope = native::seal(&manifest, archive().expose(), &keys.recipient(), &mut rng());
        let previous = [u8::from(counter > 1); 32];
        let position = Position::new(UserId::from_bytes([1; 16]), counter, previous).expect("a counter");
        let statement = BackupStatement::new(
            keys.public_key().owner(),
            &position,
            Sha256::digest(envelope.as_bytes()).into(),
        );
        let signature = keys.signing_key().sign(Context::BACKUP, &statement.to_bytes());
        SignedBackup::from_parts(BackupContent::Native { envelope: Box::new(envelope), statement }, signature)
    };
    let manifest = |counter, sha256| Manifest { created: CREATED, counter, sha256 };
    let sha256 = archive().sha256();
    assert!(restored(&sealed(manifest(1, sha256), 1), &keys).is_ok());
    let other_counter = restored(&sealed(manifest(1, sha256), 2), &keys);
    assert_eq!(other_counter, Err(RestoreError::Counter { archive: 1, statement: 2 }));
    assert_eq!(restored(&sealed(manifest(1, [0; 32]), 1), &keys), Err(RestoreError::Sha256));
}

#[test]
fn what_is_in_an_envelope_must_be_an_archive_for_these_keys() {
    let keys = native_keys(0);
    let signed = |envelope: Envelope, keys: &Keys| {
        let statement = BackupStatement::new(
            keys.public_key().owner(),
            &first(keys),
            Sha256::digest(envelope.as_bytes()).into(),
        );
        let signature = keys.signing_key().sign(Context::BACKUP, &statement.to_bytes());
        SignedBackup::from_parts(BackupContent::Native { envelope: Box::new(envelope), statement }, signature)
    };
    let seal = |plaintext: &[u8], keys: &Keys| {
        envelope::seal(plaintext, &[keys.recipient()], EnvelopePolicy::default(), &mut rng())
            .expect("a recipient")
    };
    let foreign = signed(seal(b"", &native_keys(1)), &keys);
    assert_eq!(restored(&foreign, &keys), Err(RestoreError::Open(OpenError::NotMine)));
    for plaintext in [&b""[..], b"{}", &[0, 0, 0, 0], &[0, 0, 0, 9, 1], &[255; 2000]] {
        assert_eq!(restored(&signed(seal(plaintext, &keys), &keys), &keys), Err(RestoreError::NoArchive));
    }
}

#[test]
fn each_payload_that_is_none_has_its_refusal() {
    let keys = Keys::compatible(&mnemonic(), 0);
    let backup =
        archive().sign_compatible(&keys, CapsuleKem::MlKem768, PayloadCipher::XSalsa20Poly1305, &mut rng());
    let BackupContent::Compatible { payload } = backup.content() else { panic!("compatible") };
    let text = String::from_utf8(payload.clone()).expect("text");
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let refusal = |text: &str| match compatible::open(text.as_bytes(), &keys) {
        Err(RestoreError::Payload(what)) => what.split(' ').next().unwrap_or("").to_owned(),
        Err(RestoreError::Open(OpenError::Damaged)) => "damaged".to_owned(),
        other => panic!("{:?}", other.map(drop)),
    };
    let with = |field: &str, bytes: &str| {
        let mut value = value.clone();
        value[field] = bytes.into();
        value.to_string()
    };
    assert_eq!(refusal("{}"), "no");
    assert_eq!(refusal("[1]"), "no");
    assert_eq!(refusal(&format!("{text}x")), "no");
    assert_eq!(refusal(&text.replacen("{", r#"{"nonce":"0x00","#, 1)), "no", "a field twice");
    assert_eq!(refusal(&with("capsule", "0x0")), "capsule");
    assert_eq!(refusal(&with("capsule", "0x00")), "capsule");
    assert_eq!(refusal(&with("nonce", "00")), "nonce");
    assert_eq!(refusal(&with("nonce", "0x00")), "nonce");
    assert_eq!(refusal(&with("symmetricCiphertext", "0xg0")), "symmetricCiphertext");
    for short in ["0x", "0x00"] {
        assert_eq!(refusal(&with("symmetricCiphertext", short)), "damaged");
        let aes = with("nonce", "0x000000000000000000000000");
        let mut value: serde_json::Value = serde_json::from_str(&aes).expect("JSON");
        value["symmetricCiphertext"] = short.into();
        assert_eq!(refusal(&value.to_string()), "damaged");
    }
    for field in ["capsule", "symmetricCiphertext", "nonce"] {
        let hex = value[field].as_str().expect("hex");
        let last = if hex.ends_with('0') { "1" } else { "0" };
        assert_eq!(refusal(&with(field, &format!("{}{last}", &hex[..hex.len() - 1]))), "damaged", "{field}");
    }
    // Other wallets' keys open nothing.
    let other = Keys::strongroom(&mnemonic(), 0);
    assert!(compatible::open(text.as_bytes(), &other).is_err());
}

#[test]
fn each_text_that_is_no_backup_has_its_refusal() {
    let keys = native_keys(0);
    let signature = format!("0x{}", "00".repeat(slh_dsa::SIGNATURE_BYTES));
    let length =
        |found| SignedBackupError::Signature(slh_dsa::FormatError::Length { expected: 49_856, found });
    let refusal = |json: String| parsed(&json).expect_err("no backup");
    assert_eq!(refusal("{}".to_owned()), SignedBackupError::Fields);
    assert!(matches!(refusal("[]".to_owned()), SignedBackupError::Json { .. }));
    assert!(matches!(refusal("x".to_owned()), SignedBackupError::Json { line: 1, column: 1 }));
    assert_eq!(refusal(r#"{"payload":"0x7b7d"}"#.to_owned()), SignedBackupError::Fields);
    let with_payload = |payload: &str| format!(r#"{{"signature":"{signature}","payload":"{payload}"}}"#);
    for payload in ["", "0x0", "0xgg", "00"] {
        assert_eq!(refusal(with_payload(payload)), SignedBackupError::Payload, "{payload}");
    }
    // Nothing, a transaction perhaps, a list, an object and more.
    for payload in ["0x", "0x02f8", "0x5b5d", "0x7b7d00"] {
        assert_eq!(refusal(with_payload(payload)), SignedBackupError::PayloadNotJson, "{payload}");
    }
    assert!(parsed(&with_payload("0x7b7d")).is_ok());
    for (cut, found) in [(&signature[..signature.len() - 2], 49_855), (&format!("{signature}00")[..], 49_857)]
    {
        assert_eq!(refusal(format!(r#"{{"signature":"{cut}","payload":"0x00"}}"#)), length(found));
    }
    let native = archive().sign(&keys, &first(&keys), CREATED, &mut rng()).to_fields();
    let with = |field: &str, text: &str| {
        let mut fields: serde_json::Map<_, _> =
            native.iter().map(|(name, text)| ((*name).to_owned(), text.clone().into())).collect();
        fields.insert(field.to_owned(), text.into());
        serde_json::Value::from(fields).to_string()
    };
    assert_eq!(refusal(with("payload", "0x00")), SignedBackupError::Fields, "both forms at once");
    assert_eq!(refusal(with("envelope", "!")), SignedBackupError::Base64 { field: "envelope" });
    assert!(matches!(refusal(with("envelope", "AAAA")), SignedBackupError::Envelope(_)));
    assert_eq!(refusal(with("statement", "AAAA")), SignedBackupError::Statement(BackupStatementError));
    let envelope = encoding::from_base64(&native[0].1).expect("base64");
    let cut = encoding::base64(&envelope[..envelope.len() - 120]);
    assert_eq!(refusal(with("envelope", &cut)), SignedBackupError::EnvelopeCut);
}

#[test]
fn an_archive_is_json_and_nothing_else() {
    for good in [&b"{}"[..], b" [1] ", b"\"text\"", b"0"] {
        assert_eq!(Archive::from_json(good).expect("JSON").expose(), good);
    }
    for bad in [&b""[..], b"{", b"{} x", b"\"\xFF\"", b"\xEF\xBB\xBF{}"] {
        assert!(Archive::from_json(bad).is_err(), "{bad:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A payload that was altered anywhere opens to what it was or is refused, and never panics. It
    /// is tested here, since it is behind a signature that a fuzz target cannot make.
    #[test]
    fn an_altered_payload_opens_to_what_it_was_or_to_nothing(
        aes: bool,
        at in any::<prop::sample::Index>(),
        byte: u8,
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let keys = keys_once();
        let cipher = if aes { PayloadCipher::Aes256Gcm } else { PayloadCipher::XSalsa20Poly1305 };
        let mut payload = compatible::seal(archive().expose(), keys, CapsuleKem::MlKem768, cipher, &mut rng());
        let at = at.index(payload.len());
        payload[at] = byte;
        if let Some(cut) = cut {
            payload.truncate(cut.index(payload.len()));
        }
        if let Ok(opened) = compatible::open(&payload, keys) {
            prop_assert!(opened[..] == *archive().expose());
        }
    }

    /// The same for the archive in an envelope.
    #[test]
    fn a_manifest_that_is_read_is_written_the_same(bytes in prop::collection::vec(any::<u8>(), 0..100), keep: bool) {
        let keys = keys_once();
        let whole = Manifest { created: 7, counter: 3, sha256: [9; 32] };
        let good = native::seal(&whole, b"{}", &keys.recipient(), &mut rng());
        let mut plaintext = good.open([&keys.ml_kem_1024()]).expect("ours").expose().to_vec();
        if keep {
            plaintext.splice(..bytes.len().min(plaintext.len()), bytes.iter().copied());
        } else {
            plaintext = bytes;
        }
        let sealed =
            envelope::seal(&plaintext, &[keys.recipient()], EnvelopePolicy::default(), &mut rng()).expect("a recipient");
        if let Ok((manifest, data)) = native::open(&sealed, keys) {
            let again = native::seal(&manifest, &data, &keys.recipient(), &mut rng());
            let again = again.open([&keys.ml_kem_1024()]).expect("ours");
            prop_assert_eq!(again.expose(), &plaintext[..]);
        }
    }
}

fn keys_once() -> &'static Keys {
    static KEYS: std::sync::OnceLock<Keys> = std::sync::OnceLock::new();
    KEYS.get_or_init(|| native_keys(0))
}
