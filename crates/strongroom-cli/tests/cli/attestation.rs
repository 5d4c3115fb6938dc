//! Attestation with two binaries. The servers run the ordinary one, and
//! the clients run the one of examples/, which trusts a test's roots.

mod collateral;
mod dstack;
mod handoff;
mod kernel;
mod nitro;
mod policies;
mod proxy;
mod recovery;
mod show;
mod status;
mod switch;
mod tampering;
mod tls;

use crate::serve::Server;
use crate::{Place, Run};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use strongroom_testkit::tee::amd::FakeAmd;
use strongroom_testkit::tee::dstack::{FakeDstack, Options};
use strongroom_testkit::tee::intel::{FakeIntel, PlatformState};

const COMPOSE: &str = r#"{"manifest_version":2,"name":"strongroom"}"#;
/// An address where nothing listens.
const NOBODY: &str = "http://127.0.0.1:9";

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(since.as_secs()).expect("it is before the end of times")
}

/// The binary that trusts a test's roots.
fn simulated() -> PathBuf {
    let path = Path::new(crate::BINARY).with_file_name("examples").join("strongroom-simulated");
    assert!(path.exists(), "cargo build -p strongroom-cli --example strongroom-simulated");
    path
}

/// An address of this host that a server can have again after a restart.
fn address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").to_string()
}

/// A folder with a wallet, a key and the roots that clients in it trust.
fn place() -> Place {
    let place = Place::new();
    place.write("wallet", "11".repeat(32));
    std::fs::create_dir(place.path("roots")).expect("a folder");
    place
}

fn intel(place: &Place) -> Arc<FakeIntel> {
    let intel = FakeIntel::new(now());
    place.write("roots/intel.der", intel.root_der());
    place.write("collateral.json", bundle(&intel));
    Arc::new(intel)
}

fn amd(place: &Place) -> Arc<FakeAmd> {
    let amd = FakeAmd::new(now());
    place.write("roots/amd-milan.der", amd.ark_der());
    Arc::new(amd)
}

/// Writes the collateral as `--collateral-file` reads it.
fn bundle(intel: &FakeIntel) -> String {
    json!({ "tdx": intel.collateral(&PlatformState::default()) }).to_string()
}

/// Runs a client that trusts the roots in its folder.
fn client(place: &Place, arguments: &[&str], stdin: &str) -> Run {
    let roots = place.text_path("roots");
    place.run_as(&simulated(), arguments, &[("STRONGROOM_SIMULATED_ROOTS", &roots)], stdin)
}

/// Drafts `policy.toml` from a server.
#[track_caller]
fn draft(place: &Place, url: &str) -> String {
    client(place, &["attestation", "policy", url, "-o", "policy.toml"], "").ok();
    String::from_utf8(place.read("policy.toml")).expect("text")
}

/// A policy without the lines that pin the vault and its settings.
fn unpinned(policy: &str) -> String {
    without("vault_id", &without("config_digests", policy))
}

/// A policy without the line of this key.
fn without(name: &str, policy: &str) -> String {
    policy.lines().filter(|line| !line.starts_with(name)).collect::<Vec<_>>().join("\n")
}

/// The arguments of `strongroom secret VERB` with `policy.toml`.
fn secret(place: &Place, verb: &str, url: &str, arguments: &[&str], stdin: &str) -> Run {
    let head = ["secret", verb, "--policy", "policy.toml", "--wallet-file", "wallet", "--server", url];
    client(place, &[&head, arguments].concat(), stdin)
}

/// Drafts a policy of the server, and stores a secret under it.
#[track_caller]
fn put_and_open(place: &Place, url: &str) {
    draft(place, url);
    all_hold(place, url);
    let slot = secret(place, "put", url, &[], "苟全性命").ok_text();
    assert_eq!(secret(place, "open", url, &[&slot], "").ok(), "苟全性命".as_bytes());
}

/// Asserts that every rule of `policy.toml` holds.
#[track_caller]
fn all_hold(place: &Place, url: &str) {
    let verify = ["attestation", "verify", url, "--policy", "policy.toml"];
    let shown = client(place, &verify, "").ok_text();
    assert!(shown.lines().count() > 5 && shown.lines().all(|line| line.starts_with("✓ ")), "{shown}");
}

/// Asserts a refusal: exit code 1, its text, and a hint.
#[track_caller]
fn refused(run: Run, error: &str) {
    assert!(run.stderr.contains("\nhint: "), "{}", run.stderr);
    run.fails(1, error);
}

/// A dstack guest and its host.
struct Guest {
    place: Place,
    intel: Arc<FakeIntel>,
    agent: FakeDstack,
}

impl Guest {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let place = place();
        let intel = intel(&place);
        let agent = FakeDstack::start(Arc::clone(&intel), COMPOSE, options);
        Self { place, intel, agent }
    }

    /// A server that relays the bundle.
    fn serve(&self, more: &[&str]) -> Server {
        self.serve_with(&[&["--collateral-file", "collateral.json"], more].concat())
    }

    fn serve_with(&self, more: &[&str]) -> Server {
        let socket = self.agent.socket().to_str().expect("text");
        let flags = ["--platform", "dstack", "--dstack-endpoint", socket];
        Server::start(&self.place, &[&flags, more].concat(), &[])
    }

    fn client(&self, arguments: &[&str], stdin: &str) -> Run {
        client(&self.place, arguments, stdin)
    }

    fn secret(&self, verb: &str, url: &str, arguments: &[&str], stdin: &str) -> Run {
        secret(&self.place, verb, url, arguments, stdin)
    }

    /// Writes `policy.toml` with one text replaced, which must be in it.
    #[track_caller]
    fn change_policy(&self, policy: &str, from: &str, to: &str) {
        assert!(policy.contains(from), "{from} is not in {policy}");
        self.place.write("policy.toml", policy.replacen(from, to, 1));
    }
}

/// The status and the JSON of a server's answer.
fn get(server: &Server, target: &str) -> (u16, Value) {
    get_from(&server.url, target).expect("an answer")
}

fn get_from(url: &str, target: &str) -> Result<(u16, Value), ureq::Error> {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let mut response = agent.get(format!("{url}{target}")).call()?;
    let body = response.body_mut().read_to_string()?;
    Ok((response.status().as_u16(), serde_json::from_str(&body).expect("JSON")))
}

/// The answer to a nonce, as its status and error code.
fn quote(server: &Server) -> (u16, String) {
    quote_of(&server.url).expect("an answer")
}

fn quote_of(url: &str) -> Result<(u16, String), ureq::Error> {
    let (status, answer) = get_from(url, &format!("/attestation?nonce={}", "ab".repeat(32)))?;
    Ok((status, answer["code"].as_str().unwrap_or_default().to_owned()))
}

/// Waits until the condition holds.
#[track_caller]
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
