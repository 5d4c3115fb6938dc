//! Guests whose kernel reports: TDX and SEV-SNP by configfs-tsm.

use super::{NOBODY, amd, eventually, get, intel, place, put_and_open, quote, refused, secret};
use crate::Place;
use crate::serve::Server;
use std::sync::Arc;
use strongroom_testkit::tee::amd::{CrlState, FakeAmd, SnpReport};
use strongroom_testkit::tee::collateral_service::FakeCollateralService;
use strongroom_testkit::tee::configfs::FakeTsm;
use strongroom_testkit::tee::intel::Td;

/// Its root is in the clear, since the simulated processor derives no keys.
fn serve(place: &Place, tsm: &FakeTsm, more: &[&str]) -> Server {
    let root = tsm.root().into_os_string().into_string().expect("text");
    Server::start(place, &[&["--tsm-dir", &root, "--root-sealer", "plain"], more].concat(), &[])
}

fn snp(amd: &Arc<FakeAmd>, auxblob: Vec<u8>) -> FakeTsm {
    let amd = Arc::clone(amd);
    let report = move |report_data| amd.report(&SnpReport { report_data, ..SnpReport::default() });
    FakeTsm::start("sev_guest", report, auxblob)
}

#[test]
fn a_tdx_guest_vouches_and_recovers_from_others_who_write() {
    let place = place();
    let intel = intel(&place);
    let tsm = FakeTsm::start(
        "tdx_guest",
        move |report_data| intel.quote(&Td { report_data, ..Td::default() }),
        Vec::new(),
    );
    let flags = ["--platform", "intel-tdx", "--collateral-file", "collateral.json"];
    let server = serve(&place, &tsm, &flags);
    put_and_open(&place, &server.url);
    tsm.disturb(true);
    assert_eq!(quote(&server), (503, "attestation_unavailable".to_owned()));
    secret(&place, "put", &server.url, &[], "words").fails(1, "attestation_unavailable");
    tsm.disturb(false);
    eventually("it vouches again", || quote(&server).0 == 200);
    secret(&place, "put", &server.url, &[], "words").ok();
    // The kernel reports something else than what is asked for.
    let root = tsm.root().into_os_string().into_string().expect("text");
    let other = ["serve", "--listen", "127.0.0.1:0", "--platform", "amd-sev-snp", "--tsm-dir", &root];
    place.run(&other, "").fails(2, "the kernel reports intel-tdx");
}

#[test]
fn an_snp_guest_vouches_with_certificates_of_amds_service_or_of_its_host() {
    let place = place();
    let (intel, amd) = (intel(&place), amd(&place));
    let service = FakeCollateralService::start(intel, Arc::clone(&amd));
    let bare = snp(&amd, Vec::new());
    let server = serve(&place, &bare, &["--platform", "amd-sev-snp", "--amd-kds-url", &service.url()]);
    assert_eq!(get(&server, "/attestation").1["platform"], "amd-sev-snp");
    put_and_open(&place, &server.url);
    let policy = String::from_utf8(place.read("policy.toml")).expect("text");
    assert!(
        policy.contains("[amd-sev-snp.minimum_tcb.milan]") && policy.contains("microcode = 219"),
        "{policy}"
    );
    place.write("policy.toml", policy.replace("microcode = 219", "microcode = 220"));
    refused(secret(&place, "put", &server.url, &[], "words"), "not as up to date");
    place.write("policy.toml", policy.replace("allow_smt = true", "allow_smt = false"));
    assert_eq!(secret(&place, "put", &server.url, &[], "words").code, 1);
    drop(server);

    // The certificates come only from the host, in a folder that holds none from the service.
    std::fs::rename(place.path("data"), place.path("former")).expect("moved");
    let whole = snp(&amd, amd.certificate_table(Some(&CrlState::default())));
    let server = serve(&place, &whole, &["--amd-kds-url", NOBODY]);
    put_and_open(&place, &server.url);
    drop(server);
    // The host gives no revocation list.
    let without = snp(&amd, amd.certificate_table(None));
    let server = serve(&place, &without, &["--amd-kds-url", NOBODY]);
    refused(secret(&place, "put", &server.url, &[], "words"), "lacks the collateral");
    let policy = super::client(&place, &["attestation", "policy", &server.url], "");
    assert!(policy.stderr.contains("lacks the collateral"), "{}", policy.stderr);
}
