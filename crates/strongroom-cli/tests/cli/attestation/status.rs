//! `strongroom vault status`

use super::proxy::Proxy;
use super::{Guest, client, draft, place, refused};
use crate::serve::Server;
use serde_json::Value;

/// The status shows what the evidence binds, and settings that were altered on the way are noticed.
/// Guard: the comparison of digests in `VerifiedVault::configuration`.
#[test]
fn the_status_is_what_the_evidence_binds() {
    let guest = Guest::new();
    let server = guest.serve(&["--require-sign-in-to-store"]);
    draft(&guest.place, &server.url);
    let status = |url: &str, more: &[&str]| {
        guest.client(&[&["vault", "status", "--policy", "policy.toml", url], more].concat(), "")
    };
    let text = status(&server.url, &[]).ok_text();
    for line in [
        "platform     intel-tdx\n",
        "key          generated\n",
        "root         under dstack's key for this application",
        "recovery     nobody\n",
        "storing      only with a sign-in",
    ] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
    let json: Value = serde_json::from_slice(&status(&server.url, &["--json"]).ok()).expect("JSON");
    assert_eq!(json["configuration"]["protection"], "dstack");

    let swapped = Proxy::start(&server.url, |answer| {
        if answer["protection"].is_string() {
            answer["protection"] = "passphrase".into();
        }
    });
    refused(status(&swapped.url, &[]), "shows other settings than its evidence binds");
    let evidence = Proxy::start(&server.url, |answer| answer["configDigest"] = "00".repeat(32).into());
    refused(status(&evidence.url, &[]), "the server is not trusted");
}

#[test]
fn a_development_server_says_what_it_lacks() {
    let place = place();
    let server = Server::start(&place, &[], &[]);
    let status = ["vault", "status", &server.url];
    refused(client(&place, &status, ""), "runs outside a TEE");
    let text = client(&place, &[&status[..], &["--allow-no-tee"]].concat(), "").ok_text();
    assert!(text.contains("in the clear") && text.contains("lost with    its file\n"), "{text}");
}
