//! The names in the paths of backups: `slh_dsa::PublicKey` and `backup::UserId`. They are signed as
//! text, so each has one spelling.

use strongroom::backup::UserId;
use strongroom::slh_dsa::PublicKey;
use strongroom_fuzz::{Mutant, Reach};

const WORDS: [&str; 8] = ["0x", "0X", "-", "A", "é", "urn:uuid:", "{", " "];

#[test]
fn a_public_key_has_one_text() {
    let valid = [PublicKey::from_bytes([0xA5; 64]).to_string(), PublicKey::from_bytes([0; 64]).to_string()];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let text = mutant.text_of(&valid, &WORDS);
        match text.parse::<PublicKey>() {
            Ok(key) => {
                assert_eq!(key.to_string(), text);
                reach.count("accepted");
            }
            Err(error) => reach.count(&error),
        }
    });
    reach.assert_met(&["accepted", "Hex", "Case", "Length"]);
}

#[test]
fn a_user_id_has_one_text() {
    let valid = [UserId::from_bytes([0xA5; 16]).to_string(), UserId::from_bytes([0; 16]).to_string()];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let text = mutant.text_of(&valid, &WORDS);
        match text.parse::<UserId>() {
            Ok(id) => {
                assert_eq!(id.to_string(), text);
                let dashes: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
                assert_eq!((text.len(), &dashes[..]), (36, &[8, 13, 18, 23][..]));
                reach.count("accepted");
            }
            Err(error) => reach.count(&error),
        }
    });
    reach.assert_met(&["accepted", "UserIdError"]);
}
