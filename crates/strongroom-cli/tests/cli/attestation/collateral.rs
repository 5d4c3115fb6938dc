//! Collateral, which the platforms' makers sign: it is fetched, kept, and read from a bundle.

use super::{Guest, NOBODY, address, all_hold, amd, draft, get, refused};
use serde_json::Value;
use std::sync::Arc;
use strongroom_testkit::tee::collateral_service::FakeCollateralService;

#[test]
fn a_service_that_is_down_costs_what_it_never_gave_and_no_more() {
    let guest = Guest::new();
    let service = FakeCollateralService::start(Arc::clone(&guest.intel), amd(&guest.place));
    service.fail(true);
    let address = address();
    let flags = ["--listen", &address, "--collateral-url", &service.url()];
    let start = || guest.serve_with(&flags);
    let server = start();
    assert_eq!(get(&server, "/health").0, 200);
    assert_eq!(get(&server, "/attestation").1["collateral"], serde_json::json!({}));
    let policy = guest.client(&["attestation", "policy", &server.url], "");
    assert!(policy.stderr.contains("hint: try again in a minute"), "{}", policy.stderr);
    refused(policy, "lacks the collateral");
    let asked = service.requests();
    assert!(asked > 0);
    get(&server, "/attestation?nonce=00");
    assert_eq!(service.requests(), asked, "it is left alone for a minute");
    drop(server);

    service.fail(false);
    let server = start();
    draft(&guest.place, &server.url);
    all_hold(&guest.place, &server.url);
    let slot = guest.secret("put", &server.url, &[], "words").ok_text();
    let asked = service.requests();
    all_hold(&guest.place, &server.url);
    assert_eq!(service.requests(), asked, "it is asked once");
    drop(server);

    // The collateral is kept for the next start.
    service.fail(true);
    let server = start();
    assert_eq!(guest.secret("open", &server.url, &[&slot], "").ok(), b"words");
    drop(server);
    std::fs::remove_file(guest.place.path("data/collateral.json")).expect("it was kept");
    let server = start();
    refused(guest.secret("open", &server.url, &[&slot], ""), "lacks the collateral");
}

#[test]
fn a_bundle_is_written_by_show_and_relayed() {
    let guest = Guest::new();
    let server = guest.serve(&[]);
    draft(&guest.place, &server.url);
    let bundle = guest.client(&["attestation", "show", "--collateral", &server.url], "").ok();
    let written: Value = serde_json::from_slice(&bundle).expect("JSON");
    let brought: Value = serde_json::from_slice(&guest.place.read("collateral.json")).expect("JSON");
    assert_eq!(written, brought);
    drop(server);
    guest.place.write("bundle.json", bundle);
    let server = guest.serve_with(&["--collateral-file", "bundle.json"]);
    guest.client(&["attestation", "policy", &server.url], "").ok();
    drop(server);

    guest.place.write("bundle.json", "{");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--collateral-file", "bundle.json"];
    let run = guest.place.run(&serve, "");
    assert!(run.stderr.contains("hint: write one with"), "{}", run.stderr);
    run.fails(2, "is not a bundle of collateral");
    let both = [&serve[..], &["--collateral-url", NOBODY]].concat();
    guest.place.run(&both, "").fails(2, "which fetches nothing");
    let no_url = ["serve", "--listen", "127.0.0.1:0", "--amd-kds-url", "kds.example"];
    guest.place.run(&no_url, "").fails(2, "an https:// or http:// URL is expected");
}
