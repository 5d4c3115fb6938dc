//! A root in an envelope: what opens is the root that was sealed, for the subject that it was
//! sealed for.

use strongroom::key::DecapsulationKey;
use strongroom_attest::root_transfer::root_envelope;
use strongroom_fuzz::{Mutant, Reach};
use strongroom_testkit::rng;

#[test]
fn what_opens_is_the_root_that_was_sealed() {
    let key = DecapsulationKey::from_seed(&[1; 64]);
    let valid = root_envelope::seal(&[7; 32], &[8; 32], &[key.encapsulation_key().into()], &mut rng());
    let valid = [valid.expect("sealed")];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        match root_envelope::open(&mutant.of(&valid, &[]), &[8; 32], [&key]) {
            Ok(root) => {
                assert_eq!(*root, [7; 32]);
                reach.count("opened");
            }
            Err(error) => reach.count(match error {
                root_envelope::RootEnvelopeError::Parse(_) => "no envelope",
                root_envelope::RootEnvelopeError::Open(_) => "does not open",
                _ => "another",
            }),
        }
    });
    reach.assert_met_after(200, &["opened", "no envelope", "does not open"]);
}
