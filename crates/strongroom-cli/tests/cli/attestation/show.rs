//! `strongroom attestation show` on files.

use super::{Guest, client, place};
use std::path::Path;
use strongroom::encoding::from_base64;

/// The evidence of a vector, and its report.
fn vector(name: &str) -> (String, Vec<u8>) {
    let path = format!("{}/../../testdata/attestation/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read(Path::new(&path)).expect("a vector");
    let vector: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let report = vector["evidence"]["report"].as_str().expect("a report");
    (vector["evidence"].to_string(), from_base64(report).expect("base64"))
}

#[test]
fn evidence_and_bare_reports_of_each_kind_are_explained() {
    let place = place();
    std::fs::remove_dir(place.path("roots")).expect("it needs none");
    let show =
        |arguments: &[&str], stdin: &str| place.run(&[&["attestation", "show"], arguments].concat(), stdin);
    for (name, evidence_says, report_says) in [
        ("dstack", "leads to RTMR3", "TDX quote, version"),
        ("tdx-cached", "MRTD", "TDX quote, version"),
        ("snp-v3", "SEV-SNP report, version 3", "SEV-SNP report, version 3"),
        ("nitro", "Nitro attestation document", "Nitro attestation document"),
        ("none", "signed by nobody", ""),
    ] {
        let (evidence, report) = vector(name);
        place.write("evidence", &evidence);
        place.write("report", &report);
        let shown = show(&["evidence"], "").ok_text();
        assert!(shown.starts_with("platform ") && shown.contains(evidence_says), "{shown}");
        assert_eq!(show(&["-"], &evidence).ok_text(), shown);
        let json = show(&["--json", "evidence"], "").ok();
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(json, serde_json::from_str::<serde_json::Value>(&evidence).expect("JSON"), "{name}");
        if report_says.is_empty() {
            continue;
        }
        let shown = show(&["report"], "").ok_text();
        assert!(shown.contains(report_says), "{shown}");
        for flag in ["--json", "--collateral"] {
            show(&[flag, "report"], "").fails(2, "this is a bare report");
        }
    }
}

#[test]
fn of_a_server_the_evidence_is_shown_whatever_it_proves() {
    let guest = Guest::new();
    let server = guest.serve(&[]);
    let shown = guest.place.run(&["attestation", "show", &server.url], "").ok_text();
    assert!(shown.contains("compose hash") && shown.contains(&hex::encode(guest.agent.td().mrtd)), "{shown}");
    let none = crate::serve::Server::start(&crate::Place::new(), &["--platform", "none"], &[]);
    let shown = guest.place.run(&["attestation", "show", &none.url], "").ok_text();
    assert!(shown.contains("there is no TEE"), "{shown}");
}

#[test]
fn what_is_no_evidence_is_told_and_bounded() {
    let place = place();
    place.write("cut", &vector("tdx-cached").1[..700]);
    place.write("json", "{\"platform\":\"none\"}");
    place.write("empty", "");
    place.write("text", "苟全性命");
    place.write("large", format!("{{\"a\":\"{}\"}}", "0".repeat(2 << 20)));
    let huge = std::fs::File::create(place.path("huge")).expect("a file");
    huge.set_len(10 << 30).expect("a hole");
    for (name, error) in [
        ("cut", "the report is not one of this platform"),
        ("json", "no evidence of the kind"),
        ("empty", "the report is not one of this platform"),
        ("text", "the report is not one of this platform"),
        ("large", "the evidence is too large"),
        ("huge", "the evidence is too large"),
        ("/dev/zero", "the evidence is too large"),
    ] {
        let run = client(&place, &["attestation", "show", name], "");
        assert!(run.stderr.contains("hint: pass the answer of GET /secret/attestation"), "{}", run.stderr);
        run.fails(1, error);
    }
    for name in ["missing", "roots"] {
        client(&place, &["attestation", "show", name], "").fails(2, "cannot read");
    }
}
