//! Copies of a store: taken while the server runs, checked, and put back.

use crate::Place;
use crate::serve::Server;
use rusqlite::Connection;
use std::os::unix::fs::PermissionsExt;

const BACKUP: [&str; 5] = ["store", "backup", "--data-dir", "data", "copy"];
const RESTORE: [&str; 5] = ["store", "restore", "--data-dir", "data", "copy"];
const VERIFY: [&str; 5] = ["store", "verify", "--root-file", "data/root.sealed", "copy"];

const WALLET: &str = r#"{"accounts":[]}"#;

fn place() -> Place {
    let place = Place::new();
    place.write("wallet", "11".repeat(32));
    place.write("words", "legal winner thank year wave sausage worth useful legal winner thank yellow");
    place.write("wallet.json", WALLET);
    place
}

fn secret(place: &Place, server: &Server, verb: &str, arguments: &[&str], stdin: &str) -> crate::Run {
    let head = ["secret", verb, "--allow-no-tee", "--server", &server.url, "--wallet-file", "wallet"];
    place.run(&[&head, arguments].concat(), stdin)
}

fn wallet_backup(place: &Place, server: &Server, verb: &str, arguments: &[&str]) -> crate::Run {
    let head = ["backup", verb, "--server", &server.url, "--mnemonic-file", "words"];
    place.run(&[&head, arguments].concat(), "")
}

/// A place with a vault that holds a backup and this many secrets, and a copy of its store. The
/// server has ended.
fn copied(secrets: usize) -> Place {
    let place = place();
    let server = Server::start(&place, &[], &[]);
    wallet_backup(&place, &server, "push", &["wallet.json"]).ok();
    for n in 0..secrets {
        secret(&place, &server, "put", &[], &format!("secret {n}")).ok();
    }
    place.run(&BACKUP, "").ok();
    place
}

/// Another place with a root of this name and the copy, and no store.
fn moved_to_another_machine(place: &Place) -> Place {
    let other = self::place();
    std::fs::create_dir(other.path("data")).expect("made");
    other.write("data/root.sealed", place.read("data/root.sealed"));
    other.write("copy", place.read("copy"));
    other
}

#[test]
fn a_copy_taken_beside_a_running_server_brings_the_secrets_back() {
    let place = place();
    let server = Server::start(&place, &[], &[]);
    let kept = secret(&place, &server, "put", &[], "kept").ok_text();
    wallet_backup(&place, &server, "push", &["wallet.json"]).ok();
    let shown = place.run(&BACKUP, "").ok_text();
    let vault_id = server.get("/attestation")["vaultId"].as_str().expect("text").to_owned();
    assert!(
        shown.contains(&format!("vault:   {vault_id}\nslots:   1\nbackups: 1 versions\nrecords: ")),
        "{shown}"
    );
    let mode = std::fs::metadata(place.path("copy")).expect("the copy").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let later = secret(&place, &server, "put", &[], "later").ok_text();
    assert_eq!(secret(&place, &server, "open", &[&kept], "").ok(), b"kept", "the server goes on");

    let without_root = place.run(&["store", "verify", "copy"], "");
    assert!(without_root.stderr.contains("records were not unsealed"), "{}", without_root.stderr);
    assert_eq!(without_root.ok_text(), shown);
    let with_root = place.run(&VERIFY, "");
    assert!(with_root.stderr.contains("every record is whole"), "{}", with_root.stderr);
    assert_eq!(with_root.ok_text(), shown);

    let other = moved_to_another_machine(&place);
    assert_eq!(other.run(&RESTORE, "").ok_text(), shown);
    let server = Server::start(&other, &[], &[]);
    assert_eq!(server.get("/attestation")["vaultId"], vault_id);
    assert_eq!(secret(&other, &server, "open", &[&kept], "").ok(), b"kept");
    assert_eq!(wallet_backup(&other, &server, "pull", &[]).ok(), WALLET.as_bytes());
    secret(&other, &server, "open", &[&later], "").fails(1, "slot_not_found");
}

#[test]
fn a_copy_without_its_root_says_what_is_missing() {
    let place = copied(1);
    let other = moved_to_another_machine(&place);
    std::fs::remove_file(other.path("data/root.sealed")).expect("removed");
    let restored = other.run(&RESTORE, "");
    assert!(restored.stderr.contains("put the vault's root.sealed into data too"), "{}", restored.stderr);
    restored.ok();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    other.run(&serve, "").fails(2, "holds a store and no root");
}

/// Guard: every record is unsealed (commands/store.rs, `verify`). The pages of an edited copy are
/// still whole.
#[test]
fn an_altered_record_is_found_with_the_root() {
    for (edit, altered) in [
        ("UPDATE slot SET record = zeroblob(length(record)) WHERE rowid = 1", 1),
        ("UPDATE slot SET record = substr(record, 1, length(record) - 1) WHERE rowid = 2", 1),
        ("UPDATE slot SET generation = generation + 1 WHERE rowid = 1", 1),
        ("UPDATE slot SET record = (SELECT record FROM slot WHERE rowid = 2) WHERE rowid = 1", 1),
        ("UPDATE slot SET record = x''", 2),
        ("UPDATE backup_version SET record = zeroblob(length(record))", 1),
        ("UPDATE backup_version SET number = 2", 1),
        ("UPDATE backup_series SET revision = 2", 1),
        ("UPDATE backup_series SET head = x''", 1),
    ] {
        let place = copied(2);
        let db = Connection::open(place.path("copy")).expect("the copy");
        db.execute(edit, []).expect(edit);
        drop(db);
        place.run(&["store", "verify", "copy"], "").ok();
        let found = place.run(&VERIFY, "");
        assert_eq!(found.code, 1, "{edit}: {}", found.stderr);
        assert_eq!(found.stderr.matches("altered: ").count(), altered, "{edit}: {}", found.stderr);
        let said = format!("error: {altered} of 4 records were altered");
        assert!(found.stderr.contains(&said), "{edit}: {}", found.stderr);
    }
}

#[test]
fn what_is_no_copy_or_anothers_is_refused() {
    let place = copied(1);
    let stranger = copied(1);
    place.write("foreign", stranger.read("data/root.sealed"));
    let foreign = place.run(&["store", "verify", "--root-file", "foreign", "copy"], "");
    assert_eq!(foreign.code, 1, "{}", foreign.stderr);
    assert!(foreign.stderr.contains("foreign is another vault's root"), "{}", foreign.stderr);
    let none = place.run(&["store", "verify", "--root-file", "none", "copy"], "");
    assert_eq!((none.code, none.stderr.contains("none is not there")), (2, true), "{}", none.stderr);
    assert!(!place.path("none").exists(), "no root is made");

    place.write("text", "no store at all, but a text of some length");
    place.run(&["store", "verify", "text"], "").fails(1, "text is damaged");
    place.write("empty", "");
    place.run(&["store", "verify", "empty"], "").fails(2, "empty is not the store of a vault");
    place.run(&["store", "verify", "nothing"], "").fails(2, "nothing");
    place.run(&["store", "backup", "--data-dir", "nowhere", "new"], "").fails(2, "nowhere/vault.sqlite");
    assert!(!place.path("new").exists() && !place.path("nowhere").exists());
}

/// Guard: a file that exists is not replaced (sqlite/snapshot.rs, `refuse_existing`).
#[test]
fn a_copy_overwrites_nothing() {
    let place = copied(1);
    let before = place.read("copy");
    place.run(&BACKUP, "").fails(2, "copy exists");
    assert_eq!(place.read("copy"), before);
    place.write("notes", "mine");
    place.run(&["store", "backup", "--data-dir", "data", "notes"], "").fails(2, "notes exists");
    assert_eq!(place.read("notes"), b"mine");
    assert_eq!(
        place.files(),
        ["copy", "data", "notes", "wallet", "wallet.json", "words"],
        "and leaves nothing"
    );
}

/// Guard: the lock of the data directory, and that it has no store yet (commands/store.rs,
/// `restore`).
#[test]
fn a_copy_is_put_back_only_where_there_is_no_store_and_no_server() {
    let place = copied(1);
    let mut server = Server::start(&place, &[], &[]);
    let slot = secret(&place, &server, "put", &[], "since").ok_text();
    let beside = place.run(&RESTORE, "");
    assert!(beside.stderr.contains("hint: stop the server first"), "{}", beside.stderr);
    beside.fails(2, "data is in use by another server");
    assert_eq!(server.signal("TERM"), Some(0));
    let before = place.read("data/vault.sqlite");
    place.run(&RESTORE, "").fails(2, " exists");
    assert_eq!(place.read("data/vault.sqlite"), before);
    let server = Server::start(&place, &[], &[]);
    assert_eq!(secret(&place, &server, "open", &[&slot], "").ok(), b"since");
}

/// Guard: the vault id of root and copy (commands/store.rs, `restore`).
#[test]
fn a_copy_is_not_put_beside_another_vaults_root() {
    let place = copied(1);
    let stranger = moved_to_another_machine(&copied(1));
    stranger.write("copy", place.read("copy"));
    stranger.run(&RESTORE, "").fails(1, "root.sealed is another vault's root");
    assert!(!stranger.path("data/vault.sqlite").exists());
}
