//! A server in a dstack guest.

use super::{
    COMPOSE, Guest, NOBODY, address, all_hold, draft, eventually, get, get_from, put_and_open, quote,
};
use super::{refused, unpinned};
use crate::Place;
use crate::serve::Server;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use strongroom_testkit::tee::dstack::{FakeDstack, Options};

#[test]
fn a_server_is_verified_and_keeps_secrets_over_a_restart() {
    let guest = Guest::new();
    let address = address();
    let mut server = guest.serve(&["--listen", &address]);
    assert!(!server.talk.contains("no TEE vouches"), "{}", server.talk);
    let url = server.url.clone();
    assert_eq!(get(&server, "/attestation").1["platform"], "intel-tdx");
    let policy = draft(&guest.place, &url);
    for said in [&hex::encode(guest.agent.compose_hash()), &hex::encode(guest.agent.td().mrtd)] {
        assert!(policy.contains(said), "{policy}");
    }
    all_hold(&guest.place, &url);
    let slot = guest.secret("put", &url, &[], "words").ok_text();
    assert_eq!(guest.secret("open", &url, &[&slot], "").ok(), b"words");
    assert_eq!(guest.secret("get", &url, &[&slot], "").ok(), b"words");
    assert!(guest.secret("list", &url, &[], "").ok_text().starts_with(&slot));

    assert_eq!(server.signal("TERM"), Some(0));
    let server = guest.serve(&["--listen", &address]);
    assert_eq!(server.url, url);
    all_hold(&guest.place, &url);
    assert_eq!(guest.secret("open", &url, &[&slot], "").ok(), b"words");

    // A client with the makers' real roots does not trust the simulated guest, and drafts no
    // policy.
    let verify = ["attestation", "verify", &url, "--policy", "policy.toml"];
    let run = guest.place.run(&verify, "");
    assert_eq!(run.code, 1, "{}", run.stderr);
    let shown = String::from_utf8(run.stdout).expect("text");
    assert!(shown.contains("✗ ") && shown.contains("not signed by the platform's maker"), "{shown}");
    let put = ["secret", "put", "--policy", "policy.toml", "--wallet-file", "wallet", "--server", &url];
    refused(guest.place.run(&put, "words"), "not signed by the platform's maker");
    refused(guest.place.run(&["attestation", "policy", &url], ""), "no policy can be drafted");
}

/// The root is sealed for the application, on any host. Nothing weaker replaces the
/// agent's key, and nothing makes a new root.
#[test]
fn a_root_is_sealed_for_the_application_and_no_other() {
    let guest = Guest::new();
    let mut server = guest.serve(&[]);
    let kept = "the root is kept under dstack's key for this application";
    assert!(
        server.talk.contains(kept) && server.talk.contains("nobody could recover it; lost with its file"),
        "{}",
        server.talk
    );
    let vault = get(&server, "/attestation").1["vaultId"].clone();
    assert_eq!(server.signal("TERM"), Some(0));
    let file = guest.place.read("data/root.sealed");
    let serve = |agent: &FakeDstack, more: &[&str]| {
        let socket = agent.socket().to_str().expect("text");
        let flags = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data", "--dstack-endpoint", socket];
        guest.place.run(&[&flags[..], more].concat(), "")
    };
    let start = |options| FakeDstack::start(Arc::clone(&guest.intel), COMPOSE, options);
    let other = start(Options { app_id: [0xB9; 20], ..Options::default() });
    serve(&other, &[]).fails(2, "the root was sealed by another dstack application");
    let plain = ["--root-sealer", "plain"];
    serve(&guest.agent, &plain).fails(2, "the root is sealed as `dstack`, and `plain` was asked for");
    let none = ["--platform", "none"];
    serve(&guest.agent, &none).fails(2, "the root is sealed as `dstack`, and `plain` was asked for");
    let snp = ["--root-sealer", "sev-snp"];
    serve(&guest.agent, &snp).fails(2, "has no key to seal a root as `sev-snp`");
    guest.agent.fail(true);
    serve(&guest.agent, &[]).fails(2, "dstack's agent refuses");
    guest.agent.fail(false);
    let socket = guest.agent.socket().to_str().expect("text");
    let verify = ["store", "verify", "--root-file", "data/root.sealed", "--dstack-endpoint", socket];
    guest.place.run(&[&verify[..], &["data/vault.sqlite"]].concat(), "").ok();
    assert_eq!(guest.place.read("data/root.sealed"), file, "a refused root stays as it is");
    let server = guest.serve(&[]);
    assert_eq!(get(&server, "/attestation").1["vaultId"], vault);
}

/// Some versions of dstack leave digests out, and others compute them in another way. The host may
/// call itself Phala's.
#[test]
fn other_versions_of_dstack_are_verified_alike() {
    let later = vec![("app-ready".to_owned(), b"yes".to_vec())];
    let options = Options {
        empty_digests: true,
        event_log_version: 2,
        later_events: later,
        cloud_vendor: "Phala".to_owned(),
        ..Options::default()
    };
    let guest = Guest::with(options);
    let server = guest.serve(&[]);
    assert_eq!(get(&server, "/attestation").1["platform"], "phala");
    put_and_open(&guest.place, &server.url);
}

#[test]
fn where_the_agent_is_found_without_being_named_it_is_taken() {
    let guest = Guest::new();
    let socket = guest.agent.socket().to_str().expect("text");
    let flags = ["--collateral-file", "collateral.json"];
    let server = Server::start(&guest.place, &flags, &[("DSTACK_SIMULATOR_ENDPOINT", socket)]);
    assert_eq!(get(&server, "/attestation").1["evidence"]["type"], "dstack-tdx");
    draft(&guest.place, &server.url);
}

#[test]
fn an_agent_that_fails_costs_the_evidence_and_nothing_else() {
    let guest = Guest::new();
    let server = guest.serve(&[]);
    let (status, cached) = get(&server, "/attestation");
    assert_eq!(status, 200);
    draft(&guest.place, &server.url);
    guest.agent.fail(true);
    assert_eq!(quote(&server), (503, "attestation_unavailable".to_owned()));
    assert_eq!(get(&server, "/health").0, 200);
    assert_eq!(get(&server, "/attestation"), (200, cached), "the last one is given out for a while");
    guest.secret("put", &server.url, &[], "words").fails(1, "attestation_unavailable");
    guest.agent.fail(false);
    eventually("it vouches again", || quote(&server).0 == 200);
    guest.secret("put", &server.url, &[], "words").ok();
}

/// An agent makes one quote after another. A client that comes while many wait is refused at once.
#[test]
fn a_full_queue_of_quotes_stops_nothing_else() {
    const WAITING: usize = 64;
    const TOO_MANY: usize = 15;
    // Quotes are made for a nonce, and without one if no earlier quote is kept.
    for target in [format!("/attestation?nonce={}", "ab".repeat(32)), "/attestation".to_owned()] {
        let guest = Guest::new();
        let server = guest.serve(&["--address-rate", "0", "--max-connections-per-address", "1000"]);
        guest.agent.delay(Duration::from_secs(8));
        let (answered, answers) = mpsc::channel();
        for _ in 0..1 + WAITING + TOO_MANY {
            let (url, target, answered) = (server.url.clone(), target.clone(), answered.clone());
            // Clients that still wait when the server ends get no answer.
            std::thread::spawn(move || get_from(&url, &target).map(|answer| answered.send(answer)));
        }
        for _ in 0..TOO_MANY {
            let (status, answer) = answers.recv_timeout(Duration::from_secs(6)).expect("an answer");
            assert_eq!((status, answer["code"].as_str()), (503, Some("overloaded")), "{target}");
        }
        assert_eq!(get(&server, "/health").0, 200);
        assert_eq!(get(&server, "/version").0, 200);
        assert!(answers.try_recv().is_err(), "all others wait");
    }
}

#[test]
fn a_key_that_was_imported_is_taken_where_that_is_said() {
    let guest = Guest::new();
    let lines = guest.place.run(&["keygen", "--admin-env"], "").ok_text();
    let private = lines.lines().find_map(|line| line.strip_prefix("ADMIN_MLKEM_PRIVATE_KEY="));
    let socket = guest.agent.socket().to_str().expect("text");
    let flags = ["--dstack-endpoint", socket, "--collateral-file", "collateral.json"];
    let key = ("ADMIN_MLKEM_PRIVATE_KEY", private.expect("a line"));
    let imported = Server::start(&guest.place, &flags, &[key]);
    // The draft says so in its text, and on stderr.
    let run = guest.client(&["attestation", "policy", &imported.url], "");
    assert!(run.stderr.contains("whoever exported it can read"), "{}", run.stderr);
    assert!(run.ok_text().contains("\nallow_imported_key = true"));
    // The policy of the same guest with a generated key, without its vault and configuration.
    std::fs::rename(guest.place.path("data"), guest.place.path("former")).expect("moved");
    let own = guest.serve(&[]);
    let policy = draft(&guest.place, &own.url);
    let policy = unpinned(&policy);
    guest.place.write("policy.toml", &policy);
    refused(guest.secret("put", &imported.url, &[], "words"), "the vault's key was imported");
    guest.secret("put", &imported.url, &["--allow-imported-key"], "words").ok();
    guest.change_policy(&policy, "version = 1", "version = 1\nallow_imported_key = true");
    guest.secret("put", &imported.url, &[], "words").ok();
}

#[test]
fn a_platform_that_was_asked_for_and_is_not_there_ends_the_start() {
    let place = Place::new();
    place.write("no-agent", "a file");
    let serve = |flags: &[&str], error: &str| {
        let head = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];
        let run = place.run(&[&head, flags].concat(), "");
        assert!(run.stderr.contains("\nhint: "), "{}", run.stderr);
        run.fails(2, error);
        assert!(!place.path("data").exists(), "nothing is made before");
    };
    serve(&["--platform", "dstack"], "there is no dstack agent's socket here");
    for endpoint in ["no-agent", "missing", NOBODY] {
        serve(&["--platform", "dstack", "--dstack-endpoint", endpoint], "cannot be reached");
        // The automatic choice does not fall back to none either.
        serve(&["--dstack-endpoint", endpoint], "cannot be reached");
    }
    for platform in ["intel-tdx", "amd-sev-snp"] {
        serve(&["--platform", platform, "--tsm-dir", "missing"], "there is no configfs-tsm (missing) here");
    }
    for platform in ["sev", "tdx", ""] {
        let mistaken = ["serve", "--listen", "127.0.0.1:0", "--platform", platform];
        place.run(&mistaken, "").fails(2, "platform: ");
    }
}

/// An agent that refuses every request.
#[test]
fn an_agent_that_refuses_ends_the_start_with_its_words() {
    let guest = Guest::new();
    let agent = FakeDstack::start(Arc::clone(&guest.intel), COMPOSE, Options::default());
    agent.fail(true);
    let socket = agent.socket().to_str().expect("text");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--dstack-endpoint", socket];
    guest.place.run(&serve, "").fails(2, "Info: the test wants this to fail");
}

/// The module's path is set by the host, and the module would run inside the guest.
/// Guard: `SealerChoice::sealer`.
#[test]
fn no_module_is_loaded_where_a_platform_vouches() {
    let guest = Guest::new();
    let socket = guest.agent.socket().to_str().expect("text").to_owned();
    guest.place.write("pin", "1234");
    let serve =
        ["serve", "--listen=127.0.0.1:0", "--data-dir=data", "--platform=dstack", "--dstack-endpoint"];
    let token = ["--hsm-module=libno.so", "--hsm-key-label=kek", "--hsm-pin-file=pin"];
    let run = guest.place.run(&[&serve[..], &[&socket], &token].concat(), "");
    run.fails(2, "a token's module is code that nothing measured, and intel-tdx would vouch for it");
    let tried =
        guest.place.run(&[&["serve", "--listen=127.0.0.1:0", "--platform=none"], &token[..]].concat(), "");
    tried.fails(2, "libno.so");
}
