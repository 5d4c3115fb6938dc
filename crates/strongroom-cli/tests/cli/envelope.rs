//! `encrypt`, `decrypt` and `inspect`, of both formats; envelopes of any size are in `stream.rs`.

use crate::{Place, command};
use std::io::Read;
use std::process::Stdio;

#[test]
fn pipes_and_files_in_every_format() {
    let place = Place::new();
    let [alice, bob] = ["alice", "bob"].map(|name| place.keygen(name));
    place.write("friends", format!("# two friends\n\n{alice}\n{bob}\n"));
    let secret: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    place.write("secret", &secret);
    for format in ["envelope", "w3pk", "w3pk1", "w3pk2"] {
        let sealed = place.run(&["encrypt", "-R", "friends", "--format", format, "secret"], "").ok();
        for key in ["alice", "bob"] {
            assert_eq!(place.run(&["decrypt", "-i", key], sealed.clone()).ok(), secret, "{format}");
        }
        place.run(&["encrypt", "-r", &alice, "--format", format, "-o", "sealed", "-"], secret.clone()).ok();
        place.run(&["decrypt", "-i", "bob", "-i", "alice", "-o", "opened", "sealed"], "").ok();
        assert_eq!(place.read("opened"), secret);
        place.run(&["decrypt", "-i", "bob", "sealed"], "").fails(1, "none of the given keys");
    }
    assert_eq!(place.files(), ["alice", "bob", "friends", "opened", "sealed", "secret"]);
}

#[test]
fn inspect_shows_recipients_without_a_key() {
    let place = Place::new();
    let [alice, bob] = ["alice", "bob"].map(|name| place.keygen(name));
    let arguments = ["encrypt", "--format", "w3pk", "-r", &alice, "-r", &bob, "-r", &alice];
    let sealed = place.run(&arguments, "12345").ok();
    let report = place.run(&["inspect", "--json"], sealed.clone()).ok();
    let report: serde_json::Value = serde_json::from_slice(&report).expect("JSON");
    let fingerprints =
        ["alice", "bob"].map(|name| place.run(&["pubkey", "--fingerprint", name], "").ok_text());
    let recipients = fingerprints
        .each_ref()
        .map(|fingerprint| serde_json::json!({ "fingerprint": fingerprint, "kem": "ML-KEM-1024" }));
    assert_eq!(report["recipients"], serde_json::json!(recipients), "a recipient that is named twice is one");
    assert_eq!((&report["format"], &report["plaintextBytes"]), (&"w3pk2".into(), &5.into()));
    let shown = place.run(&["inspect"], sealed).ok_text();
    assert!(fingerprints.iter().all(|fingerprint| shown.contains(fingerprint)), "{shown}");
}

#[test]
fn an_older_payload_opens_with_the_key_that_fits() {
    let place = Place::new();
    place.keygen("alice");
    place.keygen("bob");
    let public = place.run(&["pubkey", "--base64", "bob"], "").ok_text();
    let public: strongroom::key::EncapsulationKey = public.parse().expect("a key");
    let older = strongroom_testkit::older_payload_json(public.as_bytes(), b"old");
    place.write("older", &older);
    assert_eq!(place.run(&["decrypt", "-i", "alice", "-i", "bob", "older"], "").ok(), b"old");
    place.run(&["decrypt", "-i", "alice", "older"], "").fails(1, "damaged");
    assert!(place.run(&["inspect", "older"], "").ok_text().contains("older"));
}

#[test]
fn garbage_is_refused_and_leaves_no_file() {
    let place = Place::new();
    let key = place.keygen("key");
    let sealed = place.run(&["encrypt", "--format", "w3pk", "-r", &key], "hello").ok_text();
    let tag_at = sealed.find("authTag").expect("a tag") + 10;
    let mut damaged = sealed.clone().into_bytes();
    damaged[tag_at] = if damaged[tag_at] == b'A' { b'B' } else { b'A' };
    place.run(&["decrypt", "-i", "key", "-o", "out"], damaged).fails(1, "damaged");
    place.run(&["decrypt", "-i", "key", "-o", "out"], "").fails(1, "standard input is empty");
    place.run(&["decrypt", "-i", "key", "-o", "out"], &sealed[..100]).fails(1, "not a payload");
    place.run(&["decrypt", "-i", "key", "-o", "out"], sealed.replace(":2,", ":3,")).fails(1, "version");
    place.run(&["decrypt", "-i", "key", "-o", "no/such/folder", "-"], sealed).fails(2, "no/such/folder");
    place.run(&["encrypt", "-r", &key, "-r", "nonsense"], "").fails(2, "recipient 2 of -r");
    let secret =
        String::from_utf8(place.read("key")).expect("text").lines().last().expect("the key").to_owned();
    let by_mistake = place.run(&["encrypt", "-r", &secret], "");
    assert!(!by_mistake.stderr.contains(&secret[..40]), "{}", by_mistake.stderr);
    by_mistake.fails(2, "the text is not a key");
    place.run(&["decrypt", "-i", "-", "-"], "").fails(1, "standard input is empty");
    place.run(&["decrypt", "-i", "-"], place.read("key")).fails(2, "standard input is named twice");
    place.write("nobody", "# nobody\n");
    place.run(&["encrypt", "-R", "nobody"], "").fails(2, "names no recipient");
    place.run(&["encrypt"], "").fails(2, "required");
    assert_eq!(place.files(), ["key", "nobody"]);
}

#[test]
fn a_file_that_is_there_is_replaced_whole_or_stays() {
    let place = Place::new();
    let key = place.keygen("key");
    place.write("out", "before");
    place.run(&["decrypt", "-i", "key", "-o", "out"], "garbage").fails(1, "not a payload");
    assert_eq!(place.read("out"), b"before");
    #[cfg(unix)]
    std::os::unix::fs::symlink("out", place.path("link")).expect("a link");
    let sealed = place.run(&["encrypt", "-r", &key], "after").ok();
    place.run(&["decrypt", "-i", "key", "-o", "link"], sealed).ok();
    assert_eq!(place.read("out"), b"after", "through the link");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_and_a_closed_pipe_are_told() {
    let place = Place::new();
    let key = place.keygen("key");
    let secret = vec![7; 1 << 20];
    place.write("secret", &secret);
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let program = env!("CARGO_BIN_EXE_strongroom");
    let output = std::process::Command::new(program)
        .args(["encrypt", "-r", &key, "secret"])
        .current_dir(place.path(""))
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"));

    let mut child = std::process::Command::new(program)
        .args(["encrypt", "-r", &key, "secret"])
        .current_dir(place.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut some = [0; 10];
    child.stdout.take().expect("a pipe").read_exact(&mut some).expect("some output");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Broken pipe"));
}

#[test]
fn help_shows_an_example_for_every_verb() {
    let place = Place::new();
    let verbs: [&[&str]; 23] = [
        &["keygen"],
        &["pubkey"],
        &["encrypt"],
        &["decrypt"],
        &["inspect"],
        &["rewrap"],
        &["secret"],
        &["secret", "put"],
        &["secret", "get"],
        &["secret", "open"],
        &["secret", "list"],
        &["secret", "rm"],
        &["backup"],
        &["backup", "create"],
        &["backup", "verify"],
        &["backup", "restore"],
        &["backup", "push"],
        &["backup", "pull"],
        &["backup", "list"],
        &["backup", "delete"],
        &["backup", "keys"],
        &["serve"],
        &["demo"],
    ];
    for verb in verbs {
        let help = place.run(&[verb, &["--help"]].concat(), "").ok_text();
        let third = help.lines().nth(2).unwrap_or("");
        assert!(third.starts_with("Example:  ") && third.contains(verb[0]), "{verb:?}: {help}");
    }
    assert_eq!(command(&place.path("")).output().expect("it runs").status.code(), Some(2));
}
