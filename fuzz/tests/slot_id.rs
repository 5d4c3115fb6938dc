//! `SlotId::from_str`: 64 lower-case hex digits and nothing else.

use strongroom::SlotId;
use strongroom_fuzz::{Mutant, Reach};

#[test]
fn a_slot_has_one_text() {
    let valid = ["0".repeat(64), "0123456789abcdef".repeat(4), SlotId::from_bytes([0xFE; 32]).to_string()];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let text = mutant.text_of(&valid, &["A", "0x", " ", "\n", "é"]);
        match text.parse::<SlotId>() {
            Ok(slot) => {
                assert_eq!(slot.to_string(), text);
                assert_eq!(hex::encode(slot.as_bytes()), text);
                assert!(format!("{text}0").parse::<SlotId>().is_err());
                reach.count("accepted");
            }
            Err(error) => {
                let lower_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
                assert!(text.len() != 64 || !text.bytes().all(lower_hex), "{text}");
                reach.count(&error);
            }
        }
    });
    reach.assert_met(&["accepted", "SlotIdError"]);
}
