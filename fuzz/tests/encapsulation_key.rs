//! `key::EncapsulationKey::from_str`: a public key text, or bare base64. FIPS 203 §7.2 is as
//! another library sees it.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use bolero::TypeGenerator;
use ml_kem::MlKem1024;
use strongroom::KEM_ID;
use strongroom::key::{DecapsulationKey, EncapsulationKey, KeyError};
use strongroom_fuzz::{Edit, Mutant, Reach, key_text};

const PREFIX: &str = "strongroom-pk-1";

/// The thing that is edited: the text, the body under a checksum that fits, or the key under either
/// encoding.
#[derive(Debug, TypeGenerator)]
enum Input {
    Text(Mutant),
    Body(Edit),
    Key(Edit, bool),
    /// Flips a bit of the algorithm.
    Head(u8),
    /// Makes a coefficient q or more.
    Modulus(u16, bool),
}

impl Input {
    fn text(&self, key: &EncapsulationKey) -> String {
        let with_id = |key: &[u8]| [&KEM_ID.to_be_bytes()[..], key].concat();
        let edited = |edit: &Edit, mut bytes: Vec<u8>| {
            edit.apply(&mut bytes, &["\u{0}", "\u{7f}\u{7f}\u{7f}"]);
            bytes
        };
        let encoded = |key: Vec<u8>, bare: bool| {
            if bare { Base64::encode_string(&key) } else { key_text(PREFIX, &with_id(&key)) }
        };
        match self {
            Self::Text(mutant) => {
                mutant.text_of(&[key.to_string(), key.to_base64()], &[PREFIX, "=", "+", "-", " ", "\n", "é"])
            }
            Self::Body(edit) => key_text(PREFIX, &edited(edit, with_id(key.as_bytes()))),
            Self::Key(edit, bare) => encoded(edited(edit, key.as_bytes().to_vec()), *bare),
            Self::Head(bit) => {
                let mut body = with_id(key.as_bytes());
                body[usize::from(bit % 2)] ^= 1 << (bit / 2 % 8);
                key_text(PREFIX, &body)
            }
            Self::Modulus(at, bare) => {
                let mut bytes = key.as_bytes().to_vec();
                let at = usize::from(at % 512) * 3;
                bytes[at..at + 3].fill(0xFF);
                encoded(bytes, *bare)
            }
        }
    }
}

/// The 1,568 bytes that the text spells, if it spells them.
fn plain_reading(text: &str) -> Option<[u8; 1568]> {
    let Some(encoded) = text.strip_prefix(PREFIX) else {
        return Base64::decode_vec(text).ok()?.try_into().ok();
    };
    let bytes = Base64UrlUnpadded::decode_vec(encoded).ok()?;
    let key = bytes.get(2..1570)?;
    (key_text(PREFIX, &[&KEM_ID.to_be_bytes()[..], key].concat()) == text).then(|| key.try_into().ok())?
}

#[test]
fn a_public_key_has_two_texts() {
    let key = DecapsulationKey::from_seed(&[3; 64]).encapsulation_key();
    let reach = Reach::default();
    bolero::check!().with_type::<Input>().for_each(|input| {
        let text = input.text(&key);
        let parsed = text.parse::<EncapsulationKey>();
        let expected =
            plain_reading(&text).filter(|key| ml_kem::EncapsulationKey::<MlKem1024>::new(key.into()).is_ok());
        assert_eq!(parsed.as_ref().ok().map(|key| *key.as_bytes()), expected, "{text}");
        match parsed {
            Ok(key) => {
                let bare = !text.starts_with(PREFIX);
                assert_eq!(if bare { key.to_base64() } else { key.to_string() }, text);
                assert_eq!(key.to_base64().parse(), key.to_string().parse::<EncapsulationKey>());
                reach.count(if bare { "bare base64" } else { "key text" });
            }
            Err(KeyError::Check(check)) => reach.count(&check),
            Err(error) => reach.count(&error),
        }
    });
    reach.assert_met(&["bare base64", "key text", "Text", "UnknownForm", "Length", "Modulus"]);
}
