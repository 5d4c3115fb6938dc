//! Keys from Ethereum keys and from mnemonics. The values between the input and the keys are
//! computed here, apart from the library, and must give the library's keys.

use bip39::Language;
use hkdf::Hkdf;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shake::Shake256;
use shake::digest::{ExtendableOutput, Update, XofReader};
use strongroom::backup::{Keys, UserId};
use strongroom::derive;
use strongroom::key::{DecapsulationKey, Recipient};
use strongroom::mnemonic::{Mnemonic, MnemonicError};
use strongroom::slh_dsa::SigningKey;
use strongroom::wallet::WalletKey;
use strongroom_testkit::vectors::{Cases, Outcome, text, walk};

#[test]
fn derivations() {
    walk("derivations.json", 18, make, |input| match text(input, "derivation") {
        "w3pk" => w3pk(input),
        "strongroom" => of_mnemonic(input, false),
        "compatible" => of_mnemonic(input, true),
        other => panic!("no derivation {other}"),
    });
}

fn hkdf<const BYTES: usize>(salt: &str, ikm: &[u8], info: &[u8]) -> [u8; BYTES] {
    let mut out = [0; BYTES];
    Hkdf::<Sha256>::new(Some(salt.as_bytes()), ikm).expand(info, &mut out).expect("a short output");
    out
}

fn shake256<const BYTES: usize>(input: &[u8]) -> [u8; BYTES] {
    let mut shake = Shake256::default();
    shake.update(input);
    let mut out = [0; BYTES];
    shake.finalize_xof().read(&mut out);
    out
}

fn w3pk(input: &Value) -> Outcome {
    let wallet: WalletKey =
        text(input, "ethereumKey").parse().map_err(|_| "refused: Ethereum key".to_owned())?;
    let context = text(input, "context");
    let seed = hkdf("mlkem-keypair-v1", &wallet.to_bytes()[..], context.as_bytes());
    let key = derive::w3pk(&wallet, context).encapsulation_key();
    assert_eq!(key, DecapsulationKey::from_seed(&seed).encapsulation_key());
    Ok(json!({
        "address": wallet.address().to_string(),
        "mlKemSeed": hex::encode(seed),
        "mlKemKeyId": hex::encode(key.id().as_bytes()),
    }))
}

fn of_mnemonic(input: &Value, compatible: bool) -> Outcome {
    let (words, passphrase) = (text(input, "mnemonic"), text(input, "passphrase"));
    let number = input["number"].as_u64().and_then(|n| u32::try_from(n).ok()).expect("a number");
    let mnemonic = Mnemonic::parse(words, passphrase).map_err(|error| {
        let reason = match error {
            MnemonicError::WordCount { .. } => "word count",
            MnemonicError::UnknownWord { .. } => "unknown word",
            MnemonicError::Checksum { .. } => "checksum",
            other => panic!("no name for {other}"),
        };
        format!("refused: {reason}")
    })?;
    let oracle = bip39::Mnemonic::parse_in(Language::English, words).expect("words");
    let (entropy, bip39_seed) = (oracle.to_entropy(), oracle.to_seed(passphrase));
    let info = number.to_be_bytes();
    let (slh_dsa_seed, ml_kem_seed): ([u8; 96], [u8; 64]) = if compatible {
        let index = if number == 0 { &[][..] } else { &info };
        (shake256(&[&entropy, index].concat()), shake256(&bip39_seed))
    } else {
        (
            hkdf("strongroom/slh-dsa-shake-256f/1", &bip39_seed, &info),
            hkdf("strongroom/mlkem1024/1", &bip39_seed, &info),
        )
    };
    let keys =
        if compatible { Keys::compatible(&mnemonic, number) } else { Keys::strongroom(&mnemonic, number) };
    assert_eq!(SigningKey::from_seed(&slh_dsa_seed).public_key(), keys.public_key());
    let ml_kem = Recipient::from(DecapsulationKey::from_seed(&ml_kem_seed).encapsulation_key());
    assert_eq!(ml_kem, keys.recipient());
    let owner = keys.public_key().owner();
    let mut value = json!({
        "entropy": hex::encode(entropy),
        "bip39Seed": hex::encode(bip39_seed),
        "slhDsaSeed": hex::encode(slh_dsa_seed),
        "slhDsaPublicKey": hex::encode(keys.public_key().as_bytes()),
        "owner": owner.to_string(),
        "userId": UserId::of_owner(owner).to_string(),
        "mlKemSeed": hex::encode(ml_kem_seed),
        "mlKemKeyId": hex::encode(ml_kem.id().as_bytes()),
    });
    if compatible {
        let key = Sha256::digest(keys.ml_kem_768_encapsulation_key());
        value["mlKem768EncapsulationKeySha256"] = hex::encode(key).into();
    }
    Ok(value)
}

fn make(cases: &mut Cases) {
    let w3pk =
        |key: &str, context: &str| json!({ "derivation": "w3pk", "ethereumKey": key, "context": context });
    let key = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    cases.accepted("w3pk", "the context that w3pk uses", w3pk(key, "mlkem-v1"));
    cases.accepted("w3pk-context", "an application's context", w3pk(key, "苟全性命"));
    cases.accepted("w3pk-empty-context", "an empty context", w3pk(key, ""));
    let order = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    for (name, comment, key) in [
        ("w3pk-zero", "zero is no scalar", &*format!("0x{}", "00".repeat(32))),
        ("w3pk-order", "the group's order is no scalar", order),
        ("w3pk-short", "31 bytes", &key[..64]),
    ] {
        cases.refused("Ethereum key", name, comment, w3pk(key, "mlkem-v1"));
    }
    let twelve = "legal winner thank year wave sausage worth useful legal winner thank yellow";
    let twenty_four = "void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing \
        screen patrol group space point ten exist slush involve unfold";
    let of = |derivation: &str, mnemonic: &str, passphrase: &str, number: u32| json!({ "derivation": derivation, "mnemonic": mnemonic, "passphrase": passphrase, "number": number });
    for derivation in ["strongroom", "compatible"] {
        let name = |name: &str| format!("{derivation}-{name}");
        cases.accepted(&name("first"), "account or index 0", of(derivation, twelve, "", 0));
        cases.accepted(&name("second"), "account or index 1", of(derivation, twelve, "", 1));
        cases.accepted(
            &name("passphrase"),
            "24 words, a passphrase in NFC",
            of(derivation, twenty_four, "\u{e9}", 0),
        );
    }
    let spaced = format!("  {}\r\n", twelve.replace(' ', "\n\t"));
    cases.accepted("white-space", "white space of any kind", of("strongroom", &spaced, "", 0));
    cases.accepted("largest-account", "account 2^32 - 1", of("strongroom", twelve, "", u32::MAX));
    for (reason, name, comment, words) in [
        ("word count", "eleven", "11 words", twelve.replace(" yellow", "")),
        ("word count", "none", "no word", String::new()),
        ("unknown word", "upper-case", "a word in upper case", twelve.replace("legal", "Legal")),
        ("checksum", "checksum", "another last word", twelve.replace("yellow", "year")),
    ] {
        cases.refused(reason, name, comment, of("strongroom", &words, "", 0));
    }
}
