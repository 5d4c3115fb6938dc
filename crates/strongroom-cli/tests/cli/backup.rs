//! Wallets' backups through the real binary.

use crate::serve::Server;
use crate::{Place, Run};
use serde_json::json;
use std::fs::File;
use strongroom_testkit::canned;

const WORDS: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const OTHER_WORDS: &str = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong";
const WALLET: &str = r#"{"accounts":[{"name":"苟全性命"}]}"#;
const NEWER: &str = r#"{"accounts":[]}"#;

fn place() -> Place {
    let place = Place::new();
    place.write("words", WORDS);
    place.write("others", OTHER_WORDS);
    place.write("wallet.json", WALLET);
    place
}

/// The arguments of `strongroom backup VERB --mnemonic-file words …`.
fn backup(place: &Place, verb: &str, arguments: &[&str]) -> Run {
    place.run(&[&["backup", verb, "--mnemonic-file", "words"], arguments].concat(), "")
}

/// A server, and the wallet's machine.
struct Case {
    place: Place,
    server: Server,
}

impl Case {
    fn new() -> Self {
        let place = place();
        let server = Server::start(&place, &["--verification-rate", "0"], &[]);
        Self { place, server }
    }

    fn backup(&self, verb: &str, arguments: &[&str]) -> Run {
        backup(&self.place, verb, &[&["--server", &self.server.url], arguments].concat())
    }

    /// The user id in the list's first line.
    fn user(&self) -> String {
        let list = self.backup("list", &[]).ok_text();
        list.split(' ').next().expect("a user id").to_owned()
    }
}

#[test]
fn create_verify_restore() {
    let place = place();
    for form in [
        &[][..],
        &["--compat"],
        &["--compat", "--kem", "mlkem768"],
        &["--compat", "--cipher", "xsalsa20-poly1305"],
        &["--compat", "--kem", "mlkem768", "--cipher", "xsalsa20-poly1305"],
    ] {
        let made = backup(&place, "create", &[form, &["wallet.json", "-o", "made"]].concat());
        let sha256 =
            made.stderr.lines().find_map(|line| line.strip_prefix("sha256: ")).expect("it").to_owned();
        made.ok();
        let report = backup(&place, "verify", &["made"]).ok_text();
        assert!(report.contains(&sha256) && report.contains("signature"), "{report}");
        assert_eq!(report.contains("compatible"), !form.is_empty(), "{report}");
        let restored = backup(&place, "restore", &["made", "-o", "back.json", "--sha256", &sha256]);
        assert!(restored.stderr.contains(&sha256), "{}", restored.stderr);
        restored.ok();
        assert_eq!(place.read("back.json"), WALLET.as_bytes());
        backup(&place, "restore", &["made", "--sha256", &"00".repeat(32)]).fails(1, "SHA-256");
    }
    place.run(&["backup", "create", "--mnemonic-file", "-"], WORDS).fails(2, "standard input is named twice");
    let both = ["backup", "restore", "--mnemonic-file", "-"];
    place.run(&both, WORDS).fails(2, "standard input is named twice");
    // The same through pipes.
    let piped = place.run(&["backup", "create", "--mnemonic-file", "words"], WALLET).ok();
    let restored = place.run(&["backup", "restore", "--mnemonic-file", "words"], piped);
    assert_eq!(restored.ok(), WALLET.as_bytes());
}

#[test]
fn versions_follow_each_other() {
    let place = place();
    backup(&place, "create", &["wallet.json", "-o", "first"]).ok();
    let second = backup(&place, "create", &["--after", "first", "wallet.json", "-o", "second"]);
    assert!(second.stderr.contains("version: 2"), "{}", second.stderr);
    second.ok();
    assert!(backup(&place, "verify", &["second"]).ok_text().contains("version:  2"));
    backup(&place, "create", &["--compat", "wallet.json", "-o", "compat"]).ok();
    backup(&place, "create", &["--after", "compat", "wallet.json"]).fails(1, "made with these words");
    let others = ["backup", "create", "--mnemonic-file", "others", "--after", "first", "wallet.json"];
    place.run(&others, "").fails(1, "made with these words");
}

#[test]
fn what_is_not_its_owners_is_refused_and_nothing_is_written() {
    let place = place();
    backup(&place, "create", &["wallet.json", "-o", "made"]).ok();
    place.write("back.json", "as it was");
    let restore = |words: &str, file: &str| {
        place.run(&["backup", "restore", "--mnemonic-file", words, file, "-o", "back.json"], "")
    };
    restore("others", "made").fails(1, "another owner's");
    let made = String::from_utf8(place.read("made")).expect("text");
    // Each change alters the last digit of the signature, a letter of the envelope, or one of the
    // statement.
    let last = made.rfind("\"}").expect("its end") - 1;
    for at in [last, 3000, made.find("statement").expect("a field") + 60] {
        let mut altered = made.clone().into_bytes();
        altered[at] = if altered[at] == b'0' { b'1' } else { b'0' };
        place.write("altered", altered);
        let refused = restore("words", "altered");
        assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
        refused.fails(1, "");
    }
    place.write("cut", &made[..made.len() / 2]);
    restore("words", "cut").fails(1, "not a JSON");
    restore("words", "wallet.json").fails(1, "a backup has `signature` and `payload`");
    let short = made.replace("signature\":\"0x", "signature\":\"0");
    place.write("short", short);
    restore("words", "short").fails(1, "hex");
    assert_eq!(place.read("back.json"), b"as it was");
    let key = backup(&place, "keys", &["--json"]).ok_text();
    let key: serde_json::Value = serde_json::from_str(&key).expect("JSON");
    let verify = ["backup", "verify", "--public-key", key["publicKey"].as_str().expect("a key"), "made"];
    assert!(place.run(&verify, "").ok_text().ends_with("checked:  signature"));
    backup(&place, "create", &["words"]).fails(2, "not a JSON text");
}

#[test]
fn a_mnemonic_that_is_wrong_says_which_word_and_repeats_none() {
    let place = place();
    for (words, says) in [
        (WORDS.replace("yellow", "year"), "word 12, the last"),
        (WORDS.replace("sausage", "sausige"), "word 6 is not in BIP-39"),
        (WORDS.replace("sausage ", ""), "the mnemonic has 11 words"),
        (String::new(), "the mnemonic has 0 words"),
    ] {
        place.write("wrong", &words);
        for verb in [&["create", "wallet.json"][..], &["keys"], &["list"]] {
            let run = place.run(&[&["backup", verb[0], "--mnemonic-file", "wrong"], &verb[1..]].concat(), "");
            assert!(
                !words.split(' ').any(|word| !word.is_empty() && run.stderr.contains(word)),
                "{}",
                run.stderr
            );
            run.fails(2, says);
        }
    }
    place.run(&["backup", "keys", "--mnemonic-file", "missing"], "").fails(2, "cannot read missing");
}

#[test]
fn passphrases_and_accounts_have_keys_of_their_own() {
    let place = place();
    place.write("passphrase", "TREZOR\n");
    let keys = |arguments: &[&str]| backup(&place, "keys", arguments).ok_text();
    let all = [
        keys(&[]),
        keys(&["--account", "1"]),
        keys(&["--mnemonic-passphrase-file", "passphrase"]),
        keys(&["--compat"]),
        keys(&["--compat", "--account", "1"]),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one), "{one}");
    }
    // `keygen` makes the same key.
    place.run(&["keygen", "--from-mnemonic-file", "words", "--account", "1", "-o", "key"], "").ok();
    let fingerprint = place.run(&["pubkey", "--fingerprint", "key"], "").ok_text();
    assert!(all[1].contains(&fingerprint), "{fingerprint} is not in {}", all[1]);
}

/// The machine is lost, and the words are kept.
#[test]
fn push_pull_list_delete() {
    let case = Case::new();
    case.backup("push", &["wallet.json"]).ok();
    case.place.write("newer.json", NEWER);
    case.backup("push", &["newer.json"]).ok();
    let pulled = case.backup("pull", &["-o", "back.json"]);
    for line in ["version: 2", "stored:  20", "created: 20", "checked: signature, counter and SHA-256"] {
        assert!(pulled.stderr.contains(line), "{line} is not in {}", pulled.stderr);
    }
    pulled.ok();
    assert_eq!(case.place.read("back.json"), NEWER.as_bytes());
    let user = case.user();
    assert_eq!(case.backup("pull", &["--user", &user, "--version", "1"]).ok(), WALLET.as_bytes());
    case.backup("pull", &["--user", &user, "--version", "3"]).fails(1, "no version 3");
    case.backup("pull", &["--at-least", "3"]).fails(1, "version 2");
    assert_eq!(case.backup("pull", &["--at-least", "2"]).ok(), NEWER.as_bytes());
    case.backup("pull", &["--sha256", &"00".repeat(32)]).fails(1, "SHA-256");
    assert_eq!(case.backup("list", &["--user", &user]).ok_text().lines().count(), 2);
    let listed = case.backup("list", &["--json"]).ok_text();
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!((&listed["userId"], &listed["version"]), (&user.clone().into(), &2.into()));

    let others = ["backup", "pull", "--mnemonic-file", "others", "--server", &case.server.url];
    case.place.run(&others, "").fails(1, "no backup of these words");
    case.backup("delete", &["--user", &user]).ok();
    assert_eq!(case.backup("list", &[]).ok_text(), "");
    case.backup("pull", &[]).fails(1, "no backup of these words");
    case.backup("delete", &["--user", &user]).fails(1, "no native backup is there");
    assert_eq!(case.backup("pull", &["--user", &user, "--version", "2"]).ok(), NEWER.as_bytes());
    assert_eq!(case.backup("pull", &["--version", "1"]).ok(), WALLET.as_bytes());
    let third = case.backup("push", &["wallet.json"]);
    assert!(third.stderr.contains("version: 3"), "{}", third.stderr);
    third.ok();
}

#[test]
fn what_was_created_before_is_pushed_as_it_is_once() {
    let case = Case::new();
    for form in [&[][..], &["--compat"]] {
        backup(&case.place, "create", &[form, &["wallet.json", "-o", "made"]].concat()).ok();
        case.backup("push", &["made"]).ok();
        case.backup("push", &["made"]).ok();
        case.backup("push", &[form, &["wallet.json"]].concat()).ok();
        let code = if form.is_empty() { "backup_counter" } else { "backup_superseded" };
        case.backup("push", &["made"]).fails(1, code);
        let others = ["backup", "push", "--mnemonic-file", "others", "--server", &case.server.url, "made"];
        case.place.run(&others, "").fails(1, "made with these words");
    }
    // The native backup is found first, and the compatible one only with --compat.
    assert_eq!(case.backup("list", &[]).ok_text().lines().count(), 2);
    assert_eq!(case.backup("pull", &["--compat"]).ok(), WALLET.as_bytes());
    let user = case.user();
    backup(&case.place, "create", &["wallet.json", "-o", "made"]).ok();
    let elsewhere = &user.replace(&user[..8], "00000000");
    case.backup("push", &["--user", elsewhere, "made"]).fails(2, "for another user id");
    case.backup("push", &["--user", "me", "wallet.json"]).fails(2, "not a user id");
}

/// The owner does not sign the version of a compatible backup.
#[test]
fn a_compatible_backup_is_told_apart() {
    let case = Case::new();
    case.backup("push", &["--compat", "wallet.json"]).ok();
    let pulled = case.backup("pull", &[]);
    assert!(pulled.stderr.starts_with("warning: no native backup is there"), "{}", pulled.stderr);
    assert_eq!(pulled.ok(), WALLET.as_bytes());
    assert!(!case.backup("pull", &["--compat"]).stderr.contains("warning"));
    case.backup("pull", &["--at-least", "1"]).fails(1, "no backup of these words");
    case.backup("pull", &["--compat", "--at-least", "1"]).fails(2, "cannot be used with");
}

/// A server that claims a next version without showing the one before it, or that gives out an old
/// version.
#[test]
fn a_server_that_lies_gets_nothing_signed_and_nothing_written() {
    let place = place();
    place.write("back.json", "as it was");
    let next = |counter: u64, previous: &str| json!({ "counter": counter, "previous": previous.repeat(32) });
    let lies = canned::serve(move |target| match target {
        "/auth/nonce" => json!({ "nonce": "abcdefgh" }),
        "/auth/session" => json!({ "token": "strongroom-session-1AAAA" }),
        list if list.ends_with("/versions") => json!({ "versions": [], "next": next(8, "ab") }),
        list if !list.contains("/users/") => json!({ "backups": [] }),
        _ => json!({ "message": "Ok" }),
    });
    let run =
        |verb: &str, arguments: &[&str]| backup(&place, verb, &[&["--server", &lies], arguments].concat());
    let refused = run("push", &["wallet.json"]);
    assert!(refused.stderr.contains("hint: ") && refused.stderr.contains("--next"), "{}", refused.stderr);
    refused.fails(1, "version 8 is the next, and shows no version before it");
    run("push", &["--next", "7", "wallet.json"]).fails(1, "the next version is 8");
    run("push", &["--next", "8", "wallet.json"]).ok();
    run("pull", &["-o", "back.json", "--at-least", "2"]).fails(1, "no backup");
    assert_eq!(place.read("back.json"), b"as it was");
}

/// A restore that fails to write its file changes nothing on the server.
#[cfg(target_os = "linux")]
#[test]
fn a_restore_without_room_is_told_and_costs_nothing() {
    let case = Case::new();
    case.backup("push", &["wallet.json"]).ok();
    let full = case.backup("pull", &["-o", "/dev/full"]);
    assert!(full.stderr.contains("hint: make room"), "{}", full.stderr);
    full.fails(2, "cannot write /dev/full: No space left");
    backup(&case.place, "create", &["wallet.json", "-o", "made"]).ok();
    backup(&case.place, "restore", &["made", "-o", "/dev/full"]).fails(2, "No space left");
    case.backup("pull", &["-o", "missing/back.json"]).fails(2, "cannot write missing/back.json");
    // A sparse file of 10 GiB is refused before it is read.
    let huge = File::create(case.place.path("huge")).expect("a file");
    huge.set_len(10 << 30).expect("a hole");
    for verb in [&["restore", "huge"][..], &["create", "huge"]] {
        backup(&case.place, verb[0], &verb[1..]).fails(2, "the most that this format can hold");
    }
    case.backup("push", &["huge"]).fails(2, "the most that this format can hold");
    let list = case.backup("list", &[]).ok_text();
    assert!(list.ends_with("version 1"), "{list}");
    assert_eq!(case.backup("pull", &[]).ok(), WALLET.as_bytes());
}

#[test]
fn no_output_takes_the_place_of_the_words() {
    let place = place();
    place.write("passphrase", "TREZOR");
    place.write("./words-again", WORDS);
    backup(&place, "create", &["wallet.json", "-o", "made"]).ok();
    for (verb, input) in [("create", "wallet.json"), ("restore", "made")] {
        for output in ["words", "./words"] {
            backup(&place, verb, &[input, "-o", output]).fails(2, "would be overwritten");
        }
        let passphrase = ["--mnemonic-passphrase-file", "passphrase", input, "-o", "passphrase"];
        backup(&place, verb, &passphrase).fails(2, "would be overwritten");
    }
    backup(&place, "pull", &["-o", "words"]).fails(2, "would be overwritten");
    assert_eq!((place.read("words"), place.read("passphrase")), (WORDS.into(), b"TREZOR".to_vec()));
}

#[test]
fn what_is_forgotten_or_passed_in_vain_is_named() {
    let place = place();
    let with = ["--mnemonic-passphrase-file", "passphrase"];
    place.write("passphrase", "TREZOR");
    backup(&place, "create", &[&with[..], &["--compat", "wallet.json", "-o", "made"]].concat()).ok();
    // Words with capitals and extra white space, as people write them.
    place.write("words", format!("\u{feff}{}\r\n", WORDS.to_uppercase()));
    let restored = backup(&place, "restore", &["made"]);
    assert!(restored.stderr.contains("--mnemonic-passphrase-file"), "{}", restored.stderr);
    restored.fails(1, "does not open with them");
    backup(&place, "restore", &[&with[..], &["made"]].concat()).ok();
    backup(&place, "create", &["made"]).fails(2, "a backup already");
    let key = backup(&place, "verify", &[&with[..], &["made"]].concat()).ok_text();
    assert!(key.contains("compatible"), "{key}");
    let keys = backup(&place, "keys", &["--compat"]).ok_text();
    let key = keys.lines().find_map(|line| line.strip_prefix("public key: ")).expect("a key");
    let upper = format!("0x{}", key[2..].to_uppercase());
    place.run(&["backup", "verify", "--public-key", &upper, "made"], "").ok();
}

#[test]
fn a_version_is_fetched_as_it_is_and_followed() {
    let case = Case::new();
    case.backup("push", &["wallet.json", "--next", "2"]).fails(1, "the next version is 1");
    case.backup("push", &["wallet.json", "--next", "1"]).ok();
    case.backup("pull", &["--sealed", "-o", "first"]).ok();
    backup(&case.place, "verify", &["first"]).ok();
    case.place.write("newer.json", NEWER);
    for name in ["second", "third"] {
        let after = if name == "second" { "first" } else { "second" };
        backup(&case.place, "create", &["newer.json", "--after", after, "-o", name]).ok();
    }
    let early = case.backup("push", &["third"]);
    assert!(early.stderr.contains("push the versions before it first"), "{}", early.stderr);
    early.fails(1, "backup_counter");
    for in_vain in [["second", "--next", "2"], ["second", "--kem", "mlkem1024"]] {
        case.backup("push", &in_vain).fails(2, "");
    }
    case.backup("push", &["second", "--compat"]).fails(2, "a backup already");
    case.backup("push", &["second"]).ok();
    case.backup("push", &["third"]).ok();
    assert_eq!(case.backup("pull", &[]).ok(), NEWER.as_bytes());
    let versions = case.backup("list", &["--user", &case.user()]).ok_text();
    assert_eq!((versions.lines().count(), versions.matches("native").count()), (3, 3), "{versions}");
}

#[test]
fn what_is_too_large_is_told_and_not_taken_for_a_dead_server() {
    let case = Case::new();
    case.place.write("large.json", serde_json::to_vec(&json!("x".repeat(3_000_000))).expect("JSON"));
    let refused = case.backup("push", &["large.json"]);
    assert!(refused.stderr.contains("--max-body"), "{}", refused.stderr);
    refused.fails(1, "body_too_large");
    case.place.write("fits.json", serde_json::to_vec(&json!("x".repeat(1_400_000))).expect("JSON"));
    case.backup("push", &["fits.json"]).ok();
}
