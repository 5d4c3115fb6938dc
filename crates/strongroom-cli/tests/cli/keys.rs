use crate::Place;

#[test]
fn a_key_file_is_new_private_and_never_overwritten() {
    let place = Place::new();
    let public = place.keygen("key");
    let text = place.read("key");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(place.path("key")).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    place.run(&["keygen", "-o", "key"], "").fails(2, "key exists");
    assert_eq!(place.read("key"), text);
    assert_eq!(place.files(), ["key"]);
    let fingerprint = place.run(&["pubkey", "--fingerprint", "key"], "").ok_text();
    assert!(String::from_utf8(text.clone()).expect("text").contains(&fingerprint));
    assert_eq!(place.run(&["pubkey", "-"], text).ok_text(), public);
}

#[test]
fn a_key_goes_to_a_pipe_and_two_keys_differ() {
    let place = Place::new();
    let [a, b] = [(); 2].map(|()| place.run(&["keygen"], "").ok());
    assert_ne!(a, b);
    assert_eq!(place.run(&["pubkey", "--base64", "-"], a).ok_text().len(), 2092);
}

#[test]
fn keys_from_ethereum_are_the_same_each_time_and_follow_the_context() {
    let place = Place::new();
    place.write("eth", "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80\n");
    let public = |arguments: &[&str]| {
        let key = place.run(&[&["keygen", "--from-eth-key-file", "eth"], arguments].concat(), "").ok();
        place.run(&["pubkey", "-"], key).ok_text()
    };
    assert_eq!(public(&[]), public(&["--context", "mlkem-v1"]));
    assert_ne!(public(&[]), public(&["--context", "my-app"]));
    for bad in ["", "0x12", &"0".repeat(64), &"f".repeat(64)] {
        place.write("eth", bad);
        place.run(&["keygen", "--from-eth-key-file", "eth"], "").fails(2, "eth is not a wallet file");
    }
}

#[test]
fn admin_lines_hold_a_key_that_decrypts() {
    let place = Place::new();
    let lines = place.run(&["keygen", "--admin-env"], "").ok_text();
    let value =
        |name: &str| lines.lines().find_map(|line| line.strip_prefix(name)).expect("a line").to_owned();
    let (public, private) = (value("ADMIN_MLKEM_PUBLIC_KEY="), value("ADMIN_MLKEM_PRIVATE_KEY="));
    place.write("key", private);
    let sealed = place.run(&["encrypt", "-r", &public], "hello").ok();
    assert_eq!(place.run(&["decrypt", "-i", "key"], sealed).ok(), b"hello");
}

#[test]
fn a_damaged_key_file_is_refused_without_showing_it() {
    let place = Place::new();
    place.keygen("key");
    let text = String::from_utf8(place.read("key")).expect("text");
    let secret = text.lines().last().expect("the key").to_owned();
    for (bad, error) in [
        (text.replace(&secret, ""), "the file holds no key"),
        (format!("{text}{secret}\n"), "more than one key"),
        (text.replace(&secret[60..64], "AAAA"), "line 3"),
        ("\u{0}".repeat(70_000), "too large"),
    ] {
        place.write("bad", &bad);
        let run = place.run(&["pubkey", "bad"], "");
        assert!(!run.stderr.contains(&secret[30..60]), "{}", run.stderr);
        run.fails(2, error);
    }
}
