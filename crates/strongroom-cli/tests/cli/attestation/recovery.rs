//! A vault whose platform is lost is brought back by one of its recovery recipients.

use super::switch::Relay;
use super::{COMPOSE, Guest, draft, refused, simulated, without};
use crate::serve::Server;
use crate::{BINARY, Place};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use strongroom_attest::root_transfer::root_envelope;
use strongroom_testkit::tee::dstack::{FakeDstack, Options};

/// The path of a guest's agent, as an environment variable.
fn endpoint(agent: &FakeDstack) -> String {
    agent.socket().to_str().expect("text").to_owned()
}

/// Follows docs/how-to/keep-and-recover-the-root.md, "The drill", word for word: on a
/// dstack guest, and then on another host's, under the same application's id.
#[test]
fn the_drill_of_the_operators_page_brings_a_vault_back() {
    let guest = Guest::new();
    let elsewhere = FakeDstack::start(Arc::clone(&guest.intel), COMPOSE, Options::default());
    let page = include_str!("../../../../../docs/how-to/keep-and-recover-the-root.md");
    let (_, drill) = page.split_once("\n## The drill\n").expect("the section");
    let drill = drill.split("\n## ").next().expect("the section");
    let steps: Vec<&str> =
        drill.split("```sh\n").skip(1).map(|step| step.split("```").next().expect("a block")).collect();
    assert_eq!(steps.len(), 7, "{steps:#?}");
    let moved = steps.iter().position(|step| step.contains("store restore")).expect("a new platform");
    let mut script = "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    for (at, step) in steps.iter().enumerate() {
        if at == moved {
            script.push_str(&format!("export STRONGROOM_DSTACK_ENDPOINT={}\n", endpoint(&elsewhere)));
        }
        script.push_str(step);
    }
    let port = super::address().rsplit(':').next().expect("a port").to_owned();
    let script = script.replace(":3000", &format!(":{port}"));

    // The page's binary is the one with this test's roots.
    let bin = guest.place.path("bin");
    std::fs::create_dir(&bin).expect("a folder");
    std::os::unix::fs::symlink(simulated(), bin.join("strongroom")).expect("a link");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("a path"));
    let mut shell = Command::new("timeout");
    shell.args(["100", "bash", "-c", &script]).current_dir(guest.place.path("")).stdin(Stdio::null());
    for name in crate::settings_of_this_machine() {
        shell.env_remove(name);
    }
    let ran = shell
        .env("PATH", path)
        .env("HOME", guest.place.path(""))
        .env("XDG_CONFIG_HOME", guest.place.path("config"))
        .env("STRONGROOM_SIMULATED_ROOTS", guest.place.path("roots"))
        .env("STRONGROOM_PLATFORM", "dstack")
        .env("STRONGROOM_DSTACK_ENDPOINT", endpoint(&guest.agent))
        .env("STRONGROOM_COLLATERAL_FILE", guest.place.path("collateral.json"))
        .env("STRONGROOM_LISTEN", format!("127.0.0.1:{port}"))
        .output()
        .expect("it runs");
    let (shown, told) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{shown}\n{told}");
    assert!(shown.trim_end().ends_with("a drill"), "{shown}\n{told}");
    for said in ["the root is back, on platform intel-tdx", "waiting for the root"] {
        assert!(told.contains(said), "{said:?} is not in {told}");
    }
    let vaults: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("vault  ")).collect();
    assert!(vaults.len() == 2 && vaults[0] == vaults[1], "the same vault: {shown}");
    assert!(shown.contains("key          recovered\n"), "{shown}");
}

/// A development server whose root was in memory, and its recovery recipients' keys.
struct Lost {
    place: Place,
    recipients: String,
    vault_id: Value,
    slot: String,
}

const MEMORY: [&str; 2] = ["--root-sealer", "memory"];

impl Lost {
    fn new() -> Self {
        let place = super::place();
        let recipients = format!("1:{},{}", place.keygen("one.key"), place.keygen("two.key"));
        let mut server = Server::start(&place, &[&MEMORY[..], &["--recovery", &recipients]].concat(), &[]);
        assert!(
            server.talk.contains("1 of sr:") && !server.talk.contains("warning: the root"),
            "{}",
            server.talk
        );
        let vault_id = server.get("/attestation")["vaultId"].clone();
        let slot = open(&place, &server.url, "put", &[], "kept").ok_text();
        assert_eq!(server.signal("TERM"), Some(0));
        Self { place, recipients, vault_id, slot }
    }

    fn waiting(&self, more: &[&str]) -> Server {
        let flags = [&MEMORY[..], &["--recovery", &self.recipients, "--recover"], more].concat();
        Server::start_waiting(Path::new(BINARY), &self.place, &flags, &[])
    }

    fn recover(&self, url: &str, key: &str) -> crate::Run {
        self.place.run(&["vault", "recover", "-i", key, "--server", url, "--allow-no-tee"], "")
    }

    /// The run of a server that does not start.
    fn refused(&self, flags: &[&str]) -> crate::Run {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];
        self.place.run(&[&serve[..], flags].concat(), "")
    }
}

fn open(place: &Place, url: &str, verb: &str, arguments: &[&str], stdin: &str) -> crate::Run {
    let head = ["secret", verb, "--allow-no-tee", "--server", url, "--wallet-file", "wallet"];
    place.run(&[&head, arguments].concat(), stdin)
}

/// Either recipient can bring the root, and more than once, since each start writes the envelope
/// again. Guard: `recovery_envelope` is stored (server/opening.rs).
#[test]
fn any_recipient_brings_the_root_back_again_and_again() {
    let lost = Lost::new();
    for key in ["one.key", "two.key"] {
        let mut server = lost.waiting(&[]);
        let (status, answer) = super::get(&server, "/health");
        assert_eq!((status, &answer["code"]), (503, &"waiting_for_root".into()));
        assert_eq!(answer["requestId"].as_str().map(str::len), Some(16));
        assert_eq!(super::get(&server, "/health/live").0, 200);
        lost.recover(&server.url, key).ok();
        super::eventually("it serves", || {
            super::get_from(&server.url, "/health").is_ok_and(|(s, _)| s == 200)
        });
        assert_eq!(server.get("/attestation")["vaultId"], lost.vault_id);
        assert_eq!(server.get("/attestation")["keyOrigin"], "recovered");
        assert_eq!(open(&lost.place, &server.url, "open", &[&lost.slot], "").ok(), b"kept");
        lost.recover(&server.url, key).fails(1, "does not wait for a root");
        assert_eq!(server.signal("TERM"), Some(0));
    }
}

/// Guard: `strongroom_root::Opening`, `check_recipients`, and the settings.
#[test]
fn a_vault_without_its_root_starts_by_no_other_way() {
    let lost = Lost::new();
    let recovery = ["--recovery", &lost.recipients];
    lost.refused(&[&MEMORY[..], &recovery].concat()).fails(2, "it was only in another process's memory");
    lost.refused(&[&MEMORY[..], &["--recover"]].concat()).fails(2, "--recovery does not say by whom");
    drop(Server::start_waiting(
        Path::new(BINARY),
        &lost.place,
        &[&MEMORY[..], &["--recover", "--recovery=none"]].concat(),
        &[],
    ));
    // If there is no store either, there is nothing to recover. An image may have the flag from
    // its first start on.
    let first = super::place();
    let server = Server::start(&first, &[&MEMORY[..], &recovery, &["--recover"]].concat(), &[]);
    assert!(server.talk.contains("no store here") && server.talk.contains("a new vault"), "{}", server.talk);
    drop(server);
    drop(Server::start_waiting(
        Path::new(BINARY),
        &first,
        &[&MEMORY[..], &recovery, &["--recover"]].concat(),
        &[],
    ));
    for (wrong, why) in [
        ("2:strongroom-pk-1", "write 1 before the colon"),
        ("1:nonsense", "one of its keys"),
        ("strongroom-pk-1", "1:KEY"),
        (&*format!("{0},{1}", lost.recipients, &lost.recipients[2..]), "twice"),
    ] {
        lost.refused(&["--recovery", wrong]).fails(2, why);
    }
    lost.refused(&["--recover", "--join", "https://a"]).fails(2, "recover, join: both are set");
}

/// Recipients are removed only by `--recovery none`, never because the flag was left out. Guard:
/// `check_recipients`.
#[test]
fn nobody_is_forgotten_by_a_flag_that_was_left_out() {
    let place = super::place();
    let key = place.keygen("one.key");
    let recovery = format!("1:{key}");
    drop(Server::start(&place, &["--recovery", &recovery], &[]));
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    place.run(&serve, "").fails(2, "--recovery does not say by whom");
    let server = Server::start(&place, &["--recovery", "none"], &[]);
    assert!(server.talk.contains("nobody could recover it"), "{}", server.talk);
    drop(server);
    drop(Server::start(&place, &[], &[]));
}

/// The server that waits is verified before the root is opened, and a root of another vault is
/// refused.
#[test]
fn a_wrong_key_a_foreign_root_and_a_server_without_proof_bring_nothing_about() {
    let lost = Lost::new();
    let server = lost.waiting(&[]);
    let url = &server.url;
    lost.place.run(&["vault", "recover", "-i", "one.key", "--server", url], "").fails(1, "outside a TEE");
    // A proxy shows settings that the evidence does not bind.
    let relay = Relay::start(url, |answer| {
        if answer["configuration"].is_object() {
            answer["configuration"]["recovery"] = Value::Null;
        }
    });
    lost.recover(&relay.url, "one.key").fails(1, "shows other settings than its evidence binds");
    lost.place.keygen("other.key");
    lost.recover(url, "other.key").fails(1, "the root cannot be brought back");
    let post = |body: &str| {
        let agent = ureq::Agent::from(ureq::Agent::config_builder().http_status_as_error(false).build());
        let sent = agent.post(format!("{url}/recovery")).content_type("application/json").send(body);
        sent.expect("an answer").status().as_u16()
    };
    for (body, status) in [
        ("{}", 400),
        (r#"{"envelope":"!"}"#, 400),
        (r#"{"envelope":"AAAA"}"#, 403),
        (r#"{"envelope":"AAAA","more":1}"#, 400),
        // One byte more than the server reads. It would cut off a longer body while that is sent.
        (&*"x".repeat(2 * root_envelope::MAX_BYTES + 1), 413),
    ] {
        assert_eq!(post(body), status, "{}", &body[..body.len().min(40)]);
    }
    assert_eq!(super::get_from(url, "/recovery").expect("an answer").0, 400);
    // The envelope of another vault's store, which no key here opens.
    let foreign = Lost::new();
    let db = rusqlite::Connection::open(foreign.place.path("data/vault.sqlite")).expect("the store");
    let envelope: Vec<u8> =
        db.query_row("SELECT envelope FROM recovery", [], |row| row.get(0)).expect("an envelope");
    drop(server);
    let db = rusqlite::Connection::open(lost.place.path("data/vault.sqlite")).expect("the store");
    let good: Vec<u8> = db.query_row("SELECT envelope FROM recovery", [], |row| row.get(0)).expect("one");
    db.execute("UPDATE recovery SET envelope = ?1", [&envelope]).expect("exchanged");
    let server = lost.waiting(&[]);
    std::fs::copy(foreign.place.path("one.key"), lost.place.path("foreign.key")).expect("copied");
    lost.recover(&server.url, "foreign.key").fails(1, "another vault");
    drop(server);
    db.execute("UPDATE recovery SET envelope = ?1", [&good]).expect("put back");
    drop(db);
    let server = lost.waiting(&[]);
    lost.recover(&server.url, "one.key").ok();
}

/// A guest's server that waits for its root.
fn waiting(guest: &Guest, more: &[&str]) -> Server {
    let socket = endpoint(&guest.agent);
    let roots = guest.place.text_path("roots");
    let flags =
        ["--platform", "dstack", "--dstack-endpoint", &socket, "--collateral-file", "collateral.json"];
    let flags = [&flags[..], &["--recover"], more].concat();
    Server::start_waiting(&simulated(), &guest.place, &flags, &[("STRONGROOM_SIMULATED_ROOTS", &roots)])
}

/// An agent that gives another key than before is another platform: the vault goes on there, and
/// its clients see that it was recovered. Rests on the digests that `WaitingServer::verify`
/// compares, and on the origin in it.
#[test]
fn a_policy_of_before_refuses_a_recovered_key_until_it_is_renewed() {
    let guest = Guest::new();
    let key = guest.place.keygen("one.key");
    let recovery = ["--recovery", &format!("1:{key}")];
    // The settings include the sign-in origins.
    let listen = ["--listen", &*super::address()];
    let mut server = guest.serve(&[recovery, listen].concat());
    let policy = draft(&guest.place, &server.url);
    assert_eq!(server.signal("TERM"), Some(0));
    std::fs::remove_file(guest.place.path("data/root.sealed")).expect("lost");
    let wait = |more: &[&str]| waiting(&guest, &[more, &listen].concat());
    // A host that starts the code could name its own recipient or release key, and would get the
    // root.
    let recovery_of_another = format!("1:{key},{}", guest.place.keygen("other.key"));
    let release_key = format!("0x{}", "07".repeat(64));
    for settings in [
        &["--recovery", &*recovery_of_another][..],
        &["--release-key", &release_key, recovery[0], recovery[1]],
    ] {
        let server = wait(settings);
        let recover =
            ["vault", "recover", "-i", "one.key", "--server", &server.url, "--policy", "policy.toml"];
        refused(guest.client(&recover, ""), "other settings than those that the policy pins");
    }
    let server = wait(&recovery);
    let recover = ["vault", "recover", "-i", "one.key", "--server", &server.url, "--policy", "policy.toml"];
    // A policy that pins no settings does not decide who else gets the root.
    guest.place.write("policy.toml", without("config_digests", &policy));
    let run = guest.client(&recover, "");
    assert!(run.stderr.contains("config_digests = [\"") && run.stderr.contains("recovery     1 of sr:"));
    refused(run, "the policy pins no configuration");
    // A policy that pins no vault does not say which vault's root it is.
    guest.place.write("policy.toml", without("vault_id", &policy));
    refused(guest.client(&recover, ""), "does not say which vault's it must be");
    // The same code under another application id, whose owner may give its key to other code.
    guest.change_policy(&policy, &hex::encode(Options::default().app_id), &"0".repeat(40));
    refused(guest.client(&recover, ""), "the application's id is none of those that the policy lists");
    // Code that the policy does not name waits there, and gets nothing.
    guest.change_policy(&policy, &hex::encode(guest.agent.compose_hash()), &"0".repeat(64));
    refused(guest.client(&recover, ""), "none of those that the policy lists");
    guest.place.write("policy.toml", &policy);
    guest.client(&recover, "").ok();
    super::eventually("it serves", || super::get_from(&server.url, "/health").is_ok_and(|(s, _)| s == 200));
    refused(guest.secret("put", &server.url, &[], "words"), "another configuration than the policy pins");
    guest.place.write("policy.toml", without("vault_id", &without("config_digests", &policy)));
    refused(guest.secret("put", &server.url, &[], "words"), "does not say which vault's it must be");
    guest.place.write("policy.toml", without("config_digests", &policy));
    guest.secret("put", &server.url, &[], "words").ok();
}

/// A host that starts the code again could name its own recipient and have the platform open the
/// root for it. Guard: `covers` (root_file.rs).
#[test]
fn under_dstacks_key_a_start_names_nobody_new_and_a_recipient_can() {
    let guest = Guest::new();
    let (one, other) = (guest.place.keygen("one.key"), guest.place.keygen("other.key"));
    let (first, another) = (format!("--recovery=1:{one}"), format!("--recovery=1:{other}"));
    let listen = format!("--listen={}", super::address());
    let server = guest.serve(&[&listen, &first]);
    let policy = draft(&guest.place, &server.url);
    drop(server);
    let envelope = || -> Vec<u8> {
        let db = rusqlite::Connection::open(guest.place.path("data/vault.sqlite")).expect("the store");
        db.query_row("SELECT envelope FROM recovery", [], |row| row.get(0)).expect("an envelope")
    };
    let before = envelope();
    let socket = endpoint(&guest.agent);
    let serve =
        ["serve", "--listen=127.0.0.1:0", "--data-dir=data", "--platform=dstack", "--dstack-endpoint"];
    for more in [&[&*another][..], &[&first, &format!("--release-key=0x{}", "07".repeat(64))]] {
        let run = guest.place.run(&[&serve[..], &[&socket], more].concat(), "");
        run.fails(2, "this root was not sealed for everybody whom --recovery or --release-key name");
    }
    assert!(envelope() == before, "nothing was left for anybody else");
    drop(guest.serve(&["--recovery=none"]));
    drop(guest.serve(&[&first]));

    // A recipient can allow it, by a recovery to the new settings, whose digest they accept.
    std::fs::remove_file(guest.place.path("data/root.sealed")).expect("moved away");
    let server = waiting(&guest, &[&another, &listen]);
    let recover = ["vault", "recover", "-i", "one.key", "--server", &server.url, "--policy", "policy.toml"];
    let run = guest.client(&recover, "");
    let pin =
        run.stderr.lines().find_map(|line| line.split_once("config_digests = ")).expect("a pin").1.to_owned();
    refused(run, "other settings than those that the policy pins");
    let kept = without("config_digests", &policy);
    guest.place.write("policy.toml", format!("config_digests = {pin}\n{kept}"));
    guest.client(&recover, "").ok();
    super::eventually("it serves", || super::get_from(&server.url, "/health").is_ok_and(|(s, _)| s == 200));
    drop(server);
    drop(guest.serve(&[&another]));
}
