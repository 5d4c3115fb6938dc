//! Replicas of a vault on one database: each verifies the other before the root moves.

use super::switch::{Relay, Switch};
use super::{COMPOSE, Guest, bundle, client, eventually, get, get_from, intel, place, secret, simulated};
use crate::serve::Server;
use crate::{Place, Run};
use serde_json::Value;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use strongroom::envelope;
use strongroom::policy::EnvelopePolicy;
use strongroom::wallet::WalletKey;
use strongroom_attest::policy::DstackPolicy;
use strongroom_attest::root_transfer::handoff::Joiner;
use strongroom_attest::{AppraisalPolicy, TrustAnchors};
use strongroom_client::Vault;
use strongroom_testkit::postgres::TempPostgres;
use strongroom_testkit::tee::configfs::FakeTsm;
use strongroom_testkit::tee::dstack::{FakeDstack, Options};
use strongroom_testkit::tee::intel::{FakeIntel, Td};

const NEWER: &str = r#"{"manifest_version":2,"name":"strongroom","version":2}"#;
const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

/// The flags of a joiner with the statements that [`Case::allow`] wrote.
const ALLOWED: [&str; 2] = ["--release-statement", "same.release"];

/// A database and its replicas, each on its own machine, behind one public URL.
struct Case {
    postgres: TempPostgres,
    intel: Arc<FakeIntel>,
    /// The public URL of all replicas.
    switch: Switch,
    port: u16,
    release_key: String,
    /// The folder where the operator signs statements.
    desk: Place,
}

impl Case {
    fn new() -> Self {
        let desk = place();
        let intel = intel(&desk);
        desk.write("release.txt", WORDS);
        let keys = desk.run(&["backup", "keys", "--mnemonic-file", "release.txt", "--json"], "").ok();
        let keys: Value = serde_json::from_slice(&keys).expect("JSON");
        let release_key = keys["publicKey"].as_str().expect("a key").to_owned();
        // The replicas use one port on several addresses of this host, so their sign-in origins are
        // the same.
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
        Self { postgres: TempPostgres::start(), intel, switch: Switch::start(), port, release_key, desk }
    }

    /// A new machine that runs this application.
    fn guest(&self, compose: &'static str) -> Guest {
        let place = place();
        place.write("roots/intel.der", self.intel.root_der());
        place.write("collateral.json", bundle(&self.intel));
        let agent = FakeDstack::start(Arc::clone(&self.intel), compose, Options::default());
        Guest { place, intel: Arc::clone(&self.intel), agent }
    }

    fn flags(&self, guest: &Guest, at: u8) -> Vec<String> {
        let socket = guest.agent.socket().to_str().expect("text").to_owned();
        let listen = format!("127.0.0.{at}:{}", self.port);
        let database = self.postgres.url("vault");
        let public = self.switch.url();
        let origins = [1, 2, 3].map(|at| format!("http://127.0.0.{at}:{}", self.port));
        let origins = origins.iter().map(|origin| format!("--sign-in-origin={origin}"));
        [
            ("platform", "dstack"),
            ("dstack-endpoint", &socket),
            ("collateral-file", "collateral.json"),
            ("database-url", &database),
            ("public-url", &public),
            ("listen", &listen),
            ("release-key", &self.release_key),
            ("address-rate", "0"),
            ("wallet-rate", "0"),
        ]
        .map(|(name, value)| format!("--{name}={value}"))
        .into_iter()
        .chain(origins)
        .collect()
    }

    /// The policy that is published while all of these run, merged from a draft of each.
    fn published(&self, drafts: &[&str]) -> AppraisalPolicy {
        let mut drafts = drafts.iter().map(|draft| AppraisalPolicy::from_toml(draft).expect("a policy"));
        let mut policy = drafts.next().expect("one of them");
        fn dstack(policy: &mut AppraisalPolicy) -> &mut DstackPolicy {
            policy.intel_tdx.as_mut().and_then(|tdx| tdx.dstack.as_mut()).expect("a dstack policy")
        }
        for mut draft in drafts {
            policy.config_digests.append(&mut draft.config_digests);
            dstack(&mut policy).compose_hashes.append(&mut dstack(&mut draft).compose_hashes);
        }
        let intel = self.intel.root_der().to_vec().into();
        AppraisalPolicy { trust_anchors: TrustAnchors { intel, ..TrustAnchors::default() }, ..policy }
    }

    /// Signs with the release key that the code of this machine may have the root and hand it over.
    fn allow(&self, joiner: &Guest, server: &Server) {
        joiner.place.write("same.release", self.release(&self.policy(server), &vault_id(server)));
    }

    /// Starts a replica at 127.0.0.`at`.
    fn start(&self, guest: &Guest, at: u8, more: &[&str]) -> Server {
        let flags = self.flags(guest, at);
        let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let roots = guest.place.text_path("roots");
        Server::start_as(&simulated(), &guest.place, &flags, &[("STRONGROOM_SIMULATED_ROOTS", &roots)])
    }

    /// The run of a replica that does not start.
    fn refused(&self, guest: &Guest, replaced: &[&str], more: &[&str]) -> Run {
        let name = |flag: &str| flag.split('=').next().expect("a name").to_owned();
        let taken: Vec<String> = replaced.iter().map(|flag| name(flag)).collect();
        let flags = self.flags(guest, 9);
        let kept = flags.iter().filter(|flag| !taken.contains(&name(flag))).map(String::as_str);
        let added = replaced.iter().copied().filter(|flag| flag.contains('='));
        let flags: Vec<&str> = ["serve", "--data-dir", "data"].into_iter().chain(kept).chain(added).collect();
        client(&guest.place, &[&flags[..], more].concat(), "")
    }

    /// A policy for the code of this machine, as its build would compute it.
    fn policy(&self, server: &Server) -> String {
        client(&self.desk, &["attestation", "policy", &server.url], "").ok_text()
    }

    /// Signs that the code which a policy accepts may have the root.
    fn release(&self, policy: &str, vault: &str) -> Vec<u8> {
        self.desk.write("release-policy.toml", policy);
        let release =
            ["vault", "release", "--mnemonic-file", "release.txt", "--policy", "release-policy.toml"];
        self.desk.run(&[&release[..], &["--vault", vault]].concat(), "").ok()
    }
}

fn vault_id(server: &Server) -> String {
    get(server, "/attestation").1["vaultId"].as_str().expect("an id").to_owned()
}

fn origin(server: &Server) -> String {
    get(server, "/attestation").1["keyOrigin"].as_str().expect("an origin").to_owned()
}

/// The error of a replica that was refused, without the name of the replica that it asked.
#[track_caller]
fn told(run: Run, code: i32, error: &str) {
    assert!(run.stderr.contains(error), "{error:?} is not in {}", run.stderr);
    assert_eq!((run.code, run.stdout.len()), (code, 0), "{}", run.stderr);
}

/// Asserts that a replica which did not get the root wrote nothing.
#[track_caller]
fn is_empty(guest: &Guest) {
    assert!(!guest.place.path("data/root.sealed").exists());
}

#[test]
fn a_second_replica_of_the_same_code_gets_the_root_and_both_serve() {
    let case = Case::new();
    let [one, other] = [case.guest(COMPOSE), case.guest(COMPOSE)];
    let first = case.start(&one, 1, &[]);
    super::draft(&one.place, &first.url);
    let slot = secret(&one.place, "put", &first.url, &[], "for both").ok_text();
    let donor = first.url.clone();
    let join = [&["--join", &*donor], &ALLOWED[..]].concat();
    case.allow(&other, &first);
    let mut second = case.start(&other, 2, &join);
    assert!(second.talk.contains("asking http://127.0.0.1:"), "{}", second.talk);
    assert_eq!((vault_id(&second), origin(&second)), (vault_id(&first), "handoff:generated".to_owned()));
    super::draft(&other.place, &second.url);
    assert_eq!(secret(&other.place, "open", &second.url, &[&slot], "").ok(), b"for both");
    let later = secret(&other.place, "put", &second.url, &[], "later").ok_text();
    assert_eq!(secret(&one.place, "open", &first.url, &[&later], "").ok(), b"later");
    let status = ["vault", "status", "--policy", "policy.toml", &second.url];
    let status = client(&other.place, &status, "").ok_text();
    assert!(
        status.contains("key          handoff:generated")
            && status.contains("handed to    code that slh-dsa:0x"),
        "{status}"
    );
    // The replica keeps the root, and hands it on under the same statements.
    assert_eq!(second.signal("TERM"), Some(0));
    drop(first);
    let second = case.start(&other, 2, &join);
    assert!(!second.talk.contains("asking"), "{}", second.talk);
    let third = case.guest(COMPOSE);
    case.allow(&third, &second);
    let third = case.start(&third, 3, &[&["--join", &*second.url], &ALLOWED[..]].concat());
    assert_eq!((vault_id(&third), origin(&third)), (vault_id(&second), "handoff:generated".to_owned()));
}

/// Follows docs/how-to/hand-the-root-over.md, "A new image, under traffic". No request of a
/// client that runs meanwhile fails.
#[test]
fn an_image_is_upgraded_under_traffic() {
    let case = Case::new();
    let [old, new] = [case.guest(COMPOSE), case.guest(NEWER)];
    let mut first = case.start(&old, 1, &[]);
    let id = vault_id(&first);
    let old_policy = case.policy(&first);
    // The build of the new image would compute this: only the application differs.
    let [old_hash, new_hash] = [&old, &new].map(|guest| hex::encode(guest.agent.compose_hash()));
    assert!(old_policy.contains(&old_hash));
    let new_policy = old_policy.replace(&old_hash, &new_hash);
    new.place.write("old.release", case.release(&old_policy, &id));
    new.place.write("new.release", case.release(&new_policy, &id));

    let switch = &case.switch;
    switch.to(&first.url);
    let published = RwLock::new(case.published(&[&old_policy]));
    let (ended, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..3)
            .map(|n| {
                scope.spawn({
                    let (ended, done, url, published) = (&ended, &done, switch.url(), &published);
                    move || traffic(n, &url, published, ended, done)
                })
            })
            .collect();
        let wait_for = |more: usize| {
            let now = done.load(Ordering::Relaxed);
            eventually("there is traffic", || {
                done.load(Ordering::Relaxed) >= now + more
                    || workers.iter().any(|worker| worker.is_finished())
            });
        };
        wait_for(10);
        let second = case.start(
            &new,
            2,
            &[
                "--join",
                &first.url,
                "--release-statement",
                "new.release",
                "--release-statement",
                "old.release",
            ],
        );
        assert_eq!((vault_id(&second), origin(&second)), (id.clone(), "handoff:generated".to_owned()));
        wait_for(10);
        *published.write().expect("no panic") = case.published(&[&old_policy, &case.policy(&second)]);
        switch.to(&second.url);
        eventually("its connections are gone", || switch.connections_of(0) == 0);
        assert_eq!(first.signal("TERM"), Some(0));
        wait_for(20);
        ended.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().expect("no panic").expect("no failed request");
        }
        assert_eq!(get(&second, "/health").0, 200);
    });
    assert!(switch.connections_made(1) > 0);
}

/// Verifies, stores, and has the vault open, each time on a new connection.
fn traffic(
    n: u8,
    url: &str,
    published: &RwLock<AppraisalPolicy>,
    ended: &AtomicBool,
    done: &AtomicUsize,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let wallet = WalletKey::from_bytes(&[n + 1; 32]).expect("a scalar");
    while !ended.load(Ordering::Relaxed) {
        // The lock is held meanwhile: the next policy is published once no client uses the older
        // one.
        let policy = published.read().expect("no panic");
        let vault = Vault::at(url)?.attest(&policy)?;
        drop(policy);
        let recipients = [vault.server().encapsulation_key().clone().into()];
        let rules = EnvelopePolicy {
            readers: vec![wallet.address().into()],
            owners: vec![wallet.address().into()],
            audience: Some(*vault.server().vault_id()),
            ..EnvelopePolicy::default()
        };
        let sealed = envelope::seal(b"traffic", &recipients, rules, &mut strongroom::os_rng())?.into();
        let stored = vault.store(&sealed, &[], None, Some(&wallet))?;
        assert_eq!(vault.open(stored.slot, &wallet)?.expose(), b"traffic");
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// A guest without a platform key keeps the root in memory, and gets it again at each start. It
/// gets it from another platform, if the release key signed for both.
#[test]
fn bare_tdx_gets_the_root_of_dstack_at_each_start() {
    let case = Case::new();
    let guest = case.guest(COMPOSE);
    let first = case.start(&guest, 1, &[]);
    let (id, intel) = (vault_id(&first), Arc::clone(&case.intel));
    let bare = case.guest(COMPOSE);
    let quote = move |report_data| intel.quote(&Td { report_data, ..Td::default() });
    let tsm = FakeTsm::start("tdx_guest", quote, Vec::new());
    let tsm_dir = tsm.root().into_os_string().into_string().expect("text");
    let roots = bare.place.text_path("roots");
    let flags = |at: u8, more: &[&str]| -> Vec<String> {
        let of_dstack = |flag: &String| flag.starts_with("--platform") || flag.starts_with("--dstack");
        let flags = case.flags(&bare, at).into_iter().filter(|flag| !of_dstack(flag));
        let own = ["--platform=intel-tdx", "--tsm-dir", &tsm_dir].map(str::to_owned);
        flags.chain(own).chain(more.iter().map(|flag| (*flag).to_owned())).collect()
    };
    let start = |at, more: &[&str]| {
        let flags = flags(at, more);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        Server::start_as(&simulated(), &bare.place, &flags, &[("STRONGROOM_SIMULATED_ROOTS", &roots)])
    };
    // Its build would compute this policy. Here a server of the same image with another store is
    // measured.
    let tsm_server = {
        let flags = ["--platform=intel-tdx", "--tsm-dir", &tsm_dir, "--collateral-file=collateral.json"];
        let server =
            Server::start_as(&simulated(), &bare.place, &flags, &[("STRONGROOM_SIMULATED_ROOTS", &roots)]);
        assert!(
            server.talk.contains("warning: the root is kept in this server's memory alone"),
            "{}",
            server.talk
        );
        case.policy(&server)
    };
    is_empty(&bare);
    bare.place.write("new.release", case.release(&tsm_server, &id));
    bare.place.write("old.release", case.release(&case.policy(&first), &id));
    let join =
        ["--join", &first.url, "--release-statement", "new.release", "--release-statement", "old.release"];
    for at in [2, 3] {
        let server = start(at, &join);
        assert_eq!((vault_id(&server), origin(&server)), (id.clone(), "handoff:generated".to_owned()));
        assert!(server.talk.contains("in this server's memory alone"), "{}", server.talk);
        is_empty(&bare);
    }
    // Without another replica it gets no root, and makes none.
    let flags = flags(4, &[]);
    let serve = ["serve", "--data-dir", "data"].into_iter().chain(flags.iter().map(String::as_str));
    client(&bare.place, &serve.collect::<Vec<_>>(), "").fails(2, "it was only in another process's memory");
}

/// Each refusal leaves nothing behind, so the next try has the same chance.
#[test]
fn who_may_not_have_the_root_is_told_why_and_gets_nothing() {
    let case = Case::new();
    let [one, other, newer] = [case.guest(COMPOSE), case.guest(COMPOSE), case.guest(NEWER)];
    let first = case.start(&one, 1, &[]);
    let id = vault_id(&first);
    let join = ["--join", &*first.url];
    let old_policy = case.policy(&first);

    // Joiners with the same code and with other code: without a statement, with only one of the two
    // that are needed, and with one of another vault.
    let unsigned = "the other replica is not trusted: no policy says which code to trust";
    told(case.refused(&other, &[], &join), 1, unsigned);
    told(case.refused(&newer, &[], &join), 1, unsigned);
    case.allow(&other, &first);
    let join = [&join[..], &ALLOWED[..]].concat();
    newer.place.write("old.release", case.release(&old_policy, &id));
    let asking = &join[..2];
    let with_old = [asking, &["--release-statement", "old.release"]].concat();
    told(case.refused(&newer, &[], &with_old), 1, "handoff_refused");
    newer.place.write("other.release", case.release(&old_policy, &"09".repeat(32)));
    let with_other = [asking, &["--release-statement", "other.release"]].concat();
    told(case.refused(&newer, &[], &with_other), 1, "of another vault");
    let forged = String::from_utf8(newer.place.read("old.release")).expect("text").replacen("T", "t", 1);
    newer.place.write("forged.release", forged);
    let with_forged = [asking, &["--release-statement", "forged.release"]].concat();
    assert_eq!(case.refused(&newer, &[], &with_forged).code, 1);
    newer.place.write("garbage.release", "{}");
    let with_garbage = [asking, &["--release-statement", "garbage.release"]].concat();
    case.refused(&newer, &[], &with_garbage).fails(2, "this is not a release statement");
    is_empty(&newer);

    // The same code as part of another application, whose owner may give its key to other code.
    let others = Options { app_id: [0xB9; 20], ..Options::default() };
    let others =
        Guest { agent: FakeDstack::start(Arc::clone(&case.intel), COMPOSE, others), ..case.guest(COMPOSE) };
    case.allow(&others, &first);
    let run = case.refused(&others, &[], &join);
    assert!(run.stderr.contains("the application's id is none of those"), "{}", run.stderr);
    is_empty(&others);

    // The same code with settings that would let others in, or that nobody could verify.
    for (replaced, why) in [
        (&["--public-url=https://evil.example"][..], "the replicas' settings differ"),
        (&["--root-sealer=plain"], "the replicas' settings differ"),
        (&["--require-sign-in-to-store=true"], "the replicas' settings differ"),
        (&["--platform=none", "--dstack-endpoint"], "outside a TEE"),
    ] {
        let run = case.refused(&other, replaced, &join);
        assert!(run.stderr.contains(why) && run.code > 0, "{replaced:?}: {}", run.stderr);
    }
    case.refused(&other, &["--release-key"], &join).fails(2, "join: it needs release-key");
    case.refused(&other, &["--database-url"], &join).fails(2, "join: it needs database-url");
    let empty = format!("--database-url={}", case.postgres.create_database("empty"));
    case.refused(&other, &[&empty], &join).fails(2, "there is no vault's store here");
    told(
        case.refused(&other, &[], &[&["--join", super::NOBODY], &ALLOWED[..]].concat()),
        2,
        "did not hand the root over",
    );
    is_empty(&other);
    drop(case.start(&other, 2, &join));
}

/// A proxy between the two replicas, or a donor that lies or dies. The joiner accepts nothing, and
/// can try again.
#[test]
fn nobody_between_the_replicas_changes_anything() {
    let case = Case::new();
    let [one, other] = [case.guest(COMPOSE), case.guest(COMPOSE)];
    let first = case.start(&one, 1, &[]);
    case.allow(&other, &first);
    let refused = |why: &str, change: fn(&mut Value)| {
        let relay = Relay::start(&first.url, change);
        let run = case.refused(&other, &[], &[&["--join", &*relay.url], &ALLOWED[..]].concat());
        assert!(run.stderr.contains(why), "{why:?} is not in {}", run.stderr);
        assert_ne!(run.code, 0);
        is_empty(&other);
    };
    let report = "the report does not bind the fields that the server shows";
    refused(report, |answer| answer["evidence"]["keyOrigin"] = "recovered".into());
    refused("does not carry the nonce", |answer| {
        if answer["handoff"].is_string() {
            answer["handoff"] = "09".repeat(32).into();
        }
    });
    refused("shows other settings than its evidence binds", |answer| {
        if answer["configuration"].is_object() {
            answer["configuration"]["signInOrigins"] = serde_json::json!([]);
        }
    });
    refused("does not open", |answer| {
        if let Some(envelope) = answer["envelope"].as_str() {
            let at = envelope.len() - 8;
            let other = if envelope.as_bytes()[at] == b'A' { "B" } else { "A" };
            answer["envelope"] = format!("{}{other}{}", &envelope[..at], &envelope[at + 1..]).into();
        }
    });
    // The donor ends after its offer.
    refused("did not hand the root over", |answer| {
        if answer["envelope"].is_string() {
            *answer = Value::Null;
        }
    });
    drop(case.start(&other, 2, &[&["--join", &*first.url], &ALLOWED[..]].concat()));
}

/// A joiner's message cannot be used a second time, whatever the answer was. Without a
/// release key or a TEE, it cannot be used at all.
#[test]
fn an_offer_is_answered_once_and_by_who_may() {
    let case = Case::new();
    let guest = case.guest(COMPOSE);
    let first = case.start(&guest, 1, &[]);
    let hello =
        || serde_json::to_value(Joiner::new([0; 32], &mut strongroom::os_rng()).hello()).expect("JSON");
    let (status, offer) = post(&first.url, "/handoff/offer", &hello());
    assert_eq!(status, 200, "{offer}");
    let own = get(&first, "/attestation").1;
    let mut request = serde_json::json!({
        "handoff": offer["handoff"], "evidence": own, "configuration": offer["configuration"], "releaseStatements": [],
    });
    let (status, answer) = post(&first.url, "/handoff/root", &request);
    assert_eq!((status, &answer["code"]), (403, &"handoff_refused".into()), "{answer}");
    for _ in 0..2 {
        let (status, answer) = post(&first.url, "/handoff/root", &request);
        assert_eq!((status, &answer["code"]), (404, &"handoff_unknown".into()), "{answer}");
    }
    // The number of offers that wait is limited: the oldest makes room.
    let waiting = post(&first.url, "/handoff/offer", &hello()).1;
    for _ in 0..64 {
        assert_eq!(post(&first.url, "/handoff/offer", &hello()).0, 200);
    }
    request["handoff"] = waiting["handoff"].clone();
    assert_eq!(post(&first.url, "/handoff/root", &request).0, 404);
    for garbage in
        [serde_json::json!({}), serde_json::json!([]), serde_json::json!({ "nonce": "", "ephemeralKey": "" })]
    {
        assert_eq!(post(&first.url, "/handoff/offer", &garbage).0, 400);
        assert_eq!(post(&first.url, "/handoff/root", &garbage).0, 400);
    }
    let bad_key = serde_json::json!({ "nonce": "00".repeat(32), "ephemeralKey": "AAAA" });
    assert_eq!(post(&first.url, "/handoff/offer", &bad_key).0, 400);
    drop(first);

    let closed = case.guest(COMPOSE);
    let closed = Server::start_as(
        &simulated(),
        &closed.place,
        &["--platform=dstack", &format!("--dstack-endpoint={}", closed.agent.socket().display())],
        &[("STRONGROOM_SIMULATED_ROOTS", &closed.place.text_path("roots"))],
    );
    let (status, answer) = post(&closed.url, "/handoff/offer", &hello());
    assert_eq!((status, &answer["code"]), (403, &"handoff_refused".into()), "{answer}");
    assert!(answer["message"].as_str().expect("a message").contains("named no release key"), "{answer}");
    let bare = place();
    let bare = Server::start(&bare, &["--release-key", &case.release_key], &[]);
    let (status, answer) = post(&bare.url, "/handoff/offer", &hello());
    assert_eq!((status, &answer["code"]), (403, &"handoff_refused".into()), "{answer}");
}

fn post(url: &str, path: &str, body: &Value) -> (u16, Value) {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent = ureq::Agent::from(config.timeout_global(Some(Duration::from_secs(20))).build());
    let sent = agent.post(format!("{url}{path}")).content_type("application/json").send(body.to_string());
    let mut answer = sent.expect("an answer");
    let text = answer.body_mut().read_to_string().expect("text");
    (answer.status().as_u16(), serde_json::from_str(&text).expect("JSON"))
}

/// Replicas of which the first one was recovered. The others show that origin too.
#[test]
fn that_a_key_was_recovered_is_told_on() {
    let case = Case::new();
    let guest = case.guest(COMPOSE);
    let key = guest.place.keygen("one.key");
    let recovery = format!("--recovery=1:{key}");
    let first = case.start(&guest, 1, &[&recovery]);
    super::draft(&guest.place, &first.url);
    drop(first);
    std::fs::remove_file(guest.place.path("data/root.sealed")).expect("lost");
    let flags = case.flags(&guest, 1);
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain([&*recovery, "--recover"]).collect();
    let roots = guest.place.text_path("roots");
    let variables = [("STRONGROOM_SIMULATED_ROOTS", &*roots)];
    let waiting = Server::start_waiting(&simulated(), &guest.place, &flags, &variables);
    let policy = client(&guest.place, &["vault", "recover", "-i", "one.key", "--server", &waiting.url], "");
    policy.fails(1, "no policy says which code to trust");
    let recover = ["vault", "recover", "-i", "one.key", "--server", &waiting.url, "--policy", "policy.toml"];
    client(&guest.place, &recover, "").ok();
    eventually("it serves", || get_from(&waiting.url, "/health").is_ok_and(|(status, _)| status == 200));
    assert_eq!(origin(&waiting), "recovered");
    let other = case.guest(COMPOSE);
    case.allow(&other, &waiting);
    let second = case.start(&other, 2, &[&[&*recovery, "--join", &waiting.url], &ALLOWED[..]].concat());
    assert_eq!(origin(&second), "handoff:recovered");
}
