//! `wallet::WalletSignature::from_str`: 65 bytes of hex, one of four values of v, and s in the
//! lower half.

use strongroom::wallet::{WalletKey, WalletSignature};
use strongroom_fuzz::{Mutant, Reach};

const MESSAGE: &str = "four years";
const HALF_ORDER: &str = "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0";

#[test]
fn a_signature_has_one_value_and_no_twin() {
    let key = WalletKey::from_bytes(&[7; 32]).expect("a scalar");
    let signature = key.sign(MESSAGE);
    let text = signature.to_string();
    let with = |s: &str, v: &str| format!("{}{s}{v}", &text[..66]);
    let v = u8::from_str_radix(&text[130..], 16).expect("two digits") - 27;
    let valid = [
        text.clone(),
        with(&text[66..130], &format!("{v:02x}")),
        with(&text[66..130].to_uppercase(), &text[130..]),
        with(HALF_ORDER, "1b"),
        with(HALF_ORDER, "01"),
        // r = 0 fits no key.
        format!("0x{}{}", "0".repeat(64), &text[66..]),
        // The first has an s one above the half, the second a v that does not exist.
        with(&format!("{}a1", &HALF_ORDER[..62]), "1b"),
        with(HALF_ORDER, "1d"),
    ];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let text = mutant.text_of(&valid, &["0x", "1b", "00", "ff", " ", "é"]);
        match text.parse::<WalletSignature>() {
            Ok(parsed) => {
                let written = parsed.to_string();
                assert_eq!(written.parse(), Ok(parsed));
                assert_eq!(written[..130], text[..130].to_lowercase());
                assert!(written[66..130] <= *HALF_ORDER, "{text}");
                let v = u8::from_str_radix(&text[130..], 16).expect("two digits");
                assert_eq!(written[130..], format!("{:02x}", if v < 27 { v + 27 } else { v }));
                let recovered = parsed.recover(MESSAGE);
                assert_eq!(recovered == Ok(key.address()), parsed == signature, "{text}");
                reach.count(match recovered {
                    Ok(address) if address == key.address() => "the signer",
                    Ok(_) => "a stranger",
                    Err(_) => "nobody",
                });
            }
            Err(error) => reach.count(&error),
        }
    });
    reach.assert_met(&["the signer", "a stranger", "nobody", "SignatureShape", "RecoveryId", "HighS"]);
}
