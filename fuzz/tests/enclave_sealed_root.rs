//! The sealed-root file: it opens to the root whose vault id it names, or not at all.

use strongroom_enclave::{PlainSealer, open_or_create, parse};
use strongroom_fuzz::{Mutant, Reach};
use strongroom_testkit::rng;

#[test]
fn a_root_file_opens_to_the_vault_that_it_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut valid: Vec<Vec<u8>> = ["a", "b"]
        .map(|name| {
            let path = folder.path().join(name);
            open_or_create(&path, &PlainSealer, None, &mut rng()).expect("a new root");
            std::fs::read(path).expect("the file")
        })
        .into();
    // One that says that it is under a passphrase, which is not even tried.
    valid.push([&valid[0][..9], &[1], &valid[0][10..]].concat());
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let bytes = mutant.of(&valid, &["\0", "\u{1}", "SRROOT"]);
        match parse(&bytes, &PlainSealer) {
            Ok(root) => {
                assert_eq!(root.vault_id().as_bytes()[..], bytes[10..42]);
                assert_eq!(bytes.len(), valid[0].len());
                reach.count("accepted");
            }
            Err(error) => reach.count(&error),
        }
    });
    reach.assert_met(&["accepted", "Damaged", "OtherSealer"]);
}
