//! `wallet::WalletAddress`: `0x` and 40 hex digits of any case, or of EIP-55's case.

use strongroom::wallet::{WalletAddress, WalletAddressError};
use strongroom_fuzz::{Mutant, Reach};

fn is_shaped(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or_default();
    digits.len() == 40 && digits.bytes().all(|c| c.is_ascii_hexdigit())
}

#[test]
fn an_address_keeps_its_bytes_and_has_one_checksum() {
    let checksummed = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    let valid = [
        checksummed.to_owned(),
        "0x52908400098527886E0F7030069857D2E4169EE7".to_owned(),
        "0xde709f2102306220921060314715629080e2fb77".to_owned(),
        checksummed.to_lowercase(),
    ];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let text = mutant.text_of(&valid, &["0x", "0X", "A", "a", " ", "é"]);
        let parsed = text.parse::<WalletAddress>();
        assert_eq!(parsed.is_ok(), is_shaped(&text), "{text}");
        let strict = WalletAddress::from_checksummed(&text);
        match (parsed, strict) {
            (Ok(address), strict) => {
                assert_eq!(hex::encode(address.as_bytes()), text[2..].to_lowercase());
                let written = address.to_string();
                assert_eq!(WalletAddress::from_checksummed(&written), Ok(address));
                let expected = if written == text { Ok(address) } else { Err(WalletAddressError::Checksum) };
                assert_eq!(strict, expected, "{text}");
                reach.count(&strict.map_or_else(|error| format!("{error:?}"), |_| "accepted".to_owned()));
            }
            (Err(error), strict) => {
                assert_eq!(strict, Err(error));
                reach.count(&error);
            }
        }
    });
    reach.assert_met(&["accepted", "Checksum", "Shape"]);
}
