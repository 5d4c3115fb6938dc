//! TDX, and dstack on it.

use crate::make::{Draft, NONCE, NOW, sign, vault_key};
use serde_json::Value;
use sha2::{Digest, Sha256, Sha384};
use strongroom::key::DecapsulationKey;
use strongroom_attest::policy::{AppraisalPolicy, DstackPolicy, Hex, SnpPolicy, TdxMeasurement, TdxPolicy};
use strongroom_attest::{AuxiliaryData, Claims, Collateral, Evidence, KeyOrigin};
use strongroom_testkit::tee::dstack::{boot_events, event, event_v2, rtmr3};
use strongroom_testkit::tee::intel::{FakeIntel, PlatformState, QuoteVersion, Td};

const APP_COMPOSE: &str = r#"{"manifest_version":2,"name":"strongroom","runner":"docker-compose"}"#;
const KMS: &str = "3059301306072a8648ce3d";
/// Where the parts of a version 4 quote are.
const BODY: usize = 48;
const SIGNATURE: usize = 636;
const ATTESTATION_KEY: usize = SIGNATURE + 64;
const CERTIFICATION_TYPE: usize = ATTESTATION_KEY + 64;
const QE_REPORT: usize = CERTIFICATION_TYPE + 6;
const QE_SIGNATURE: usize = QE_REPORT + 384;
const QE_AUTHENTICATION_DATA: usize = QE_SIGNATURE + 64 + 2;
const CERTIFICATES: usize = QE_AUTHENTICATION_DATA + 32 + 6;

fn policy(td: &Td) -> AppraisalPolicy {
    let [rtmr0, rtmr1, rtmr2, _] = td.rtmrs.map(Hex);
    let measurement = TdxMeasurement { mrtd: Hex(td.mrtd), rtmr0, rtmr1, rtmr2 };
    let tdx = TdxPolicy {
        measurements: vec![measurement],
        tcb_statuses: vec!["UpToDate".to_owned()],
        advisories: vec![],
        minimum_evaluation_number: 0,
        allow_dynamic_platform: false,
        allow_cached_keys: false,
        allow_smt: false,
        dstack: None,
    };
    AppraisalPolicy { intel_tdx: Some(tdx), ..AppraisalPolicy::default() }
}

fn rules(policy: &mut AppraisalPolicy) -> &mut TdxPolicy {
    policy.intel_tdx.as_mut().expect("a policy for TDX")
}

fn collateral(intel: &FakeIntel, state: &PlatformState) -> Collateral {
    let tdx = serde_json::from_value(intel.collateral(state)).expect("collateral");
    Collateral { tdx: Some(tdx), ..Collateral::default() }
}

/// A bare guest's evidence.
fn bare(intel: &FakeIntel, td: &Td, state: &PlatformState, claims: impl FnOnce(&mut Claims<'_>)) -> Evidence {
    sign("intel-tdx", claims, AuxiliaryData::Tdx {}, collateral(intel, state), |_, report_data| {
        intel.quote(&Td { report_data, ..td.clone() })
    })
}

fn draft(intel: &FakeIntel, td: &Td, state: &PlatformState) -> Draft {
    let evidence = bare(intel, td, state, |_| ());
    Draft::new(policy(&Td::default()), evidence, ("intel", intel.root_der()))
}

pub(crate) fn write() {
    let intel = FakeIntel::new(NOW);
    let (td, state) = (Td::default(), PlatformState::default());
    let good = || draft(&intel, &td, &state);
    for (name, version) in
        [("v4", QuoteVersion::V4), ("v5-td10", QuoteVersion::V5Td10), ("v5-td15", QuoteVersion::V5Td15)]
    {
        draft(&intel, &Td { version, ..td.clone() }, &state).write(&format!("tdx-{name}"), "verified");
    }
    // As kernels leave it.
    good().with_report(|quote| quote.extend([0; 70])).write("tdx-zeros-after", "verified");

    write_claims(&intel);
    write_states(&intel);
    write_guests(&intel);
    write_policies(&intel);
    write_flips(&intel);
    write_certificates();
    write_dstack(&intel);
}

/// The client's challenge, and the fields of the evidence besides the report.
fn write_claims(intel: &FakeIntel) {
    let (td, state) = (Td::default(), PlatformState::default());
    let good = || draft(intel, &td, &state);
    let of = |change: fn(&mut Claims<'_>)| {
        Draft::new(policy(&td), bare(intel, &td, &state, change), ("intel", intel.root_der()))
    };
    Draft { nonce: Some([9; 32]), ..good() }.write("tdx-other-nonce", "Nonce");
    Draft { nonce: None, ..good() }.write("tdx-unasked-nonce", "Nonce");
    let cached = of(|claims| claims.nonce = [0; 32]);
    Draft { nonce: None, ..cached }.at(3600).write("tdx-cached", "verified");
    good().at(301).write("tdx-stale", "Timestamp");
    good().at(-301).write("tdx-from-the-future", "Timestamp");
    let other = DecapsulationKey::from_seed(&[9; 64]).encapsulation_key();
    good()
        .changed(|e| {
            e.mlkem_public_key = other.to_base64();
            e.key_id = hex::encode(other.id().as_bytes());
        })
        .write("tdx-other-key", "ReportData");
    good().changed(|e| e.key_id = hex::encode(other.id().as_bytes())).write("tdx-other-key-id", "KeyId");
    good().changed(|e| e.config_digest = "00".repeat(32)).write("tdx-other-config", "ReportData");
    good().changed(|e| e.vault_id = "00".repeat(32)).write("tdx-other-vault", "ReportData");
    good().changed(|e| e.epoch = 2).write("tdx-other-epoch", "ReportData");
    good().changed(|e| e.timestamp = "2026-06-01T00:00:01Z".to_owned()).write("tdx-other-time", "ReportData");
    good()
        .changed(|e| e.platform = "phala".to_owned())
        .write("tdx-renamed", r#"Malformed { field: "evidence" }"#);
    good()
        .changed(|e| e.auxiliary_data = AuxiliaryData::Nitro {})
        .write("tdx-evidence-of-another", r#"Malformed { field: "evidence" }"#);
    good().changed(|e| e.platform = "sgx".to_owned()).write("tdx-unknown-platform", "UnknownPlatform");
    good().changed(|e| e.version = 2).write("tdx-version", "Version");
    good().changed(|e| e.nonce = "04".repeat(31)).write("tdx-short-nonce", r#"Malformed { field: "nonce" }"#);
    good().changed(|e| e.report = "%".to_owned()).write("tdx-no-report", r#"Malformed { field: "report" }"#);
    good()
        .changed(|e| e.mlkem_public_key.truncate(2092 - 4))
        .write("tdx-short-key", r#"Malformed { field: "mlkemPublicKey" }"#);
    good()
        .changed(|e| e.timestamp = "yesterday".to_owned())
        .write("tdx-no-time", r#"Malformed { field: "timestamp" }"#);

    of(|claims| claims.key_origin = KeyOrigin::Imported).write("tdx-imported", "ImportedKey");
    of(|claims| claims.key_origin = KeyOrigin::Imported)
        .policy(|p| p.allow_imported_key = true)
        .write("tdx-imported-allowed", "verified");
    of(|claims| claims.key_origin = KeyOrigin::Imported)
        .changed(|e| e.key_origin = KeyOrigin::Generated)
        .write("tdx-imported-denied", "ReportData");
    good().policy(|p| p.vault_id = Some([2; 32])).write("tdx-pinned-vault", "verified");
    good().policy(|p| p.vault_id = Some([9; 32])).write("tdx-pinned-other-vault", "VaultId");
    good().policy(|p| p.config_digests = vec![[9; 32]]).write("tdx-pinned-other-config", "ConfigDigest");

    let in_tee = || of(|claims| claims.tls_spki_sha256 = Some([5; 32]));
    Draft { tls: Some([5; 32]), ..in_tee() }.policy(|p| p.tls_in_tee = true).write("tdx-tls", "verified");
    Draft { tls: Some([6; 32]), ..in_tee() }.write("tdx-tls-of-another", "TlsKey");
    in_tee().write("tdx-tls-unseen", "verified");
    in_tee().policy(|p| p.tls_in_tee = true).write("tdx-tls-asked-and-unseen", "TlsKey");
    Draft { tls: Some([6; 32]), ..good() }
        .policy(|p| p.tls_in_tee = true)
        .write("tdx-tls-not-in-tee", "TlsNotInTee");
}

/// What Intel says of the platform.
fn write_states(intel: &FakeIntel) {
    let with = |change: fn(&mut PlatformState)| {
        let mut state = PlatformState::default();
        change(&mut state);
        draft(intel, &Td::default(), &state)
    };
    with(|s| s.tcb_status = "OutOfDate").write("tdx-out-of-date", "Tcb");
    with(|s| s.tcb_status = "OutOfDate")
        .policy(|p| rules(p).tcb_statuses.push("OutOfDate".to_owned()))
        .write("tdx-out-of-date-allowed", "verified");
    with(|s| s.tcb_status = "SWHardeningNeeded").write("tdx-hardening-needed", "Tcb");
    with(|s| s.tcb_status = "Revoked").write("tdx-tcb-revoked", "Tcb");
    with(|s| s.tcb_status = "Revoked")
        .policy(|p| rules(p).tcb_statuses.push("Revoked".to_owned()))
        .write("tdx-tcb-revoked-never-allowed", "Tcb");
    with(|s| s.qe_status = "OutOfDate").write("tdx-quoting-enclave-out-of-date", "Tcb");
    with(|s| s.qe_status = "ConfigurationNeeded").write("tdx-quoting-enclave-configuration", "Tcb");
    with(|s| s.module_status = "OutOfDate").write("tdx-module-out-of-date", "Tcb");
    with(|s| s.advisories = vec!["INTEL-SA-00001".to_owned()]).write("tdx-advisory", "Advisories");
    with(|s| s.advisories = vec!["INTEL-SA-00001".to_owned()])
        .policy(|p| rules(p).advisories.push("INTEL-SA-00001".to_owned()))
        .write("tdx-advisory-accepted", "verified");
    with(|s| s.evaluation_number = 16)
        .policy(|p| rules(p).minimum_evaluation_number = 17)
        .write("tdx-old-evaluation", "Tcb");
    with(|s| s.revoke_pck = true).write("tdx-pck-revoked", "Revoked");
    with(|s| s.revoke_pck_ca = true).write("tdx-pck-ca-revoked", "Revoked");
    with(|s| s.revoke_tcb_signer = true).write("tdx-tcb-signer-revoked", "Revoked");
    with(|s| s.next_update_unix = Some(NOW - 1)).write("tdx-collateral-expired", "Expired");
    with(|s| s.issue_unix = Some(NOW + 60)).write("tdx-collateral-from-the-future", "Expired");
    with(|s| s.list_issue_unix = Some(NOW + 60)).write("tdx-lists-from-the-future", "Expired");
    with(|s| s.fmspc = [0x90, 0xC0, 0x6F, 0, 0, 0]).write("tdx-collateral-of-others", "Collateral");
    with(|s| s.pce_id = [1, 0]).write("tdx-collateral-of-another-pce", "Collateral");

    let good = || draft(intel, &Td::default(), &PlatformState::default());
    good().changed(|e| e.collateral.tdx = None).write("tdx-no-collateral", "MissingCollateral");
    let tdx = |change: fn(&mut strongroom_attest::TdxCollateral)| {
        good().changed(|e| change(e.collateral.tdx.as_mut().expect("collateral")))
    };
    tdx(|c| c.tcb_info = c.tcb_info.replace("UpToDate", "uptodate"))
        .write("tdx-tcb-info-changed", "Collateral");
    tdx(|c| c.tcb_info.push(' ')).write("tdx-tcb-info-not-exact", "Collateral");
    tdx(|c| c.qe_identity.push(' ')).write("tdx-qe-identity-not-exact", "Collateral");
    tdx(|c| c.tcb_info_signature.truncate(126)).write("tdx-short-tcb-signature", "Collateral");
    // A zero before s, which is the same number.
    tdx(|c| c.tcb_info_signature.insert_str(64, "00")).write("tdx-long-tcb-signature", "Collateral");
    tdx(|c| c.pck_crl = c.root_ca_crl.clone()).write("tdx-crl-of-another", "Collateral");
    tdx(|c| c.pck_crl.truncate(64)).write("tdx-crl-cut", "Collateral");
}

/// What the quote says of the guest.
fn write_guests(intel: &FakeIntel) {
    let with = |change: fn(&mut Td)| {
        let mut td = Td::default();
        change(&mut td);
        draft(intel, &td, &PlatformState::default())
    };
    with(|td| td.mrtd = [7; 48]).write("tdx-other-mrtd", "Measurement");
    with(|td| td.rtmrs[0] = [7; 48]).write("tdx-other-rtmr0", "Measurement");
    with(|td| td.rtmrs[1] = [7; 48]).write("tdx-other-rtmr1", "Measurement");
    with(|td| td.rtmrs[2] = [7; 48]).write("tdx-other-rtmr2", "Measurement");
    with(|td| td.rtmrs[3] = [7; 48]).write("tdx-rtmr3-extended", "EventReplay");
    with(|td| td.td_attributes |= 1).write("tdx-debug", "Debug");
    with(|td| td.td_attributes |= 1 << 4).write("tdx-profiling", "Debug");
    with(|td| td.td_attributes |= 1 << 29).write("tdx-migratable", "Attributes");
    with(|td| td.td_attributes = 0).write("tdx-no-sept-ve-disable", "Attributes");
    with(|td| {
        td.version = QuoteVersion::V5Td15;
        td.mr_service_td = [7; 48];
    })
    .write("tdx-service-td", "Attributes");
    with(|td| td.qe_isv_svn = 1).write("tdx-old-quoting-enclave", "Tcb");
    with(|td| td.tee_tcb_svn = [0; 16]).write("tdx-old-module", "Tcb");
    // A module that its maker signs with another key, even if collateral spoke for it.
    let state = PlatformState { module_signer: [7; 48], ..PlatformState::default() };
    let td = Td { mr_signer_seam: [7; 48], ..Td::default() };
    draft(intel, &td, &state).write("tdx-module-of-another", "Attributes");
}

fn write_policies(intel: &FakeIntel) {
    let good = || draft(intel, &Td::default(), &PlatformState::default());
    good().policy(|p| rules(p).measurements.clear()).write("tdx-no-measurements", "NoMeasurements");
    let only_snp = AppraisalPolicy {
        amd_sev_snp: Some(SnpPolicy {
            measurements: vec![Hex([1; 48])],
            minimum_tcb: Default::default(),
            host_data: vec![],
            allow_smt: false,
        }),
        ..AppraisalPolicy::default()
    };
    good().policy(|p| *p = only_snp).write("tdx-not-in-policy", "PlatformNotInPolicy");
    good().policy(|p| *p = AppraisalPolicy::default()).write("tdx-no-policy", "PlatformNotInPolicy");
}

/// A bit of each part.
fn write_flips(intel: &FakeIntel) {
    let good = || draft(intel, &Td::default(), &PlatformState::default());
    good().flipped(0).write("tdx-flip-version", "Report");
    good().flipped(2).write("tdx-flip-key-type", "Report");
    good().flipped(4).write("tdx-flip-tee-type", "Report");
    good().flipped(20).write("tdx-flip-vendor", "Report");
    good().flipped(30).write("tdx-flip-user-data", "Signature");
    good().flipped(BODY + 8).write("tdx-flip-tcb", "Signature");
    good().flipped(BODY + 136).write("tdx-flip-mrtd", "Signature");
    good().flipped(BODY + 328).write("tdx-flip-rtmr0", "Signature");
    good().flipped(BODY + 520).write("tdx-flip-report-data", "Signature");
    good().flipped(SIGNATURE).write("tdx-flip-signature", "Signature");
    good().flipped(ATTESTATION_KEY).write("tdx-flip-attestation-key", "Signature");
    good().flipped(CERTIFICATION_TYPE).write("tdx-flip-certification", "Report");
    good().flipped(QE_REPORT + 64).write("tdx-flip-qe-report", "Signature");
    good().flipped(QE_SIGNATURE).write("tdx-flip-qe-signature", "Signature");
    good().flipped(QE_AUTHENTICATION_DATA).write("tdx-flip-qe-authentication", "Signature");
    good().flipped(CERTIFICATES + 200).write("tdx-flip-certificate", "Chain");
    good().with_report(|quote| quote.push(1)).write("tdx-more-after", "Report");
    good().with_report(|quote| quote.truncate(quote.len() - 1)).write("tdx-cut", "Report");
    good().with_report(Vec::clear).write("tdx-empty", "Report");
    let other = FakeIntel::new(NOW);
    let wrong_root = Draft { root: ("intel", other.root_der().to_vec()), ..good() };
    wrong_root.write("tdx-other-root", "Collateral");
}

/// What the PCK certificate says.
fn write_certificates() {
    let state = PlatformState::default();
    let good = |intel: &FakeIntel| draft(intel, &Td::default(), &state);
    let expired = FakeIntel::with_pck(NOW, |pck| pck.validity = (NOW - 1000, NOW - 1));
    good(&expired).write("tdx-pck-expired", "Expired");
    let early = FakeIntel::with_pck(NOW, |pck| pck.validity = (NOW + 1, NOW + 1000));
    good(&early).write("tdx-pck-not-yet-valid", "Expired");
    let dynamic = FakeIntel::with_pck(NOW, |pck| pck.dynamic_platform = true);
    good(&dynamic).write("tdx-dynamic-platform", "PlatformFeature");
    good(&dynamic)
        .policy(|p| rules(p).allow_dynamic_platform = true)
        .write("tdx-dynamic-platform-allowed", "verified");
    let cached = FakeIntel::with_pck(NOW, |pck| pck.cached_keys = true);
    good(&cached).write("tdx-cached-keys", "PlatformFeature");
    let smt = FakeIntel::with_pck(NOW, |pck| pck.smt = true);
    good(&smt).write("tdx-smt", "PlatformFeature");
}

fn dstack_policy(p: &mut AppraisalPolicy) {
    rules(p).dstack = Some(DstackPolicy {
        compose_hashes: vec![Hex(Sha256::digest(APP_COMPOSE).into())],
        app_ids: Vec::new(),
        key_providers: vec![format!("kms:{KMS}")],
        os_image_hashes: vec![Hex([5; 32])],
    });
}

/// A dstack guest's evidence, whose RTMR3 is what these events make of it.
fn dstack(intel: &FakeIntel, events: &[Value], app_compose: &str) -> Draft {
    let mut td = Td::default();
    td.rtmrs[3] = rtmr3(events);
    let auxiliary_data = AuxiliaryData::Dstack {
        event_log: events
            .iter()
            .map(|event| serde_json::from_value(event.clone()).expect("an event"))
            .collect(),
        vm_config: "{}".to_owned(),
        app_compose: app_compose.to_owned(),
    };
    let collateral = collateral(intel, &PlatformState::default());
    let evidence = sign(
        "phala",
        |_| (),
        auxiliary_data,
        collateral,
        |_, report_data| intel.quote(&Td { report_data, ..td.clone() }),
    );
    assert_eq!(evidence.nonce, hex::encode(NONCE));
    assert_eq!(evidence.mlkem_public_key, vault_key().to_base64());
    Draft::new(policy(&Td::default()), evidence, ("intel", intel.root_der())).policy(dstack_policy)
}

fn log(evidence: &mut Evidence) -> &mut Vec<strongroom_attest::DstackEvent> {
    match &mut evidence.auxiliary_data {
        AuxiliaryData::Dstack { event_log, .. } => event_log,
        _ => unreachable!("it is of dstack"),
    }
}

fn write_dstack(intel: &FakeIntel) {
    let boot = || boot_events(APP_COMPOSE, [0xA9; 20], KMS, [5; 32]);
    let good = || dstack(intel, &boot(), APP_COMPOSE);
    let of = |change: fn(&mut Vec<Value>)| {
        let mut events = boot();
        change(&mut events);
        dstack(intel, &events, APP_COMPOSE)
    };
    good().write("dstack", "verified");
    good()
        .changed(|e| log(e).iter_mut().for_each(|event| event.digest.clear()))
        .write("dstack-no-digests", "verified");
    of(|events| events.extend([event("compose-hash", &[9; 32]), event("compose-hash", b"again")]))
        .write("dstack-application-events", "verified");
    let second: Vec<Value> = boot()
        .iter()
        .map(|e| {
            event_v2(
                e["event"].as_str().expect("a name"),
                &hex::decode(e["event_payload"].as_str().expect("hex")).expect("hex"),
            )
        })
        .collect();
    dstack(intel, &second, APP_COMPOSE).write("dstack-second-digests", "verified");

    good().changed(|e| log(e).swap(1, 2)).write("dstack-reordered", "EventReplay");
    good().changed(|e| drop(log(e).remove(4))).write("dstack-event-left-out", "EventReplay");
    good().changed(|e| log(e)[2].event_payload = "09".repeat(32)).write("dstack-forged-payload", "EventLog");
    // The published helpers trust the digest, so payload and digest do not belong together.
    good()
        .changed(|e| {
            log(e)[2].event_payload = "09".repeat(32);
            log(e)[2].digest.clear();
        })
        .write("dstack-forged-payload-no-digest", "EventReplay");
    good()
        .changed(|e| log(e)[2].digest = hex::encode(Sha384::digest(b"")))
        .write("dstack-forged-digest", "EventLog");
    good()
        .changed(|e| log(e).iter_mut().for_each(|event| event.version = Some(2)))
        .write("dstack-other-version", "EventLog");
    good().changed(|e| log(e)[0].version = Some(3)).write("dstack-unknown-version", "EventLog");
    good().changed(|e| log(e)[2].imr = 2).write("dstack-other-register", "EventLog");
    good().changed(|e| log(e)[2].event_type = 1).write("dstack-other-type", "EventLog");
    good().changed(|e| log(e).clear()).write("dstack-no-log", "EventReplay");
    of(|events| events.insert(3, event("compose-hash", &[9; 32])))
        .write("dstack-named-twice", "DuplicateEvent");
    of(|events| events.insert(2, event("app-id", &[9; 20]))).write("dstack-id-named-twice", "DuplicateEvent");
    of(|events| drop(events.pop())).write("dstack-never-ready", "MissingEvent");
    of(|events| drop(events.remove(2))).write("dstack-no-compose-hash", "MissingEvent");
    of(|events| {
        let ready = events.pop().expect("the last");
        let compose = events.remove(2);
        events.extend([ready, compose]);
    })
    .write("dstack-compose-hash-after-ready", "MissingEvent");
    of(|events| events[2] = event("compose-hash", &[9; 31])).write("dstack-short-compose-hash", "EventLog");
    of(|events| events[2] = event("compose:hash", &[9; 32])).write("dstack-colon", "EventLog");
    of(|events| events[2] = event("compose-hash", &[9; 32])).write("dstack-other-application", "ComposeHash");
    dstack(intel, &boot(), "{}").write("dstack-other-text", "AppCompose");
    of(|events| events[7] = event("key-provider", br#"{"name":"none","id":""}"#))
        .write("dstack-other-key-provider", "KeyProvider");
    of(|events| events[7] = event("key-provider", b"kms")).write("dstack-malformed-key-provider", "EventLog");
    of(|events| events[7] = event("key-provider", br#"{"name":"kms:3059","id":""}"#))
        .write("dstack-key-provider-with-a-colon", "EventLog");
    good().changed(|e| e.platform = "intel-tdx".to_owned()).write("dstack-renamed", "ReportData");
    of(|events| events[6] = event("os-image-hash", &[9; 32])).write("dstack-other-image", "OsImage");
    of(|events| drop(events.remove(6))).write("dstack-no-image", "OsImage");
    good().policy(|p| rules(p).dstack = None).write("dstack-not-in-policy", "EventReplay");
    draft(intel, &Td::default(), &PlatformState::default())
        .policy(dstack_policy)
        .write("tdx-where-dstack-is-asked", "EventReplay");
    good()
        .changed(|e| e.auxiliary_data = AuxiliaryData::Tdx {})
        .write("dstack-without-its-log", r#"Malformed { field: "evidence" }"#);
}
