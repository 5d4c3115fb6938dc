//! `sign_in::WalletStatement::parse`: the wallet signed bytes and the vault acts on fields, so both
//! must say the same.

use bolero::TypeGenerator;
use strongroom::sign_in::{Act, MAX_STATEMENT_BYTES, Rules, SlhDsaStatement, WalletStatement};
use strongroom::wallet::{WalletKey, WalletSignature};
use strongroom_fuzz::{Mutant, Reach};
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

/// Statements of every shape of the grammar. All of them sign in to [`Act::Slots`] at [`NOW`].
fn statements(key: &WalletKey) -> Vec<String> {
    let head = |origin: &str| {
        format!("{origin} wants you to sign in with your Ethereum account:\n{}\n\n", key.address())
    };
    let body = "URI: https://app.example/login\nVersion: 1\nChain ID: 1\nNonce: abcdefgh1\nIssued At: ";
    let full = "\nExpiration Time: 2026-11-22T12:01:00.25+00:00\nNot Before: 2026-11-22T11:59:00Z\n\
        Request ID: some%20id\nResources:\n- ipfs://bafy/\n- urn:strongroom:slots";
    vec![
        format!("{}\n{body}2026-11-22T12:00:00Z", head("app.example")),
        format!("{}{body}2026-11-22T12:00:00Z", head("app.example")),
        format!("{}I accept: https://app.example/tos\n\n{body}2026-11-22T12:00:00Z", head("app.example")),
        format!("{}URI: x\n\n{body}2026-11-22T13:00:00.000000001+01:00{full}", head("https://app.example")),
        format!("{}\n{body}2026-11-22T12:00:00Z\nRequest ID: \nResources:", head("https://app.example")),
        format!("{}\n{body}2026-11-22T12:00:00Z\nResources:{}", head("app.example"), "\n- a:b".repeat(32)),
    ]
}

const WORDS: [&str; 20] = [
    "\n",
    "\n\n",
    "\r\n",
    " ",
    "\t",
    "https://",
    "user@",
    ":8443",
    "[::1]",
    "%20",
    "%",
    "0",
    "é",
    "\nExpiration Time: 2026-11-22T12:01:00Z",
    "\nNot Before: 2026-11-22T11:59:00Z",
    "\nRequest ID: ",
    "\nResources:",
    "\n- urn:strongroom:slots",
    "\n- urn:strongroom:delete:0",
    "URI: https://app.example/\n",
];

/// Other values of a field. The text is still a statement, and says something else.
const VALUES: [(&str, &str); 10] = [
    ("app.example wants", "other.example wants"),
    ("URI: https://app.example", "URI: https://app.example:8443"),
    ("Chain ID: 1", "Chain ID: 18446744073709551615"),
    ("Nonce: abcdefgh1", "Nonce: abcdefgh2"),
    ("Issued At: 2026-11-22T12", "Issued At: 2026-11-22T13"),
    ("Issued At: 2026-11-22T12", "Issued At: 2026-11-22T11"),
    ("12:01:00.25+00:00", "12:00:00.00-00:00"),
    ("Not Before: 2026-11-22T11", "Not Before: 2026-11-22T12"),
    ("urn:strongroom:slots", "urn:strongroom:slot"),
    ("I accept: ", "I accept:  "),
];

#[derive(Debug, TypeGenerator)]
enum Input {
    Text(Mutant),
    /// Puts in another value, if the statement has the field.
    Value {
        value: u8,
        which: u8,
    },
}

impl Input {
    /// The edited text, and the number of the valid one that it comes from.
    fn text(&self, valid: &[String]) -> (String, usize) {
        match self {
            Self::Text(mutant) => (mutant.text_of(valid, &WORDS), usize::from(mutant.which) % valid.len()),
            Self::Value { value, which } => {
                let (from, to) = VALUES[usize::from(*value) % VALUES.len()];
                let having = (0..valid.len()).filter(|at| valid[*at].contains(from)).collect::<Vec<_>>();
                let which = having[usize::from(*which) % having.len()];
                (valid[which].replacen(from, to, 1), which)
            }
        }
    }
}

/// Checks an accepted text, which is read here without the parser.
fn agrees_with_a_plain_reading(statement: &WalletStatement, text: &str) {
    assert!(text.len() <= MAX_STATEMENT_BYTES && !text.contains('\r'));
    let lines: Vec<&str> = text.split('\n').collect();
    assert!(lines[0].ends_with(" wants you to sign in with your Ethereum account:"));
    assert_eq!(lines[1], statement.address().to_string());
    assert_eq!(lines[2], "");
    // It is the last such line: the statement for people may say the same before.
    let nonce_line = lines.iter().rposition(|line| *line == format!("Nonce: {}", statement.nonce()));
    let nonce_line = nonce_line.expect("the nonce has its line");
    assert!(lines[nonce_line - 1].starts_with("Chain ID: "));
    assert_eq!(lines[nonce_line - 2], "Version: 1");
    assert!(lines[nonce_line - 3].starts_with("URI: "));
    if let Some(said) = statement.statement() {
        assert_eq!(lines[3..6], [said, "", lines[nonce_line - 3]]);
    }
    assert!(lines[nonce_line + 1].starts_with("Issued At: "));
}

#[test]
fn a_statement_has_one_text_and_signs_in_only_as_it_was_signed() {
    let key = WalletKey::from_bytes(&[7; 32]).expect("a scalar");
    let valid = statements(&key);
    let signatures: Vec<WalletSignature> = valid.iter().map(|text| key.sign(text)).collect();
    let rules = Rules { origins: vec!["https://app.example".parse().expect("an origin")], chain_ids: vec![] };
    let reach = Reach::default();
    bolero::check!().with_type::<Input>().for_each(|input| {
        let (text, which) = input.text(&valid);
        let statement = match WalletStatement::parse(&text) {
            Ok(statement) => statement,
            Err(error) => {
                assert!(error.line <= text.split('\n').count() + 1, "{error}");
                reach.count(&format!("line {}", error.line));
                return;
            }
        };
        assert_eq!(statement.to_string(), text);
        agrees_with_a_plain_reading(&statement, &text);
        assert!(WalletStatement::parse(&format!("{text}\n")).is_err(), "a line more");
        assert!(WalletStatement::parse(&format!("\n{text}")).is_err(), "a line before");
        match statement.verify(&signatures[which], &Act::Slots, &rules, NOW) {
            Ok(signed_in) => {
                assert_eq!(text, valid[which], "an edited statement signs in");
                assert_eq!(signed_in.address(), key.address());
                reach.count("signed in");
            }
            Err(error) => {
                assert_ne!(text, valid[which], "{error}");
                reach.count(&error);
            }
        }
    });
    reach.assert_met(&[
        "signed in",
        "Domain",
        "Uri",
        "IssuedInFuture",
        "IssuedTooLongAgo",
        "Expired",
        "NotYet",
        "OtherAct",
        "Signer",
        "line 1",
        "line 2",
        "line 5",
        "line 6",
        "line 7",
        "line 8",
        "line 9",
    ]);
}

/// The head of an SLH-DSA key's statement. The rest of the grammar is shared.
#[test]
fn a_statement_of_an_slh_dsa_key_has_one_text() {
    let key = WalletKey::from_bytes(&[7; 32]).expect("a scalar");
    let owner = format!("slh-dsa:0x{}", "a5".repeat(32));
    let valid: Vec<String> = statements(&key)
        .iter()
        .map(|text| {
            text.replace("Ethereum account", "SLH-DSA key").replace(&key.address().to_string(), &owner)
        })
        .collect();
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let text = mutant.text_of(&valid, &WORDS);
        match SlhDsaStatement::parse(&text) {
            Ok(statement) => {
                assert_eq!(statement.to_string(), text);
                assert_eq!(text.split('\n').nth(1), Some(&*statement.address().to_string()));
                assert!(WalletStatement::parse(&text).is_err(), "it is no wallet's");
                reach.count("accepted");
            }
            Err(_) => reach.count("refused"),
        }
    });
    reach.assert_met(&["accepted", "refused"]);
}
