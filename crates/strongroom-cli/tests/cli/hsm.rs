//! A server whose root is sealed by a PKCS#11 token: that of SoftHSM, which `./check` installs.

use crate::Place;
use crate::serve::Server;
use std::process::Command;

/// The paths of SoftHSM's module in Debian and in other distributions.
fn module() -> &'static str {
    let paths = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    ];
    paths.into_iter().find(|path| std::path::Path::new(path).exists()).expect("apt-get install softhsm2")
}

#[track_caller]
fn tool(place: &Place, arguments: &[&str]) {
    let configuration = place.text_path("softhsm2.conf");
    let run = Command::new("softhsm2-util").args(arguments).env("SOFTHSM2_CONF", configuration).output();
    let run = run.expect("apt-get install softhsm2");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

fn make_key(place: &Place, label: &str, byte: u8) {
    place.write("key", [byte; 32]);
    let (file, id) = (place.text_path("key"), format!("{byte:02x}"));
    let named = ["--token", "vault", "--label", label, "--id", &id, "--pin", "1234"];
    tool(place, &[&["--import", &file, "--aes"], &named[..]].concat());
}

/// Each start makes one try and exits with 1, after which the unit in deploy/ does not start again.
#[test]
fn a_tokens_root_opens_with_its_pin_and_a_new_key_takes_over() {
    let place = Place::new();
    std::fs::create_dir(place.path("tokens")).expect("a folder");
    place.write("softhsm2.conf", format!("directories.tokendir = {}\n", place.text_path("tokens")));
    tool(&place, &["--init-token", "--free", "--label", "vault", "--pin", "1234", "--so-pin", "12345678"]);
    make_key(&place, "first", 1);
    place.write("pin", "1234\n");
    place.write("wrong", "4321\n");
    let configuration = place.text_path("softhsm2.conf");
    let environment = [("SOFTHSM2_CONF", configuration.as_str())];
    let flags = |label, pin| ["--hsm-module", module(), "--hsm-key-label", label, "--hsm-pin-file", pin];
    let start = |label| Server::start(&place, &flags(label, "pin"), &environment);
    let refused = |label, pin, code, error: &str| {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];
        let all = [&arguments[..], &flags(label, pin)].concat();
        place.run_as(crate::BINARY.as_ref(), &all, &environment, "").fails(code, error);
    };
    let vault_id = |server: &Server| server.get("/attestation")["vaultId"].clone();

    for flag in ["--hsm-module", "--hsm-key-label", "--hsm-pin-file", "--hsm-token"] {
        let verify = ["store", "verify", flag, "x", "vault.sqlite"];
        place.run(&verify, "").fails(2, "need --root-file");
    }
    let mut server = start("first");
    assert!(server.talk.contains("under a key of a PKCS#11 token"), "{}", server.talk);
    let first = vault_id(&server);
    assert_eq!(server.signal("TERM"), Some(0));
    refused("first", "wrong", 1, "the token refused the PIN, which is not tried again");
    refused("second", "pin", 2, "the token has no secret key labelled `second`");
    let mut server = start("first");
    assert_eq!(vault_id(&server), first, "the same vault after a restart");
    assert_eq!(server.signal("TERM"), Some(0));

    make_key(&place, "second", 2);
    let file = place.read("data/root.sealed");
    let mut server = start("second");
    assert_eq!(vault_id(&server), first, "the same vault under another key");
    assert!(place.read("data/root.sealed") != file, "sealed again");
    // A running server does not need the token.
    std::fs::rename(place.path("tokens"), place.path("gone")).expect("taken out");
    assert_eq!(vault_id(&server), first);
    assert_eq!(server.signal("TERM"), Some(0));
    std::fs::create_dir(place.path("tokens")).expect("an empty slot");
    refused("second", "pin", 2, "no initialised token is there");
    place.run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"], "").fails(2, "--hsm-module");
}
