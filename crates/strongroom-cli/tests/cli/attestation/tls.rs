//! TLS that ends in the TEE, and proxies that try to end it.

use super::proxy::{Proxy, TlsIdentity};
use super::tampering::show_anew;
use super::{Guest, address, draft, intel, place, put_and_open, refused, secret, unpinned};
use crate::Place;
use crate::serve::Server;
use std::sync::Arc;
use strongroom_attest::platform::none;
use strongroom_attest::policy::{AppraisalPolicy, Hex, TdxMeasurement, TdxPolicy};
use strongroom_attest::{AuxiliaryData, Claims, Collateral, Evidence, Report};
use strongroom_testkit::tee::configfs::FakeTsm;
use strongroom_testkit::tee::intel::{FakeIntel, PlatformState, Td};

/// Starts a server with TLS in the TEE under the name `localhost`, and gives its URL.
fn on_localhost(guest: &Guest) -> (Server, String) {
    let (address, url) = localhost();
    (guest.serve(&["--tls-in-tee", "--listen", &address, "--public-url", &url]), url)
}

/// A free address, and its URL with the host's name.
fn localhost() -> (String, String) {
    let address = address();
    let url = format!("https://localhost:{}", address.rsplit(':').next().expect("a port"));
    (address, url)
}

#[test]
fn a_key_of_dstacks_is_trusted_by_the_policy_alone() {
    let guest = Guest::new();
    let (server, url) = on_localhost(&guest);
    // The policy names the guest, and asks for a bound key.
    assert!(server.url.starts_with("https://") && guest.agent.requests() >= 2);
    put_and_open(&guest.place, &url);
    let policy = String::from_utf8(guest.place.read("policy.toml")).expect("text");
    assert!(policy.contains("\ntls_in_tee = true\n"), "{policy}");

    // Backups need no proof of the server, but an authority or evidence must vouch for the TLS.
    guest.place.write("words", "legal winner thank year wave sausage worth useful legal winner thank yellow");
    guest.place.write("wallet.json", "{}");
    let push = ["backup", "push", "--mnemonic-file", "words", "--server", &url, "wallet.json"];
    let demo = ["demo", "backup", "--server", &url];
    for command in [&push[..], &demo] {
        let run = guest.client(command, "");
        assert!(run.code == 2 && run.stderr.contains("certificate"), "{}", run.stderr);
        guest.client(&[command, &["--policy", "policy.toml"]].concat(), "").ok();
    }

    // Every start makes a new key. The policy asks only that the key is bound.
    drop(server);
    let (_server, url) = on_localhost(&guest);
    guest.place.write("policy.toml", unpinned(&policy));
    guest.secret("put", &url, &[], "words").ok();
}

#[test]
fn who_ends_the_tls_in_between_gets_no_secret() {
    let guest = Guest::new();
    let (_server, url) = on_localhost(&guest);
    let policy = draft(&guest.place, &url);
    let between = Proxy::with_tls(&url, |_| ());
    let stripped = Proxy::with_tls(&url, |evidence| evidence["tlsSpkiSha256"] = "".into());
    for in_tee in ["true", "false"] {
        guest.change_policy(&policy, "tls_in_tee = true", &format!("tls_in_tee = {in_tee}"));
        refused(guest.secret("put", &between.url, &[], "words"), "somebody else ends the TLS");
        between.was_asked_once();
        refused(guest.secret("put", &stripped.url, &[], "words"), "does not bind the fields");
        stripped.was_asked_once();
    }
}

/// A guest that ends the TLS itself, and signs for its key.
fn signed(intel: &FakeIntel, claims: &Claims<'_>) -> Evidence {
    let report_data = claims.report_data("intel-tdx");
    let collateral = serde_json::from_value(intel.collateral(&PlatformState::default())).expect("collateral");
    let report = Report {
        bytes: intel.quote(&Td { report_data, ..Td::default() }),
        measurement: String::new(),
        auxiliary_data: AuxiliaryData::Tdx {},
        collateral: Collateral { tdx: Some(collateral), ..Collateral::default() },
    };
    claims.with_report("intel-tdx", report)
}

/// A proxy that comes in later, on another connection, does not have the key that was bound.
#[test]
fn each_connection_is_with_the_key_that_was_bound() {
    let place = place();
    let intel = intel(&place);
    let server = Server::start(&place, &["--platform", "none"], &[]);
    let td = Td::default();
    let [rtmr0, rtmr1, rtmr2, _] = td.rtmrs.map(Hex);
    let policy = AppraisalPolicy {
        intel_tdx: Some(TdxPolicy {
            measurements: vec![TdxMeasurement { mrtd: Hex(td.mrtd), rtmr0, rtmr1, rtmr2 }],
            tcb_statuses: vec!["UpToDate".to_owned()],
            advisories: vec![],
            minimum_evaluation_number: 0,
            allow_dynamic_platform: false,
            allow_cached_keys: false,
            allow_smt: false,
            dstack: None,
        }),
        ..AppraisalPolicy::default()
    };
    place.write("policy.toml", policy.to_toml());
    let [first, second] = [TlsIdentity::new(), TlsIdentity::new()];
    for (identities, sent) in [([first.clone(), first.clone()], 2), ([first.clone(), second], 1)] {
        let (bound, intel) = (first.spki_sha256(), Arc::clone(&intel));
        let proxy = Proxy::with_identities(&server.url, identities, move |evidence| {
            show_anew(evidence, Some(bound), |claims| signed(&intel, claims));
        });
        assert_eq!(secret(&place, "put", &proxy.url, &[], "words").code, 2);
        assert_eq!(proxy.requests().len(), sent, "a request goes to the one that was bound");
    }
}

/// Without a TEE nobody signs the TLS key that is shown, so a server would be trusted by its
/// own word.
#[test]
fn what_nobody_signs_replaces_no_certificate() {
    let place = place();
    let server = Server::start(&place, &["--platform", "none"], &[]);
    let own = TlsIdentity::new();
    let bound = own.spki_sha256();
    let proxy = Proxy::with_identities(&server.url, [own.clone(), own], move |evidence| {
        show_anew(evidence, Some(bound), none::evidence);
    });
    let put = ["secret", "put", "--allow-no-tee", "--wallet-file", "wallet", "--server", &proxy.url];
    refused(place.run(&put, "words"), "the server's certificate is not trusted");
    assert_eq!(proxy.requests().len(), 1);
    let serve = ["serve", "--listen", "127.0.0.1:0", "--platform", "none", "--tls-in-tee"];
    place.run(&serve, "").fails(2, "--tls-in-tee needs a TEE, and there is no TEE here");
}

/// Evidence that binds no key, and a certificate that nobody vouches for.
#[test]
fn a_certificate_of_ones_own_is_refused_where_no_key_is_bound() {
    let guest = Guest::new();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    guest.place.write("cert.pem", made.cert.pem());
    guest.place.write("key.pem", made.signing_key.serialize_pem());
    let server = guest.serve(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    let run = guest.client(&["attestation", "policy", &server.url], "");
    assert!(run.stderr.contains("the certificate is not trusted"), "{}", run.stderr);
    assert_eq!(run.code, 1, "{}", run.stderr);
    // The policy of the same guest without TLS.
    let plain = Guest { place: place(), ..guest };
    plain.place.write("roots/intel.der", plain.intel.root_der());
    plain.place.write("collateral.json", super::bundle(&plain.intel));
    let clear = plain.serve(&[]);
    let policy = draft(&plain.place, &clear.url);
    plain.place.write("policy.toml", unpinned(&policy));
    plain.secret("put", &clear.url, &[], "words").ok();
    refused(plain.secret("put", &server.url, &[], "words"), "the server's certificate is not trusted");
    let verify = ["attestation", "verify", "--policy", "policy.toml", &server.url];
    let run = plain.client(&verify, "");
    let shown = String::from_utf8_lossy(&run.stdout).into_owned();
    assert_eq!(shown.matches("✗ ").count(), 1, "{shown}");
    assert!(shown.contains("✗ TLS certificate"), "{shown}");
    assert_eq!(run.code, 1, "{}", run.stderr);
}

/// If the platform makes no TLS keys, the server makes one.
#[test]
fn a_key_of_ones_own_is_bound_by_the_kernels_report() {
    let place = place();
    let intel = intel(&place);
    let tsm = tdx(&intel);
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        let flags = ["--tls-in-tee", "--listen", listen, "--collateral-file", "collateral.json"];
        let server = serve(&place, &tsm, &flags);
        put_and_open(&place, &server.url);
    }
    let (address, url) = localhost();
    let flags = ["--tls-in-tee", "--listen", &address, "--public-url", &url];
    let _server = serve(&place, &tsm, &[&flags[..], &["--collateral-file", "collateral.json"]].concat());
    put_and_open(&place, &url);
}

#[test]
fn tls_in_the_tee_goes_with_no_key_of_a_file() {
    let place = Place::new();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--tls-in-tee", "--public-url", "http://vault.example"];
    place.run(&serve, "").fails(2, "http://vault.example is not an https:// URL");
}

fn tdx(intel: &Arc<FakeIntel>) -> FakeTsm {
    let intel = Arc::clone(intel);
    FakeTsm::start(
        "tdx_guest",
        move |report_data| intel.quote(&Td { report_data, ..Td::default() }),
        Vec::new(),
    )
}

fn serve(place: &Place, tsm: &FakeTsm, more: &[&str]) -> Server {
    let root = tsm.root().into_os_string().into_string().expect("text");
    Server::start(
        place,
        &[&["--platform", "intel-tdx", "--tsm-dir", &root, "--root-sealer", "plain"], more].concat(),
        &[],
    )
}
