//! Measures the verification of each platform's evidence (`verify`, docs/reference/performance.md),
//! dcap-qvl's own verification of the same quote and collateral, and one signature of each kind
//! (`signature`).
//!
//! The evidence is from the test kit, because real reports bind other data. It is parsed before the
//! measurement starts, and `from_json` measures the parsing.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use dcap_qvl::QuoteCollateralV3;
use dcap_qvl::config::{Config, CryptoProvider, EcdsaSigEncoder};
use dcap_qvl::configs::RustCryptoConfig;
use dcap_qvl::verify::QuoteVerifier;
use p384::ecdsa::signature::{Signer as _, Verifier as _};
use rsa::pkcs1::DecodeRsaPublicKey;
use sha2::Sha384;
use std::hint::black_box;
use std::time::Duration;
use strongroom::encoding::{base64, from_base64};
use strongroom::key::DecapsulationKey;
use strongroom_attest::trust_anchors::SnpProduct;
use strongroom_attest::{
    AppraisalPolicy, AuxiliaryData, Challenge, Claims, Collateral, Evidence, KeyOrigin, Purpose, Report,
    SnpCollateral, TdxCollateral, TrustAnchors, verify,
};
use strongroom_testkit::tee::amd::{CrlState, FakeAmd, SnpReport};
use strongroom_testkit::tee::aws::{FakeAws, NitroDocument};
use strongroom_testkit::tee::dstack::{boot_events, rtmr3};
use strongroom_testkit::tee::intel::{FakeIntel, PlatformState, Td};
use time::OffsetDateTime;
use time::macros::datetime;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

const NOW: OffsetDateTime = datetime!(2026-06-01 00:00 UTC);
const NONCE: [u8; 32] = [4; 32];
const APP_COMPOSE: &str = r#"{"manifest_version":2,"name":"strongroom","runner":"docker-compose"}"#;

/// Evidence over the 64 bytes that `sign` answers to.
fn evidence(
    platform: &str,
    auxiliary_data: AuxiliaryData,
    collateral: Collateral,
    sign: impl FnOnce([u8; 64]) -> Vec<u8>,
) -> Evidence {
    let key = DecapsulationKey::from_seed(&[1; 64]).encapsulation_key();
    let claims = Claims {
        purpose: Purpose::Service,
        vault_id: [2; 32],
        epoch: 1,
        encapsulation_key: &key,
        key_origin: KeyOrigin::Generated,
        config_digest: [3; 32],
        tls_spki_sha256: None,
        nonce: NONCE,
        timestamp: "2026-06-01T00:00:00Z".to_owned(),
    };
    let bytes = sign(claims.report_data(platform));
    claims.with_report(platform, Report { bytes, measurement: String::new(), auxiliary_data, collateral })
}

/// The policy that is drafted from the evidence, which passes it.
fn draft(evidence: &Evidence, trust_anchors: TrustAnchors) -> AppraisalPolicy {
    let policy = AppraisalPolicy::draft(evidence, &trust_anchors, NOW).expect("a draft");
    verify(evidence, &challenge(), &policy, NOW).expect("it passes");
    policy
}

fn challenge() -> Challenge {
    Challenge { nonce: Some(NONCE), ..Challenge::default() }
}

fn of_tdx(intel: &FakeIntel, td: &Td, auxiliary_data: AuxiliaryData) -> (Evidence, AppraisalPolicy) {
    let tdx = serde_json::from_value(intel.collateral(&PlatformState::default())).expect("collateral");
    let collateral = Collateral { tdx: Some(tdx), ..Collateral::default() };
    let evidence = evidence("intel-tdx", auxiliary_data, collateral, |report_data| {
        intel.quote(&Td { report_data, ..td.clone() })
    });
    let trust_anchors = TrustAnchors { intel: intel.root_der().to_vec().into(), ..TrustAnchors::default() };
    let policy = draft(&evidence, trust_anchors);
    (evidence, policy)
}

fn of_dstack(intel: &FakeIntel) -> (Evidence, AppraisalPolicy) {
    let events = boot_events(APP_COMPOSE, [0xA9; 20], "3059", [5; 32]);
    let mut td = Td::default();
    td.rtmrs[3] = rtmr3(&events);
    let auxiliary_data = AuxiliaryData::Dstack {
        event_log: serde_json::from_value(events.into()).expect("events"),
        vm_config: "{}".to_owned(),
        app_compose: APP_COMPOSE.to_owned(),
    };
    of_tdx(intel, &td, auxiliary_data)
}

fn of_snp(amd: &FakeAmd) -> (Evidence, AppraisalPolicy) {
    let snp = SnpCollateral {
        vcek: base64(amd.vcek_der()),
        ask: base64(amd.ask_der()),
        crl: base64(&amd.crl_der(&CrlState::default())),
    };
    let collateral = Collateral { snp: Some(snp), ..Collateral::default() };
    let evidence = evidence("amd-sev-snp", AuxiliaryData::SevSnp {}, collateral, |report_data| {
        amd.report(&SnpReport { report_data, ..SnpReport::default() })
    });
    let ark = amd.ark_der().to_vec().into();
    let policy =
        draft(&evidence, TrustAnchors { amd: vec![(SnpProduct::Milan, ark)], ..TrustAnchors::default() });
    (evidence, policy)
}

fn of_nitro(aws: &FakeAws) -> (Evidence, AppraisalPolicy) {
    let evidence = evidence("aws-nitro", AuxiliaryData::Nitro {}, Collateral::default(), |report_data| {
        let (user_data, nonce) = (Some(report_data.to_vec()), Some(NONCE.to_vec()));
        aws.document(&NitroDocument { user_data, nonce, ..NitroDocument::default() })
    });
    let policy =
        draft(&evidence, TrustAnchors { aws: aws.root_der().to_vec().into(), ..TrustAnchors::default() });
    (evidence, policy)
}

fn to_library(collateral: &TdxCollateral) -> QuoteCollateralV3 {
    let bytes = |text: &str| hex::decode(text).expect("hex");
    QuoteCollateralV3 {
        pck_crl_issuer_chain: collateral.pck_crl_issuer_chain.clone(),
        root_ca_crl: bytes(&collateral.root_ca_crl),
        pck_crl: bytes(&collateral.pck_crl),
        tcb_info_issuer_chain: collateral.tcb_info_issuer_chain.clone(),
        tcb_info: collateral.tcb_info.clone(),
        tcb_info_signature: bytes(&collateral.tcb_info_signature),
        qe_identity_issuer_chain: collateral.qe_identity_issuer_chain.clone(),
        qe_identity: collateral.qe_identity.clone(),
        qe_identity_signature: bytes(&collateral.qe_identity_signature),
        pck_certificate_chain: None,
    }
}

/// The real quote that dcap-qvl ships, with Intel's collateral of its days.
fn real_quote() -> (Vec<u8>, QuoteCollateralV3) {
    let folder = strongroom_testkit::package_dir("dcap-qvl").join("sample");
    #[expect(clippy::disallowed_methods, reason = "a bench reads its samples")]
    let read = |name: &str| std::fs::read(folder.join(name)).expect("a sample");
    let collateral = serde_json::from_slice(&read("tdx_quote_collateral.json")).expect("collateral");
    (read("tdx_quote"), to_library(&collateral))
}

fn platforms(c: &mut Criterion) {
    let (intel, amd, aws) = (
        FakeIntel::new(NOW.unix_timestamp()),
        FakeAmd::new(NOW.unix_timestamp()),
        FakeAws::new(NOW.unix_timestamp()),
    );
    let none = evidence("none", AuxiliaryData::Nothing {}, Collateral::default(), |data| data.to_vec());
    let no_tee = AppraisalPolicy { allow_no_tee: true, ..AppraisalPolicy::default() };
    let tdx = of_tdx(&intel, &Td::default(), AuxiliaryData::Tdx {});

    let mut group = c.benchmark_group("verify");
    row(&mut group, "none", &(none, no_tee));
    row(&mut group, "tdx_v4", &tdx);
    let quote = from_base64(&tdx.0.report).expect("base64");
    let collateral = to_library(tdx.0.collateral.tdx.as_ref().expect("collateral"));
    peer(&mut group, "tdx_v4_peer_dcap_qvl", intel.root_der(), &quote, &collateral, NOW);
    let (quote, collateral) = real_quote();
    let day = datetime!(2025-06-20 00:00 UTC);
    peer(&mut group, "real_tdx_v4_peer_dcap_qvl", &TrustAnchors::default().intel, &quote, &collateral, day);
    row(&mut group, "dstack_on_tdx_v4", &of_dstack(&intel));
    row(&mut group, "sev_snp_v3", &of_snp(&amd));
    row(&mut group, "nitro", &of_nitro(&aws));
}

fn row(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    (evidence, policy): &(Evidence, AppraisalPolicy),
) {
    let challenge = challenge();
    group.bench_function(name, |b| {
        b.iter(|| verify(black_box(evidence), &challenge, policy, NOW).expect("it passes"));
    });
    let json = serde_json::to_vec(evidence).expect("plain data");
    group.bench_function(format!("{name}_from_json"), |b| {
        b.iter(|| Evidence::from_json(black_box(&json)).expect("evidence"));
    });
}

fn peer(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    root: &[u8],
    quote: &[u8],
    collateral: &QuoteCollateralV3,
    now: OffsetDateTime,
) {
    let verifier = QuoteVerifier::<RustCryptoConfig>::new_with_config(root.to_vec());
    let seconds = now.unix_timestamp().unsigned_abs();
    group.bench_function(name, |b| {
        b.iter(|| verifier.verify(black_box(quote), collateral, seconds).expect("it passes"));
    });
}

fn signatures(c: &mut Criterion) {
    let mut group = c.benchmark_group("signature");

    // A quote's own: its first 632 bytes, signature and key of 64 bytes each.
    let quote = FakeIntel::new(NOW.unix_timestamp()).quote(&Td::default());
    let (message, signature, key) = (&quote[..632], &quote[636..700], [&[4], &quote[700..764]].concat());
    type Encoder = <RustCryptoConfig as Config>::SigEncoder;
    let signature = Encoder::encode_ecdsa_sig(&signature[..32], &signature[32..]).expect("a signature");
    let p256 = <RustCryptoConfig as Config>::Crypto::sig_algo();
    group.bench_function("p256", |b| {
        b.iter(|| p256.verify_signature(&key, black_box(message), &signature).expect("it holds"));
    });

    let key = p384::ecdsa::SigningKey::from_slice(&[7; 48]).expect("a key");
    let signature: p384::ecdsa::Signature = key.sign(message);
    let point = key.verifying_key().to_sec1_point(false);
    group.bench_function("p384", |b| {
        b.iter(|| {
            let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(point.as_bytes()).expect("a key");
            key.verify(black_box(message), &signature).expect("it holds");
        });
    });

    let amd = FakeAmd::new(NOW.unix_timestamp());
    let [ark, ask] = [amd.ark_der(), amd.ask_der()].map(|der| Certificate::from_der(der).expect("one"));
    let message = ask.tbs_certificate().to_der().expect("DER");
    let point = ark.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes();
    group.bench_function("rsa_4096_pss", |b| {
        b.iter(|| {
            let key = rsa::PublicKey::from_pkcs1_der(point).expect("a key");
            key.pss_verify::<Sha384>(black_box(&message), ask.signature().raw_bytes()).expect("it holds");
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    targets = platforms, signatures
}
criterion_main!(benches);
