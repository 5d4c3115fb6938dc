use crate::Place;
use crate::serve::Server;

/// A vault, and two wallets.
struct Case {
    place: Place,
    server: Server,
}

impl Case {
    fn new() -> Self {
        let place = Place::new();
        place.write("alice", format!("0x{}\n", "11".repeat(32)));
        place.write("bob", "22".repeat(32));
        let server = Server::start(&place, &[], &[]);
        Self { place, server }
    }

    fn secret(&self, verb: &str, wallet: &str, arguments: &[&str], stdin: &str) -> crate::Run {
        let head = ["secret", verb, "--allow-no-tee", "--server", &self.server.url, "--wallet-file", wallet];
        self.place.run(&[&head, arguments].concat(), stdin)
    }
}

const BOB: &str = "0x1563915e194D8CfBA1943570603F7606A3115508";

#[test]
fn put_get_open_list_rm() {
    let case = Case::new();
    let slot = case.secret("put", "alice", &["--expires-at", "2999-01-01T00:00:00Z"], "苟全性命").ok_text();
    assert_eq!(case.secret("open", "alice", &[&slot], "").ok(), "苟全性命".as_bytes());
    assert_eq!(case.secret("get", "alice", &[&slot], "").ok(), "苟全性命".as_bytes());
    let listed = case.secret("list", "alice", &[], "").ok_text();
    assert!(
        listed.starts_with(&slot) && listed.contains("owner,reader") && listed.contains("2999"),
        "{listed}"
    );
    let listed = case.secret("list", "alice", &["--json"], "").ok();
    let listed: serde_json::Value = serde_json::from_slice(&listed).expect("JSON");
    assert_eq!(listed["slot"], slot);

    case.secret("open", "bob", &[&slot], "").fails(1, "slot_not_found");
    case.secret("rm", "bob", &[&slot], "").fails(1, "slot_not_found");
    assert_eq!(case.secret("list", "bob", &[], "").ok_text(), "");
    assert_eq!(case.secret("rm", "alice", &[&slot], "").ok(), b"");
    case.secret("get", "alice", &[&slot], "").fails(1, "slot_not_found");
}

#[test]
fn a_reader_has_the_vault_open_it_and_a_recipient_opens_it_himself() {
    let case = Case::new();
    let key = case.place.keygen("bobs-key");
    let slot = case.secret("put", "alice", &["--reader", BOB, "-r", &key], "for bob").ok_text();
    assert_eq!(case.secret("open", "bob", &[&slot], "").ok(), b"for bob");
    assert_eq!(case.secret("get", "bob", &["-i", "bobs-key", &slot], "").ok(), b"for bob");
    case.secret("get", "bob", &[&slot], "").fails(1, "none of the given keys");
    let sealed = case.secret("get", "bob", &["--sealed", &slot], "").ok();
    assert_eq!(case.place.run(&["decrypt", "-i", "bobs-key"], sealed).ok(), b"for bob");
    case.secret("rm", "bob", &[&slot], "").fails(1, "not_the_owner");
}

#[test]
fn a_secret_may_stay_closed_to_the_vault() {
    let case = Case::new();
    let slot = case.secret("put", "alice", &["--not-for-vault"], "mine").ok_text();
    case.secret("open", "alice", &[&slot], "").fails(1, "vault_not_recipient");
    assert_eq!(case.secret("get", "alice", &[&slot], "").ok(), b"mine");
}

#[test]
fn nothing_is_sent_to_a_server_that_proves_nothing_unless_that_is_said() {
    let case = Case::new();
    let put = ["secret", "put", "--server", &case.server.url, "--wallet-file", "alice"];
    case.place.run(&put, "secret").fails(1, "outside a TEE");
    let plain_http = ["secret", "list", "--server", "http://192.0.2.1", "--wallet-file", "alice"];
    case.place.run(&plain_http, "").fails(2, "is not the URL of a vault");
    let nobody = ["secret", "list", "--server", "http://127.0.0.1:9", "--wallet-file", "alice"];
    case.place.run(&nobody, "").fails(2, "cannot be reached");
}

#[test]
fn the_demo_runs_alone_and_against_a_server() {
    let case = Case::new();
    for arguments in [&["demo"][..], &["demo", "--allow-no-tee", "--server", &case.server.url]] {
        let shown = case.place.run(arguments, "").ok_text();
        assert!(shown.ends_with("All steps passed."), "{shown}");
        assert_eq!(shown.matches("opened       “苟全性命於亂世,不求聞達於諸侯。”").count(), 2, "{shown}");
        assert_eq!(shown.matches(" ms\n").count(), 16, "{shown}");
    }
    let refused = case.place.run(&["demo", "--server", &case.server.url], "");
    assert_eq!((refused.code, refused.stderr.contains("outside a TEE")), (1, true));
    assert_eq!(case.place.files(), ["alice", "bob", "data"], "the demo leaves nothing");
}

#[test]
fn an_envelope_is_sealed_here_stored_rewrapped_and_put_back() {
    let case = Case::new();
    let key = case.place.keygen("key");
    let carol = case.place.keygen("carol");
    let server = ["--allow-no-tee", "--server", &case.server.url, "--reader", BOB];
    let sealed = case.place.run(&[&["encrypt", "-r", &key][..], &server].concat(), "for bob").ok();
    let report = case.place.run(&["inspect", "--json"], sealed.clone()).ok();
    let report: serde_json::Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!(report["policy"]["readers"], serde_json::json!([BOB]));
    assert_eq!(report["recipients"].as_array().map(Vec::len), Some(2), "the vault is one of them");
    case.place.write("sealed", sealed);

    case.secret("put", "bob", &["--sealed", "--reader", BOB, "sealed"], "")
        .fails(2, "an envelope holds its readers");
    let slot = case.secret("put", "bob", &["--sealed", "sealed"], "").ok_text();
    assert_eq!(case.secret("open", "bob", &[&slot], "").ok(), b"for bob");
    case.secret("open", "alice", &[&slot], "").fails(1, "slot_not_found");
    assert_eq!(case.secret("get", "bob", &["-i", "key", &slot], "").ok(), b"for bob");

    let fetched = case.secret("get", "bob", &["--sealed", "-o", "fetched", &slot], "");
    assert_eq!(fetched.stderr.trim_end(), "etag: \"1\"");
    case.place.run(&["rewrap", "-i", "key", "--add", &carol, "-o", "again", "fetched"], "").ok();
    let put = ["--sealed", "--slot", &slot, "--if-match", "\"1\"", "again"];
    assert_eq!(case.secret("put", "bob", &put, "").ok_text(), slot);
    case.secret("put", "bob", &put, "").fails(1, "generation_changed");
    assert_eq!(case.secret("get", "bob", &["-i", "carol", &slot], "").ok(), b"for bob");

    // The vault's answer is sealed to a key that the reader names.
    let answer = case.secret("open", "bob", &["--seal-to", &carol, &slot], "").ok();
    assert_eq!(case.place.run(&["decrypt", "-i", "carol"], answer).ok(), b"for bob");
    case.secret("open", "bob", &["--seal-to", "nonsense", &slot], "").fails(2, "the text is not a key");

    case.secret("put", "bob", &["--sealed"], "garbage").fails(1, "not a payload");
}

#[test]
fn a_w3pk_client_is_sealed_for_as_it_reads() {
    let case = Case::new();
    let slot = case.secret("put", "alice", &["--format", "w3pk", "--reader", BOB], "for w3pk").ok_text();
    assert_eq!(case.secret("open", "bob", &[&slot], "").ok(), b"for w3pk");
    assert_eq!(case.secret("get", "alice", &[&slot], "").ok(), b"for w3pk");
    assert!(case.secret("get", "bob", &["--sealed", &slot], "").ok().starts_with(br#"{"version":2,"#));
    case.secret("put", "alice", &["--format", "w3pk", "--label", "x"], "").fails(2, "carries no policy");
}
