use crate::{now, quote};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use strongroom::encoding::base64;
use strongroom_attest::AuxiliaryData;
use strongroom_root::{Platform, PlatformChoice, PlatformError, PlatformPaths};
use strongroom_testkit::tee::amd::{CrlState, FakeAmd, SnpReport};
use strongroom_testkit::tee::configfs::FakeTsm;
use strongroom_testkit::tee::intel::{FakeIntel, QuoteVersion, Td};

fn paths(root: &Path) -> PlatformPaths {
    PlatformPaths { tsm: root.to_owned(), ..PlatformPaths::default() }
}

fn find(choice: PlatformChoice, tsm: &FakeTsm) -> Result<Platform, PlatformError> {
    Platform::find(choice, &paths(&tsm.root()))
}

fn td(report_data: [u8; 64]) -> Td {
    Td { report_data, version: QuoteVersion::V5Td15, ..Td::default() }
}

#[test]
fn a_tdx_guest_is_found_and_quotes() {
    let intel = FakeIntel::new(now());
    let tsm = FakeTsm::start("tdx_guest", move |data| intel.quote(&td(data)), Vec::new());
    let platform = find(PlatformChoice::IntelTdx, &tsm).expect("a platform");
    assert_eq!((platform.name(), platform.is_none()), ("intel-tdx", false));
    let evidence = quote(&platform, None).expect("evidence");
    assert_eq!(evidence.auxiliary_data, AuxiliaryData::Tdx {});
    assert_eq!(evidence.measurement, hex::encode(Td::default().mrtd));
    assert!(platform.tls_key("vault.example").expect("an answer").is_none(), "the kernel makes no keys");
}

/// When somebody else uses the entry too, another one is made, three times at most.
#[test]
fn a_disturbed_report_is_asked_for_again_and_not_for_ever() {
    let (intel, asked) = (FakeIntel::new(now()), Arc::new(AtomicUsize::new(0)));
    let shared: Arc<OnceLock<Weak<FakeTsm>>> = Arc::default();
    let report = {
        let (asked, shared) = (Arc::clone(&asked), Arc::clone(&shared));
        move |data| {
            // Nobody disturbs the second request, nor those after the fifth.
            let number = asked.fetch_add(1, Ordering::SeqCst) + 1;
            if let Some(tsm) = shared.get().and_then(Weak::upgrade) {
                tsm.disturb(number != 2 && number < 6);
            }
            intel.quote(&td(data))
        }
    };
    let tsm = Arc::new(FakeTsm::start("tdx_guest", report, Vec::new()));
    shared.set(Arc::downgrade(&tsm)).expect("it is new");
    let platform = find(PlatformChoice::Auto, &tsm).expect("a platform");
    quote(&platform, None).expect("the second attempt");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(matches!(quote(&platform, None), Err(PlatformError::Disturbed)));
    assert_eq!(asked.load(Ordering::SeqCst), 5);
    quote(&platform, None).expect("nobody disturbs");
}

#[test]
fn what_the_kernel_does_not_report_is_not_there() {
    let intel = FakeIntel::new(now());
    let tdx = FakeTsm::start("tdx_guest", move |data| intel.quote(&td(data)), Vec::new());
    let refused = find(PlatformChoice::AmdSevSnp, &tdx).err().expect("another guest");
    assert_eq!(refused.to_string(), "there is no amd-sev-snp here: the kernel reports intel-tdx");
    let other = FakeTsm::start("arm_cca_guest", |_| Vec::new(), Vec::new());
    for choice in [PlatformChoice::Auto, PlatformChoice::IntelTdx, PlatformChoice::AmdSevSnp] {
        let refused = find(choice, &other).err().expect("an unknown guest");
        assert!(matches!(&refused, PlatformError::NotThere(what) if what.contains("arm_cca_guest")));
    }
    let missing = paths(Path::new("/nonexistent"));
    assert!(matches!(Platform::find(PlatformChoice::IntelTdx, &missing), Err(PlatformError::NotThere(_))));
    let garbage = FakeTsm::start("tdx_guest", |_| vec![7; 100], Vec::new());
    let platform = find(PlatformChoice::Auto, &garbage).expect("a platform");
    assert!(matches!(quote(&platform, None), Err(PlatformError::Answer { .. })));
}

#[test]
fn certificates_of_an_snp_guests_host_are_taken_where_all_are_there() {
    let amd = Arc::new(FakeAmd::new(now()));
    let snp = |auxblob: Vec<u8>| {
        let report = {
            let amd = Arc::clone(&amd);
            move |report_data| amd.report(&SnpReport { report_data, ..SnpReport::default() })
        };
        let tsm = FakeTsm::start("sev_guest", report, auxblob);
        let platform = find(PlatformChoice::AmdSevSnp, &tsm).expect("a platform");
        quote(&platform, None).expect("evidence").collateral.snp
    };
    let whole = amd.certificate_table(Some(&CrlState::default()));
    let found = snp(whole.clone()).expect("certificates");
    assert_eq!((found.vcek, found.ask), (base64(amd.vcek_der()), base64(amd.ask_der())));
    for partial in
        [Vec::new(), vec![0xFF; 30], amd.certificate_table(None), whole[..whole.len() - 1].to_vec()]
    {
        assert_eq!(snp(partial), None);
    }
}
