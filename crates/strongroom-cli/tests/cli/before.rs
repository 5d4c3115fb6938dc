//! `testdata/before/`: what an earlier version wrote is read by this one, and not changed by being
//! read.

use crate::serve::Server;
use crate::{Place, Run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use strongroom_server::Code;

const MNEMONIC: [&str; 2] = ["--mnemonic-file", "words.txt"];
const PASSPHRASE: [&str; 2] = ["--passphrase-file", "passphrase.txt"];

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "testdata", "before"].iter().collect()
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(folder().join("expected.json")).expect("a file")).expect("JSON")
}

/// A copy of the files, with one of the two data directories as `data`.
fn place(data: &str) -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).expect("made");
    for (from, to) in [(folder(), place.path("")), (folder().join(data), place.path("data"))] {
        for entry in std::fs::read_dir(from).expect("the folder") {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("a type").is_file() {
                std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
            }
        }
    }
    place
}

/// Asserts that a file is still what the earlier version wrote.
fn unchanged(place: &Place, name: &str, original: &str) {
    let before = std::fs::read(folder().join(original)).expect("the original");
    assert!(place.read(name) == before, "{name} was changed");
}

fn secret(place: &Place, server: &Server, wallet: &str, verb: &str, arguments: &[&str]) -> Run {
    let head = ["secret", verb, "--allow-no-tee", "--server", &server.url, "--wallet-file", wallet];
    place.run(&[&head, arguments].concat(), "")
}

fn slots(vault: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(vault["slots"].clone()).expect("slots by plaintext")
}

#[test]
fn a_vault_of_an_earlier_version_serves_what_it_holds() {
    let place = place("plain");
    let expected = &expected()["plain"];
    let verify = ["store", "verify", "--root-file", "data/root.sealed", "data/vault.sqlite"];
    let verified = place.run(&verify, "");
    assert!(verified.stderr.contains("every record is whole"), "{}", verified.stderr);
    verified.ok();

    let mut server = Server::start(&place, &["--verification-rate", "0"], &[]);
    assert_eq!(server.get("/attestation")["vaultId"], expected["vaultId"]);
    let slots = slots(expected);
    assert_eq!(slots.len(), 5);
    let owned = secret(&place, &server, "owner.txt", "list", &[]).ok_text();
    assert_eq!(owned.lines().filter(|line| slots.values().any(|slot| line.contains(slot))).count(), 5);
    let read = secret(&place, &server, "reader.txt", "list", &[]).ok_text();
    assert_eq!(read.lines().filter(|line| slots.values().any(|slot| line.contains(slot))).count(), 4);

    for (plaintext, slot) in &slots {
        let opened = |wallet: &str, verb: &str| secret(&place, &server, wallet, verb, &[slot]);
        assert_eq!(opened("owner.txt", "open").ok(), plaintext.as_bytes());
        match plaintext.as_str() {
            "a secret of the second generation" => {
                opened("reader.txt", "open").fails(1, "slot_not_found");
                assert_eq!(opened("owner.txt", "get").ok(), plaintext.as_bytes());
            }
            // It was sealed for the vault alone.
            "an older payload, stored unsigned" => {
                assert_eq!(opened("reader.txt", "open").ok(), plaintext.as_bytes());
            }
            _ => {
                assert_eq!(opened("reader.txt", "open").ok(), plaintext.as_bytes());
                assert_eq!(opened("owner.txt", "get").ok(), plaintext.as_bytes());
            }
        }
    }
    let deleted = expected["deleted"].as_str().expect("a slot");
    secret(&place, &server, "owner.txt", "open", &[deleted]).fails(1, "slot_not_found");

    // The tags of what it holds are still found: stored again, an envelope is answered with the
    // slot that has it.
    let held = &slots["a native envelope with a policy"];
    secret(&place, &server, "owner.txt", "get", &["--sealed", "-o", "taken", held]).ok();
    assert_eq!(secret(&place, &server, "owner.txt", "put", &["--sealed", "taken"]).ok_text(), *held);

    let pull = |arguments: &[&str]| {
        let head = ["backup", "pull", "--server", &server.url];
        place.run(&[&head, &MNEMONIC[..], arguments].concat(), "").ok_text()
    };
    assert_eq!(pull(&[]), expected["backups"]["native"]);
    assert_eq!(pull(&["--compat"]), expected["backups"]["compatible"]);
    let push = ["backup", "push", "--server", &server.url];
    let pushed = place.run(&[&push[..], &MNEMONIC].concat(), "{}");
    assert!(pushed.stderr.contains("version: 2"), "{}", pushed.stderr);
    pushed.ok();

    assert_eq!(server.signal("TERM"), Some(0));
    unchanged(&place, "data/root.sealed", "plain/root.sealed");
}

#[test]
fn a_root_that_an_earlier_version_put_under_a_passphrase_opens() {
    let place = place("passphrase");
    let expected = &expected()["passphrase"];
    let mut server = Server::start(&place, &["--root-passphrase-file", "passphrase.txt"], &[]);
    assert_eq!(server.get("/attestation")["vaultId"], expected["vaultId"]);
    for (plaintext, slot) in &slots(expected) {
        let opened = secret(&place, &server, "owner.txt", "open", &[slot]).ok();
        assert_eq!(opened, plaintext.as_bytes());
    }
    assert_eq!(server.signal("TERM"), Some(0));
    unchanged(&place, "data/root.sealed", "passphrase/root.sealed");
}

#[test]
fn files_of_an_earlier_version_open() {
    let place = place("plain");
    let public = String::from_utf8(place.read("public.txt")).expect("text");
    let public: Vec<&str> = public.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(public.len(), 3);
    let expected = expected();
    for (key, public) in ["key.txt", "hybrid.txt", "locked.txt"].iter().zip(&public) {
        let passphrase = if *key == "locked.txt" { &PASSPHRASE[..] } else { &[] };
        assert_eq!(place.run(&[&["pubkey", key], passphrase].concat(), "").ok_text(), *public);
        for envelope in ["envelope.bin", "envelope.asc"] {
            let decrypt = ["decrypt", "-i", key, envelope];
            let opened = place.run(&[&decrypt[..], passphrase].concat(), "").ok_text();
            assert_eq!(opened, expected[envelope], "{key}");
        }
        unchanged(&place, key, key);
    }
    place.run(&["encrypt", "-R", "public.txt", "-o", "new"], "new").ok();
    assert_eq!(place.run(&["decrypt", "-i", "hybrid.txt", "new"], "").ok(), b"new");
}

/// A client of an earlier version knows these. Codes may be added, and none may go or change its
/// status.
#[test]
fn error_codes_keep_their_statuses() {
    let codes = std::fs::read(folder().join("codes.json")).expect("a file");
    let codes: BTreeMap<String, u16> = serde_json::from_slice(&codes).expect("statuses by code");
    assert_eq!(codes.len(), 64);
    let today: BTreeMap<_, _> =
        Code::ALL.map(Code::parts).into_iter().map(|(status, name)| (name, status)).collect();
    for (name, status) in &codes {
        assert_eq!(today.get(name.as_str()), Some(status), "{name}");
    }
}
