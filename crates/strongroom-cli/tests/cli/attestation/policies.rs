//! Policies: their sources, and their demands on a server.

use super::proxy::Proxy;
use super::{Guest, draft, refused};
use serde_json::Value;
use strongroom_testkit::tee::dstack::Options;
use strongroom_testkit::tee::intel::PlatformState;

#[test]
fn without_a_policy_nothing_is_sent_to_a_tee() {
    let guest = Guest::new();
    let server = guest.serve(&[]);
    let proxy = Proxy::start(&server.url, |_| ());
    let put = |flags: &[&str]| {
        let head = ["secret", "put", "--wallet-file", "wallet", "--server", &proxy.url];
        guest.client(&[&head, flags].concat(), "words")
    };
    let run = put(&[]);
    assert!(run.stderr.contains("hint: pass the operator's policy with --policy FILE"), "{}", run.stderr);
    refused(run, "no policy says which code to trust");
    proxy.was_asked_once();
    // A TEE for which there is no policy is not treated like no TEE.
    refused(put(&["--allow-no-tee"]), "no policy says which code to trust");
    proxy.was_asked_once();
    put(&["--allow-no-tee", "--policy", "policy.toml"]).fails(2, "cannot be used with");
    let verify = guest.client(&["attestation", "verify", &server.url], "");
    assert_eq!(verify.code, 1, "{}", verify.stderr);
}

#[test]
fn a_policy_that_is_kept_is_found_again_and_not_overwritten() {
    let guest = Guest::new();
    let server = guest.serve(&[]);
    let keep = ["attestation", "policy", "--keep", &server.url];
    assert!(guest.client(&keep, "").stderr.starts_with("kept in "));
    let authority = server.url.strip_prefix("http://").expect("plain HTTP");
    let path = format!("config/strongroom/policies/{authority}.toml");
    let kept = guest.place.read(&path);

    let put = ["secret", "put", "--wallet-file", "wallet", "--server", &server.url];
    let slot = guest.client(&put, "words").ok_text();
    let open = ["secret", "open", "--wallet-file", "wallet", "--server", &server.url, &slot];
    assert_eq!(guest.client(&open, "").ok(), b"words");
    guest.client(&["attestation", "verify", &server.url], "").ok();

    let again = guest.client(&keep, "");
    assert!(again.stderr.contains("hint: compare the two"), "{}", again.stderr);
    again.fails(2, "exists already");
    assert_eq!(guest.place.read(&path), kept);
    guest.client(&[&keep[..], &["-o", "file"]].concat(), "").fails(2, "cannot be used with");

    // A damaged policy is not left out.
    guest.place.write(&path, "version = 1\nunknown = 1\n");
    guest.client(&put, "words").fails(2, "is not a policy");
    // A policy that cannot be read is not left out either; backups would be sent without any.
    std::fs::remove_file(guest.place.path(&path)).expect("removed");
    std::os::unix::fs::symlink(guest.place.path(&path), guest.place.path(&path)).expect("a loop");
    guest.place.write("words", "legal winner thank year wave sausage worth useful legal winner thank yellow");
    let list = ["backup", "list", "--mnemonic-file", "words", "--server", &server.url];
    for command in [&put[..], &list] {
        guest.client(command, "words").fails(2, "cannot be read");
    }
    std::fs::remove_file(guest.place.path(&path)).expect("removed");
    // Without XDG_CONFIG_HOME, policies are kept below HOME.
    std::fs::rename(guest.place.path("config"), guest.place.path(".config")).expect("moved");
    guest.place.write(&format!(".{path}"), &kept);
    let (home, roots) = (guest.place.text_path(""), guest.place.text_path("roots"));
    let variables =
        [("XDG_CONFIG_HOME", ""), ("HOME", &home[..]), ("STRONGROOM_SIMULATED_ROOTS", &roots[..])];
    guest.place.run_as(&super::simulated(), &put, &variables, "words").ok();
}

/// Every command that seals for a vault verifies it.
#[test]
fn encrypt_rewrap_and_demo_verify_as_well() {
    let guest = Guest::new();
    let server = guest.serve(&[]);
    draft(&guest.place, &server.url);
    let (key, reader) = (guest.place.keygen("key"), "0x1563915e194D8CfBA1943570603F7606A3115508");
    guest.place.run(&["encrypt", "-r", &key, "-o", "sealed"], "words").ok();
    let encrypt = ["encrypt", "--reader", reader, "--server", &server.url];
    let rewrap =
        ["rewrap", "-i", "key", "--rotate-key", "-r", &key, "--reader", reader, "--server", &server.url];
    let rewrap = [&rewrap[..], &["sealed"]].concat();
    let demo = ["demo", "--server", &server.url];
    let policy = ["--policy", "policy.toml"];
    for command in [&encrypt[..], &rewrap, &demo] {
        let run = guest.client(command, "words");
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(run.stderr.contains("no policy says which code to trust"), "{}", run.stderr);
        assert!(run.stderr.contains("hint: pass the operator's policy"), "{}", run.stderr);
        let run = guest.client(&[command, &policy].concat(), "words");
        assert!(!run.ok().is_empty());
    }
    let changed = String::from_utf8(guest.place.read("policy.toml")).expect("text");
    guest.change_policy(&changed, "mrtd = \"", "mrtd = \"00");
    guest.client(&[&encrypt[..], &policy].concat(), "words").fails(2, "96 hex digits are expected");
}

/// A policy for other code than the code that runs is refused.
#[test]
fn each_rule_of_a_policy_is_asked_for() {
    let guest = Guest::new();
    let server = guest.serve(&[]);
    let policy = draft(&guest.place, &server.url);
    let td = guest.agent.td();
    let proxy = Proxy::start(&server.url, |_| ());
    let other = |hash: &[u8]| hex::encode(hash.iter().map(|byte| !byte).collect::<Vec<_>>());
    let line = |name: &str| {
        let line = policy.lines().find(|line| line.starts_with(&format!("{name} = "))).expect("a line");
        line.to_owned()
    };
    let (vault, config) = (line("vault_id"), line("config_digests"));
    let pinned = |name: &str| format!("{name} = \"{}\"", "00".repeat(32));
    let compose = guest.agent.compose_hash();
    let rows = [
        (hex::encode(compose), other(&compose), "the application is none of those"),
        (hex::encode(td.mrtd), other(&td.mrtd), "the measurement is none of those"),
        (hex::encode(td.rtmrs[2]), other(&td.rtmrs[2]), "the measurement is none of those"),
        (hex::encode(Options::default().app_id), "0".repeat(40), "the application's id is none of those"),
        ("kms:".to_owned(), "local:".to_owned(), "the key provider is none of those"),
        ("05".repeat(32), "06".repeat(32), "the system image is none of those"),
        (vault, pinned("vault_id"), "another vault than the policy pins"),
        (
            config,
            format!("config_digests = [\"{}\"]", "00".repeat(32)),
            "another configuration than the policy pins",
        ),
        ("[intel-tdx.dstack]".to_owned(), "[other]".to_owned(), ""),
        ("number = 20".to_owned(), "number = 21".to_owned(), "not as up to date"),
        ("\"UpToDate\"".to_owned(), "\"SWHardeningNeeded\"".to_owned(), "not as up to date"),
        ("version = 1".to_owned(), "version = 1\ntls_in_tee = true".to_owned(), "binds no TLS key"),
    ];
    for (from, to, error) in rows {
        guest.change_policy(&policy, &from, &to);
        let run = guest.secret("put", &proxy.url, &[], "words");
        if error.is_empty() {
            // A section that is not known does not count as a section.
            run.fails(2, "unknown field `other`");
            continue;
        }
        refused(run, error);
        proxy.was_asked_once();
        let verify = ["attestation", "verify", "--json", "--policy", "policy.toml", &server.url];
        let verify = guest.client(&verify, "");
        assert_eq!(verify.code, 1, "{}", verify.stderr);
        let checks: Value = serde_json::from_slice(&verify.stdout).expect("JSON");
        let failed = checks.as_array().expect("a list").iter().filter(|check| check["holds"] == false);
        let refusals: Vec<_> = failed.filter_map(|check| check["refusal"].as_str()).collect();
        assert!(!refusals.is_empty() && refusals.iter().all(|text| text.contains(error)), "{refusals:?}");
    }
    guest.place.write("policy.toml", &policy);
    let verify = ["attestation", "verify", "--json", "--policy", "policy.toml", &server.url];
    let checks: Value = serde_json::from_slice(&guest.client(&verify, "").ok()).expect("JSON");
    let holds = |check: &Value| check["holds"] == true && check["refusal"].is_null();
    assert!(checks.as_array().is_some_and(|checks| checks.len() > 5 && checks.iter().all(holds)), "{checks}");
}

#[test]
fn what_is_no_policy_file_is_told_before_anybody_is_asked() {
    let guest = Guest::new();
    let put = |policy: &str| {
        let head = ["secret", "put", "--wallet-file", "wallet", "--server", super::NOBODY];
        guest.client(&[&head[..], &["--policy", policy]].concat(), "words")
    };
    std::fs::create_dir(guest.place.path("folder")).expect("a folder");
    for (name, text, error) in [
        ("unknown", "version = 1\nallow_no_tee = true\n".to_owned(), "unknown field `allow_no_tee`"),
        ("empty", String::new(), "missing field `version`"),
        ("later", "version = 2\n".to_owned(), "the policy has version 2"),
        ("large", format!("version = 1\n{}", "# \n".repeat(350_000)), "at most 262144 bytes"),
        ("json", r#"{"version":1}"#.to_owned(), "is not a policy"),
    ] {
        guest.place.write(name, text);
        let run = put(name);
        assert!(run.stderr.contains("hint: `strongroom attestation policy URL` drafts"), "{}", run.stderr);
        run.fails(2, error);
    }
    guest.place.write("bytes", [0xFF; 10]);
    for (name, error) in [
        ("folder", "the policy folder cannot be read"),
        ("missing", "the policy missing cannot be read"),
        ("bytes", "the policy bytes cannot be read"),
        ("/dev/zero", "/dev/zero is not a policy"),
    ] {
        put(name).fails(2, error);
    }
}

/// A server must prove everything that a draft asks for.
#[test]
fn of_what_proves_nothing_no_policy_is_drafted() {
    let guest = Guest::new();
    let server = guest.serve(&[]);
    let policy = |url: &str| guest.client(&["attestation", "policy", url, "-o", "drafted"], "");
    let swapped = Proxy::start(&server.url, |evidence| evidence["vaultId"] = "00".repeat(32).into());
    let run = policy(&swapped.url);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("does not bind") && run.stderr.contains("proves nothing"), "{}", run.stderr);
    drop(server);
    let elsewhere = crate::Place::new();
    let none = crate::serve::Server::start(&elsewhere, &["--platform", "none"], &[]);
    refused(policy(&none.url), "runs outside a TEE");
    drop(none);
    let revoked = PlatformState { tcb_status: "Revoked", ..PlatformState::default() };
    let bundle = serde_json::json!({ "tdx": guest.intel.collateral(&revoked) });
    guest.place.write("collateral.json", bundle.to_string());
    let server = guest.serve(&[]);
    assert_eq!(policy(&server.url).code, 1);
    assert!(!guest.place.path("drafted").exists());
}
