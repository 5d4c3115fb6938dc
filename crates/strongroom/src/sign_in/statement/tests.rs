//! The grammar: accepted statements come back byte for byte, and every rule has a refusal.

use super::*;
use crate::sign_in::Draft;
use time::OffsetDateTime;

const FULL: &str = "https://service.example:8443 wants you to sign in with your Ethereum account:\n\
    0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\n\nI accept the terms: https://service.example/tos\n\n\
    URI: https://service.example/login\nVersion: 1\nChain ID: 1\nNonce: 32891756\n\
    Issued At: 2021-09-30T16:25:24Z\nExpiration Time: 2021-09-30T16:35:24.5+01:00\n\
    Not Before: 2021-09-30T16:25:24.000Z\nRequest ID: some%20id\nResources:\n- ipfs://bafy/\n- urn:a:b";
const BARE: &str = "localhost wants you to sign in with your Ethereum account:\n\
    0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\n\n\nURI: http://localhost\nVersion: 1\nChain ID: 11155111\n\
    Nonce: abcdefgh\nIssued At: 2021-09-30T16:25:24Z";

#[test]
fn valid_statements_come_back_byte_for_byte() {
    let one_blank_line = BARE.replace("\n\n\n", "\n\n");
    let empty_resources = format!("{BARE}\nResources:");
    let uri_as_statement = BARE.replace("\n\n\n", "\n\nURI: x\n\n");
    for text in [FULL, BARE, &one_blank_line, &empty_resources, &uri_as_statement] {
        assert_eq!(WalletStatement::parse(text).expect("a valid statement").to_string(), text);
    }
    assert_eq!(WalletStatement::parse(&uri_as_statement).expect("valid").statement(), Some("URI: x"));
    assert_eq!(WalletStatement::parse(&one_blank_line).expect("valid").statement(), None);
}

/// Each row: what is replaced in [`FULL`], its replacement, and the line that is then refused.
#[test]
fn every_rule_of_the_grammar_has_a_refusal() {
    let rows: &[(&str, &str, usize)] = &[
        ("https://service.example:8443 ", " ", 1),
        ("service.example:8443", "service.example:8443/x", 1),
        ("service.example:8443", "service.example:84a3", 1),
        ("https://service.example:8443", "1https://service.example:8443", 1),
        ("account:\n", "account: \n", 1),
        ("account:\n", "account:\r\n", 1),
        ("Ethereum", "ethereum", 1),
        ("0xf39F", "0xf39f", 2),
        ("0xf39F", "f39F", 2),
        ("66\n\n", "66\n", 3),
        ("I accept", "Ich würde", 4),
        ("I accept", "I\taccept", 4),
        ("I accept", "100% I accept", 4),
        ("tos\n\n", "tos\n\n\n", 6),
        ("tos\n\n", "tos\n", 4),
        ("URI: https://service.example/login", "URI: /login", 6),
        ("URI: https://service.example/login", "URI: https://ser vice/", 6),
        ("URI: https://service.example/login", "URI: https://service/%zz", 6),
        ("Version: 1", "Version: 2", 7),
        ("Version: 1", "Version: 01", 7),
        ("Chain ID: 1", "Chain ID: 01", 8),
        ("Chain ID: 1", "Chain ID: +1", 8),
        ("Chain ID: 1", "Chain ID: 18446744073709551616", 8),
        ("Chain ID: 1", "Chain ID: 0x1", 8),
        ("Chain ID: 1", "Chain ID: ", 8),
        ("Nonce: 32891756", "Nonce: 3289175", 9),
        ("Nonce: 32891756", "Nonce: 3289175-", 9),
        ("Issued At: 2021-09-30T16:25:24Z", "Issued At: 2021-09-30T16:25:24", 10),
        ("Issued At: 2021-09-30T16:25:24Z", "Issued At: 2021-09-31T16:25:24Z", 10),
        ("Issued At: 2021-09-30T16:25:24Z", "Issued At: 2021-09-30t16:25:24Z", 10),
        ("Issued At: 2021-09-30T16:25:24Z", "Issued At: 2021-09-30T16:25:24z", 10),
        ("Issued At: 2021-09-30T16:25:24Z", "Issued At: 2021-09-30 16:25:24Z", 10),
        ("Expiration Time: 2021-09-30T16:35:24.5+01:00", "Expiration Time: later", 11),
        ("Not Before: 2021-09-30T16:25:24.000Z", "Not Before: ", 12),
        ("some%20id", "some%2", 13),
        ("some%20id", "some id", 13),
        ("Resources:\n", "Resources: \n", 14),
        ("- ipfs://bafy/", "-ipfs://bafy/", 15),
        ("- ipfs://bafy/", "- bafy", 15),
        ("- urn:a:b", "- urn:a:b\n", 17),
        ("- urn:a:b", "- urn:a:b\nExpiration Time: 2021-09-30T16:35:24Z", 17),
    ];
    for (from, to, line) in rows {
        assert!(FULL.contains(from), "{from}");
        let text = FULL.replacen(from, to, 1);
        let error = WalletStatement::parse(&text).expect_err(to);
        assert_eq!(error.line, *line, "{to}: {error}");
    }
}

#[test]
fn bounds_hold() {
    let resources = format!("{BARE}\nResources:{}", "\n- urn:a:b".repeat(MAX_RESOURCES));
    assert!(WalletStatement::parse(&resources).is_ok());
    assert_eq!(WalletStatement::parse(&format!("{resources}\n- urn:a:b")).map_err(|e| e.line), Err(43));
    let long = BARE.replace("\n\n\n", &format!("\n\n{}\n\n", "a".repeat(MAX_STATEMENT_BYTES)));
    assert!(WalletStatement::parse(&long).is_err());
    let nonce = |n| BARE.replace("abcdefgh", &"a".repeat(n));
    assert!(WalletStatement::parse(&nonce(128)).is_ok());
    assert!(WalletStatement::parse(&nonce(129)).is_err());
}

/// The rest of the grammar is the same code.
#[test]
fn a_statement_of_an_slh_dsa_key_has_its_own_head() {
    let owner = Owner::from_bytes([0xAB; 32]);
    let text = FULL
        .replace("Ethereum account", "SLH-DSA key")
        .replace("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", &owner.to_string());
    let parsed = SlhDsaStatement::parse(&text).expect("a statement");
    assert_eq!((parsed.address(), parsed.to_string()), (owner, text.clone()));
    assert!(WalletStatement::parse(&text).is_err(), "a wallet's is another");
    assert!(SlhDsaStatement::parse(FULL).is_err(), "and no wallet's is one");
    let line = |text: &str| SlhDsaStatement::parse(text).expect_err("none").line;
    assert_eq!(line(&text.replace("slh-dsa:0xab", "slh-dsa:0xAB")), 2);
    assert_eq!(line(&text.replace("slh-dsa:", "")), 2);
    let bare = BARE
        .replace("Ethereum account", "SLH-DSA key")
        .replace("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", &owner.to_string());
    assert!(SlhDsaStatement::parse(&bare).is_ok());
    assert_eq!(line(&bare.replace("\n\n\n", "\n\n")), 4, "w3pk writes none of these");
}

#[test]
fn a_draft_is_held_to_the_grammar() {
    let draft: Draft<'_> = Draft {
        domain: "localhost:3000",
        address: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse().expect("an address"),
        statement: Some("Open it"),
        uri: "http://localhost:3000",
        chain_id: 1,
        nonce: "abcdefgh",
        issued_at: OffsetDateTime::UNIX_EPOCH,
        expiration_time: Some(OffsetDateTime::UNIX_EPOCH),
        resources: vec!["urn:a:b".to_owned()],
    };
    let text = draft.write().expect("a valid draft").to_string();
    assert!(text.contains("\n\nOpen it\n\nURI: "));
    let injected = Draft { statement: Some("Open it\n\nURI: http://evil"), ..draft };
    assert!(injected.write().is_err());
}
