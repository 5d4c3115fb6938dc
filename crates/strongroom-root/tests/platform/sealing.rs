use super::now;
use rand_core::CryptoRng;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use strongroom::slh_dsa::PublicKey;
use strongroom_attest::policy::Hex;
use strongroom_attest::{Configuration, KeyOrigin, Protection, RecoveryRecipients};
use strongroom_root::{
    DerivedKeys, DstackSealer, PassphraseSealer, PlainSealer, Platform, PlatformChoice, PlatformError,
    PlatformPaths, RootAccess, RootError, Sealer, SealerError, SevSnpSealer, Tsm, VaultId, open_or_create,
};
use strongroom_testkit::tee::amd::{FakeAmd, SnpReport};
use strongroom_testkit::tee::configfs::FakeTsm;
use strongroom_testkit::tee::dstack::{FakeDstack, Options};
use strongroom_testkit::tee::intel::FakeIntel;
use zeroize::Zeroizing;

fn open(path: &Path, sealer: &dyn Sealer) -> Result<VaultId, RootError> {
    open_for(path, sealer, &RootAccess::default())
}

fn open_for(path: &Path, sealer: &dyn Sealer, access: &RootAccess) -> Result<VaultId, RootError> {
    open_or_create(path, sealer, None, access, &mut strongroom_testkit::rng())
        .map(|opened| opened.root.vault_id())
}

/// Access for these recovery recipients, and for code that this release key names.
fn access(recipients: &[u8], release_key: Option<u8>) -> RootAccess {
    let key_ids: Vec<_> = recipients.iter().map(|n| Hex([*n; 16])).collect();
    RootAccess::from(&Configuration {
        key_origin: KeyOrigin::Generated,
        sign_in_origins: Vec::new(),
        require_sign_in_to_store: false,
        protection: Protection::Dstack,
        release_key: release_key.map(|n| PublicKey::from_bytes([n; 64])),
        recovery: (!key_ids.is_empty()).then_some(RecoveryRecipients { threshold: 1, key_ids }),
    })
}

fn dstack(agent: &FakeDstack) -> DstackSealer {
    let endpoint = agent.socket().to_str().expect("text").to_owned();
    let paths = PlatformPaths { dstack: Some(endpoint), ..PlatformPaths::default() };
    match Platform::find(PlatformChoice::Dstack, &paths).expect("an agent") {
        Platform::Dstack(agent) => DstackSealer::new(agent),
        _ => panic!("dstack was asked for"),
    }
}

fn agent(options: Options) -> FakeDstack {
    FakeDstack::start(Arc::new(FakeIntel::new(now())), "{}", options)
}

/// A file that was sealed through `GetKey` of 0.5 opens through it even if the agent has that of
/// 0.6 too. This rests on the interface's number in the file.
#[test]
fn a_root_stays_under_the_interface_that_sealed_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root");
    let with = |key_interfaces| agent(Options { key_interfaces, ..Options::default() });
    let none = open(&path, &dstack(&with(0))).expect_err("no key");
    assert!(
        matches!(none, RootError::Sealer(SealerError::Platform(PlatformError::NoSuchMethod(_)))),
        "{none:?}"
    );
    let vault = open(&path, &dstack(&with(1))).expect("a new root");
    let file = std::fs::read(&path).expect("the file");
    assert_eq!(file[46], 0, "the interface's number");
    for interfaces in [1, 2] {
        assert_eq!(open(&path, &dstack(&with(interfaces))).expect("the same root"), vault);
    }
    assert!(std::fs::read(&path).expect("the file") == file, "nothing changed, nothing is written");
    // A root that was sealed through the newer interface does not open through the older one.
    let newer = folder.path().join("newer");
    open(&newer, &dstack(&with(2))).expect("a new root");
    assert!(open(&newer, &dstack(&with(1))).is_err());
}

/// This rests on the comparison of application ids and on the agent's key, both in
/// sealer/dstack.rs.
#[test]
fn dstacks_root_opens_for_its_application_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root");
    let first = agent(Options::default());
    let vault = open(&path, &dstack(&first)).expect("a new root");
    drop(first);
    // The same application on another host.
    let second = agent(Options::default());
    assert_eq!(open(&path, &dstack(&second)).expect("the same root"), vault);
    // Newer code under the same id.
    let newer = FakeDstack::start(Arc::new(FakeIntel::new(now())), r#"{"version":2}"#, Options::default());
    assert_eq!(open(&path, &dstack(&newer)).expect("the same root"), vault);
    let file = std::fs::read(&path).expect("the file");
    let other = agent(Options { app_id: [0xB9; 20], ..Options::default() });
    let refused = open(&path, &dstack(&other)).expect_err("another application");
    let (a9, b9) = ("a9".repeat(20), "b9".repeat(20));
    assert_eq!(
        refused.to_string(),
        format!("the root was sealed by another dstack application: {a9}, and this is {b9}")
    );
    // Writing the other id into the file does not help: the id is bound, and its key is another.
    let at = file.windows(20).position(|part| part == [0xA9; 20]).expect("the id stands in the clear");
    let forged = [&file[..at], &[0xB9; 20], &file[at + 20..]].concat();
    std::fs::write(&path, forged).expect("written");
    assert!(matches!(open(&path, &dstack(&other)), Err(RootError::WrongKey(Protection::Dstack))));
    std::fs::write(&path, file).expect("written");

    // Another key management service may give any application any id, but its keys are others.
    let foreign = agent(Options { key_provider_id: "00".to_owned(), ..Options::default() });
    let refused = open(&path, &dstack(&foreign)).expect_err("another service");
    assert!(matches!(refused, RootError::WrongKey(Protection::Dstack)), "{refused:?}");

    let sealer = dstack(&second);
    second.fail(true);
    assert!(matches!(open(&path, &sealer), Err(RootError::Sealer(SealerError::Platform(_)))));
    second.fail(false);
    assert_eq!(open(&path, &sealer).expect("the agent is back"), vault);
    drop(second);
    let gone = open(&path, &sealer).expect_err("the agent is gone");
    assert!(matches!(gone, RootError::Sealer(SealerError::Platform(PlatformError::Unreachable(..)))));
    assert!(matches!(open(&path, &PlainSealer), Err(RootError::OtherSealer { .. })));
}

/// A fake of the secure processor: like the real one, it has a key for each measurement, chip and
/// version.
struct Keys {
    report: SnpReport,
    committed: Arc<AtomicU8>,
}

impl DerivedKeys for Keys {
    fn derive(&self, tcb_version: u64) -> Result<Zeroizing<[u8; 32]>, PlatformError> {
        assert!(tcb_version.to_le_bytes()[6] <= self.committed.load(Ordering::SeqCst), "firmware refuses");
        let mut key = [self.report.measurement[0]; 32];
        key[0] = self.report.chip_id.expect("set")[0];
        key[1..9].copy_from_slice(&tcb_version.to_le_bytes());
        key[9] = self.report.policy.to_le_bytes()[2];
        Ok(Zeroizing::new(key))
    }
}

/// A guest whose firmware has this version (the SVN of the SNP part), and its kernel's folder.
fn guest(svn: u8, change: impl FnOnce(&mut SnpReport)) -> (FakeTsm, SevSnpSealer) {
    let mut tcb = [0; 8];
    tcb[6] = svn;
    let mut report =
        SnpReport { chip_id: Some([0xC1; 64]), committed_tcb: Some(tcb), ..SnpReport::default() };
    change(&mut report);
    let amd = FakeAmd::new(now());
    let shown = report.clone();
    let tsm = FakeTsm::start("sev_guest", move |_| amd.report(&shown), Vec::new());
    let paths = PlatformPaths { tsm: tsm.root(), ..PlatformPaths::default() };
    let Ok(Platform::Tsm(kernel)) = Platform::find(PlatformChoice::AmdSevSnp, &paths) else {
        panic!("a guest of SEV-SNP");
    };
    let keys = Keys { report, committed: Arc::new(AtomicU8::new(svn)) };
    let sealer = of(&kernel, keys);
    (tsm, sealer)
}

fn of(kernel: &Tsm, keys: Keys) -> SevSnpSealer {
    SevSnpSealer::with_keys(kernel, Box::new(keys)).expect("a report")
}

/// This rests on the comparisons in sealer/sev_snp.rs, and on the sealing of outdated files in
/// root_file.rs.
#[test]
fn sev_snps_root_opens_for_its_image_and_processor_and_follows_the_firmware() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root");
    let (_tsm, old) = guest(8, |_| ());
    let vault = open(&path, &old).expect("a new root");
    let first = std::fs::read(&path).expect("the file");
    assert_eq!(open(&path, &old).expect("the same root"), vault);
    assert!(std::fs::read(&path).expect("the file") == first, "nothing changed, nothing is written");

    let (_updated, new) = guest(9, |_| ());
    assert_eq!(open(&path, &new).expect("after an update"), vault);
    let second = std::fs::read(&path).expect("the file");
    assert!(second != first, "sealed again under the newer firmware's key");
    assert_eq!(open(&path, &new).expect("the same root"), vault);
    let refused = |sealer: &SevSnpSealer| match open(&path, sealer) {
        Err(RootError::Sealer(SealerError::Elsewhere { what, .. })) => what,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it opened"),
    };
    assert_eq!(refused(&old), "firmware (TCB version), which was newer");
    assert_eq!(refused(&guest(9, |report| report.measurement = [7; 48]).1), "image (launch digest)");
    assert_eq!(refused(&guest(9, |report| report.policy = 0x2_0000).1), "guest policy");
    assert_eq!(refused(&guest(9, |report| report.chip_id = Some([1; 64])).1), "processor");
    assert!(std::fs::read(&path).expect("the file") == second, "a refused root stays as it is");
}

/// A host that starts the code again cannot add anybody. The holder of the passphrase can, because
/// they have the root. This rests on `find_for`.
#[test]
fn under_a_platforms_key_nobody_is_added_who_may_get_the_root() {
    let folder = tempfile::tempdir().expect("a folder");
    let agent = agent(Options::default());
    let (_tsm, before) = guest(8, |_| ());
    let (_updated, updated) = guest(9, |_| ());
    let passphrase = PassphraseSealer::new(Zeroizing::new("correct horse".to_owned()));
    let dstack = dstack(&agent);
    let first = access(&[1, 2], Some(7));
    let more = [access(&[1, 2, 3], Some(7)), access(&[3], None), access(&[1], Some(8))];
    for (name, sealer, later) in
        [("dstack", &dstack as &dyn Sealer, &dstack as &dyn Sealer), ("snp", &before, &updated)]
    {
        let path = folder.path().join(name);
        let vault = open_for(&path, sealer, &first).expect("a new root");
        let file = std::fs::read(&path).expect("the file");
        for more in &more {
            for sealer in [sealer, later] {
                assert!(matches!(open_for(&path, sealer, more), Err(RootError::NotEntitled)), "{name}");
            }
        }
        assert!(std::fs::read(&path).expect("the file") == file, "a refused root stays as it is");
        for fewer in [access(&[2], None), RootAccess::default(), first.clone()] {
            // On SEV-SNP, the first of them seals the file again, for those that it was sealed for.
            assert_eq!(open_for(&path, later, &fewer).expect("the same root"), vault, "{name}");
        }
        let opened = strongroom_root::open(&path, later, None).expect("to look at records");
        assert_eq!(opened.root.vault_id(), vault);
    }
    let path = folder.path().join("passphrase");
    let vault = open_for(&path, &passphrase, &first).expect("a new root");
    assert_eq!(open_for(&path, &passphrase, &more[0]).expect("the same root"), vault);
}

/// Every sealer refuses an altered byte and a cut file, and no other sealer is tried.
#[test]
fn every_sealers_file_is_refused_when_it_was_altered() {
    let (agent, (_tsm, snp)) = (agent(Options::default()), guest(8, |_| ()));
    let passphrase = PassphraseSealer::new(Zeroizing::new("correct horse".to_owned()));
    let rng: &mut dyn CryptoRng = &mut strongroom_testkit::rng();
    for sealer in [&PlainSealer as &dyn Sealer, &passphrase, &dstack(&agent), &snp] {
        let name = sealer.protection().name();
        let data = sealer.data(rng).expect("data");
        let sealed = sealer.seal(&data, b"head", b"root", rng).expect("sealed");
        assert_eq!(sealer.unseal(&data, b"head", &sealed).expect("opened")[..], *b"root", "{name}");
        assert!(!sealer.is_outdated(&data), "{name}");
        // A passphrase is stretched at each try, so only some bytes of the parameters and salt are
        // altered.
        let step = if sealer.protection() == Protection::Passphrase { 5 } else { 1 };
        for at in (0..data.len()).step_by(step) {
            let mut altered = data.clone();
            altered[at] ^= 0x80;
            assert!(sealer.unseal(&altered, b"head", &sealed).is_err(), "{name}, byte {at} of its data");
        }
        for shorter in (0..data.len()).step_by(7 * step) {
            assert!(sealer.unseal(&data[..shorter], b"head", &sealed).is_err(), "{name}, {shorter}");
        }
        let longer = [&data[..], &[0]].concat();
        assert!(matches!(sealer.unseal(&longer, b"head", &sealed), Err(SealerError::Damaged)), "{name}");
        if sealer.protection() != Protection::Plain {
            assert!(matches!(sealer.unseal(&data, b"tail", &sealed), Err(SealerError::WrongKey)), "{name}");
            assert!(matches!(sealer.unseal(&data, b"head", &sealed[..27]), Err(SealerError::Damaged)));
        }
    }
}
