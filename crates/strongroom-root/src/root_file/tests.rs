use super::*;
use crate::sealer::{PassphraseSealer, PlainSealer};
use strongroom_testkit::rng;

fn open_by(path: &Path, sealer: &dyn Sealer, imported: Option<&DecapsulationKey>) -> Result<Root, RootError> {
    let imported =
        imported.map(|key| DecapsulationKey::from_expanded(&key.to_expanded()[..]).expect("a copy"));
    open_or_create(path, sealer, imported, &RootAccess::default(), &mut rng()).map(|opened| opened.root)
}

fn open(path: &Path, imported: Option<&DecapsulationKey>) -> Result<Root, RootError> {
    open_by(path, &PlainSealer, imported)
}

fn passphrase(text: &str) -> PassphraseSealer {
    PassphraseSealer::new(Zeroizing::new(text.to_owned()))
}

#[test]
fn a_root_is_made_once_and_found_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root.sealed");
    let first = open(&path, None).expect("a new root");
    assert_eq!(open(&path, None).expect("the same root").vault_id(), first.vault_id());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1, "no temporary file stays");
}

#[test]
fn a_name_that_a_crash_left_is_not_written_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root.sealed");
    open(&path, None).expect("a new root");
    fs::hard_link(&path, folder.path().join("root.sealed.part")).expect("as after a crash");
    let saved = folder.path().join("saved");
    fs::rename(&path, &saved).expect("saved");
    let before = fs::read(&saved).expect("the root");
    open(&path, None).expect("another root");
    assert!(fs::read(&saved).expect("the root") == before);
}

#[test]
fn servers_that_start_at_once_find_one_root() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root.sealed");
    for round in 0..20 {
        let path = path.with_extension(format!("{round}"));
        let ids: Vec<_> = std::thread::scope(|scope| {
            let starting: Vec<_> =
                (0..8).map(|_| scope.spawn(|| open(&path, None).expect("a root").vault_id())).collect();
            starting.into_iter().map(|server| server.join().expect("no panic")).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]));
    }
}

#[test]
fn a_root_that_came_is_kept_with_its_origin_and_over_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root.sealed");
    let came = |n: u8, origin| Root::from_parts(Zeroizing::new([n; 32]), origin);
    let keep = |root| keep(&path, &PlainSealer, root, &RootAccess::default(), &mut rng());
    for origin in [KeyOrigin::Recovered, KeyOrigin::HandoffGenerated, KeyOrigin::HandoffRecovered] {
        keep(came(1, origin)).expect("kept");
        assert_eq!(open(&path, None).expect("found").origin(), origin);
        assert_eq!(keep(came(1, KeyOrigin::Recovered)).expect("the same").origin(), origin);
        assert!(matches!(keep(came(2, origin)), Err(RootError::OtherRoot)));
        fs::remove_file(&path).expect("removed");
    }
}

#[test]
fn importing_has_its_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = DecapsulationKey::from_seed(&[1; 64]);
    let other = DecapsulationKey::from_seed(&[2; 64]);
    let path = folder.path().join("imported");
    let root = open(&path, Some(&key)).expect("a root from the key");
    assert_eq!(root.origin(), KeyOrigin::Imported);
    assert_eq!(open(&path, Some(&key)).expect("the same key").vault_id(), root.vault_id());
    assert!(matches!(open(&path, None), Err(RootError::KeysNotConfigured)));
    assert!(matches!(open(&path, Some(&other)), Err(RootError::ImportOverRoot)));
    let generated = folder.path().join("generated");
    open(&generated, None).expect("a new root");
    assert!(matches!(open(&generated, Some(&key)), Err(RootError::ImportOverRoot)));
}

#[test]
fn any_altered_byte_and_any_other_length_is_refused() {
    let root = Root::generate(&mut rng());
    for sealer in [&PlainSealer as &dyn Sealer, &passphrase("correct horse")] {
        let name = sealer.protection().name();
        let good = write(&root, &RootAccess::default(), sealer, &mut rng()).expect("sealed");
        assert!(parse(&good, sealer).is_ok(), "{name}");
        // A passphrase takes a tenth of a second for each try, so every ninth byte is altered.
        let step = if sealer.protection() == Protection::Plain { 1 } else { 9 };
        for at in (0..good.len()).step_by(step) {
            let mut altered = good.to_vec();
            altered[at] ^= 0x80;
            assert!(parse(&altered, sealer).is_err(), "{name}, byte {at}");
        }
        for bytes in 0..good.len() {
            assert!(parse(&good[..bytes], sealer).is_err(), "{name}, {bytes} bytes");
        }
        assert!(parse(&[&good[..], &[0]].concat(), sealer).is_err(), "{name}");
        let mut unknown = good.to_vec();
        unknown[9] = 7;
        assert!(matches!(parse(&unknown, sealer), Err(RootError::UnknownSealer(7))));
    }
    let mut imported =
        write(&root, &RootAccess::default(), &PlainSealer, &mut rng()).expect("sealed").to_vec();
    imported[50] = 1;
    let read = parse(&imported, &PlainSealer);
    assert!(matches!(read.map(|(root, _)| root.origin()), Ok(KeyOrigin::Imported)));
}

#[test]
fn under_a_passphrase_nothing_but_it_opens_the_root() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root.sealed");
    let root = open_by(&path, &passphrase("correct horse"), None).expect("a new root");
    let again = open_by(&path, &passphrase("correct horse"), None).expect("the same root");
    assert_eq!(again.vault_id(), root.vault_id());
    let bytes = fs::read(&path).expect("the file");
    assert!(!bytes.windows(32).any(|window| window == root.expose()), "the root is not in the clear");
    let wrong = open_by(&path, &passphrase("correct horse "), None).err();
    assert!(matches!(wrong, Some(RootError::WrongKey(Protection::Passphrase))));
    assert_eq!(fs::read(&path).expect("the file"), bytes, "a refused root stays as it is");
}

/// A sealed file is neither opened nor replaced by another sealer, and a plain file is not taken
/// for a sealed one.
#[test]
fn nothing_takes_the_place_of_the_sealer_that_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (plain, sealed) = (folder.path().join("plain"), folder.path().join("sealed"));
    open(&plain, None).expect("a new root");
    open_by(&sealed, &passphrase("correct horse"), None).expect("a new root");
    let other = |found: Result<Root, RootError>| match found.err() {
        Some(RootError::OtherSealer { file, asked }) => (file.name(), asked.name()),
        _ => panic!("another refusal, or none"),
    };
    assert_eq!(other(open(&sealed, None)), ("passphrase", "plain"));
    assert_eq!(other(open_by(&plain, &passphrase("correct horse"), None)), ("plain", "passphrase"));
}
