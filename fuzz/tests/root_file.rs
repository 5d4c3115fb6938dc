//! The sealed-root file: it opens to the root whose vault id it names, or not at all.

use strongroom::slh_dsa::PublicKey;
use strongroom_attest::policy::Hex;
use strongroom_attest::{Configuration, KeyOrigin, Protection, RecoveryRecipients};
use strongroom_fuzz::{Mutant, Reach};
use strongroom_root::{PlainSealer, RootAccess, open_or_create, parse};
use strongroom_testkit::rng;

#[test]
fn a_root_file_opens_to_the_vault_that_it_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let others = Configuration {
        key_origin: KeyOrigin::Generated,
        sign_in_origins: Vec::new(),
        require_sign_in_to_store: false,
        protection: Protection::Plain,
        release_key: Some(PublicKey::from_bytes([7; 64])),
        recovery: Some(RecoveryRecipients { threshold: 1, key_ids: vec![Hex([1; 16]), Hex([2; 16])] }),
    };
    let mut valid: Vec<Vec<u8>> = [("a", RootAccess::default()), ("b", RootAccess::from(&others))]
        .map(|(name, access)| {
            let path = folder.path().join(name);
            open_or_create(&path, &PlainSealer, None, &access, &mut rng()).expect("a new root");
            std::fs::read(path).expect("the file")
        })
        .into();
    // This one says that it is under a passphrase, which is not even tried.
    valid.push([&valid[0][..9], &[1], &valid[0][10..]].concat());
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let bytes = mutant.of(&valid, &["\0", "\u{1}", "SRROOT"]);
        match parse(&bytes, &PlainSealer) {
            Ok((root, _)) => {
                assert_eq!(root.vault_id().as_bytes()[..], bytes[10..42]);
                // Only key ids and the release key may be there as well.
                assert_eq!((bytes.len() - valid[0].len()) % 16, 0);
                reach.count("accepted");
            }
            Err(error) => reach.count(&error),
        }
    });
    reach.assert_met(&["accepted", "Damaged", "OtherSealer"]);
}
