use crate::{now, quote};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use strongroom_attest::TdxCollateral;
use strongroom_root::collateral::{Collaterals, Services};
use strongroom_root::{Platform, PlatformChoice, PlatformPaths};
use strongroom_testkit::tee::amd::{CrlState, FakeAmd};
use strongroom_testkit::tee::collateral_service::FakeCollateralService;
use strongroom_testkit::tee::configfs::FakeTsm;
use strongroom_testkit::tee::intel::{FakeIntel, PlatformState, Td};

/// Requests of one fetch: Intel's two revocation lists, the TCB info and the quoting enclave's
/// identity.
const REQUESTS: usize = 4;
/// A URL at which nobody listens.
const NOBODY: &str = "http://127.0.0.1:9";

/// A TDX guest, and the service that gives out collateral for its platform.
struct Case {
    intel: Arc<FakeIntel>,
    service: FakeCollateralService,
    platform: Platform,
    _tsm: FakeTsm,
}

fn guest(intel: &Arc<FakeIntel>) -> (FakeTsm, Platform) {
    let intel = Arc::clone(intel);
    let report = move |report_data| intel.quote(&Td { report_data, ..Td::default() });
    let tsm = FakeTsm::start("tdx_guest", report, Vec::new());
    let paths = PlatformPaths { tsm: tsm.root(), ..PlatformPaths::default() };
    let platform = Platform::find(PlatformChoice::IntelTdx, &paths).expect("a platform");
    (tsm, platform)
}

impl Case {
    fn new() -> Self {
        let intel = Arc::new(FakeIntel::new(now()));
        let service = FakeCollateralService::start(Arc::clone(&intel), Arc::new(FakeAmd::new(now())));
        let (tsm, platform) = guest(&intel);
        Self { intel, service, platform, _tsm: tsm }
    }

    fn collaterals(&self, file: Option<&Path>) -> Collaterals {
        // A slash at the end of the URL changes nothing.
        Collaterals::from_services(Services::new(&format!("{}/", self.service.url()), NOBODY), file)
    }

    fn quote(&self, collaterals: &Collaterals) -> Option<TdxCollateral> {
        quote(&self.platform, Some(collaterals)).expect("evidence").collateral.tdx
    }

    /// Whether the collateral is what the maker signed.
    fn is_whole(&self, collateral: Option<TdxCollateral>) -> bool {
        let Some(collateral) = collateral else { return false };
        let expected = self.intel.collateral(&PlatformState::default());
        // Each answer has another signature over the same texts.
        let shown = serde_json::to_value(&collateral).expect("plain data");
        [
            "tcb_info",
            "qe_identity",
            "tcb_info_issuer_chain",
            "qe_identity_issuer_chain",
            "pck_crl_issuer_chain",
        ]
        .iter()
        .all(|name| shown[name] == expected[name])
    }
}

#[test]
fn one_fetch_serves_many_quotes() {
    let case = Case::new();
    let collaterals = case.collaterals(None);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(case.is_whole(case.quote(&collaterals))));
        }
    });
    assert!(case.is_whole(case.quote(&collaterals)));
    assert_eq!(case.service.requests(), REQUESTS);
}

#[test]
fn what_was_fetched_is_kept_for_the_next_start() {
    let (case, folder) = (Case::new(), tempfile::tempdir().expect("a folder"));
    let file = folder.path().join("collateral.json");
    let first = case.quote(&case.collaterals(Some(&file))).expect("collateral");
    case.service.fail(true);
    let requests = case.service.requests();
    let next = case.collaterals(Some(&file));
    assert_eq!(case.quote(&next), Some(first.clone()));
    // The service is asked again in the background, in vain.
    let deadline = Instant::now() + Duration::from_secs(10);
    while case.service.requests() == requests {
        assert!(Instant::now() < deadline, "it is not asked again");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(case.quote(&next), Some(first));

    // Another platform's collateral is not relayed, nor is a damaged file.
    let other = Arc::new(FakeIntel::with_pck(now(), |pck| pck.fmspc = [7; 6]));
    let (_tsm, platform) = guest(&other);
    let found = quote(&platform, Some(&case.collaterals(Some(&file)))).expect("evidence");
    assert_eq!(found.collateral.tdx, None);
    std::fs::write(&file, "{").expect("written");
    assert_eq!(case.quote(&case.collaterals(Some(&file))), None);
    case.service.fail(false);
    assert!(case.is_whole(case.quote(&case.collaterals(Some(&file)))));
    case.service.fail(true);
    assert!(case.is_whole(case.quote(&case.collaterals(Some(&file)))), "it was written again");
}

#[test]
fn a_service_that_fails_is_left_alone_for_a_while() {
    let case = Case::new();
    let collaterals = case.collaterals(None);
    case.service.fail(true);
    assert_eq!(case.quote(&collaterals), None);
    case.service.fail(false);
    for _ in 0..3 {
        assert_eq!(case.quote(&collaterals), None);
    }
    assert_eq!(case.service.requests(), 1);
    // The service answers for another platform.
    let others = case.collaterals(None);
    case.service.say(PlatformState { fmspc: [9; 6], ..PlatformState::default() }, CrlState::default());
    assert_eq!(case.quote(&others), None);
}

/// A service that never answers holds up a quote for a few seconds only.
#[test]
fn a_service_that_is_slow_is_not_waited_for() {
    let case = Case::new();
    case.service.delay(Duration::from_secs(60));
    let start = Instant::now();
    assert_eq!(case.quote(&case.collaterals(None)), None);
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
}
