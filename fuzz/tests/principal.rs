//! The CBOR of `principal::Principal`: deterministic (RFC 8949 §4.2), because records and tags are
//! made of it.

use strongroom::principal::Principal;
use strongroom::wallet::WalletAddress;
use strongroom_fuzz::{Mutant, Reach};

/// `[1, 20 bytes]`, `[2, 32 bytes]`, and the first with heads that are longer than they need to be.
fn encodings() -> Vec<Vec<u8>> {
    let address = WalletAddress::from_bytes([0xA5; 20]);
    let shortest = minicbor::to_vec(Principal::from(address)).expect("memory takes all");
    let slh_dsa = minicbor::to_vec(Principal::SlhDsa([0xA5; 32])).expect("memory takes all");
    let long = |at: usize, head: &[u8]| [&shortest[..at], head, &shortest[at + 1..]].concat();
    vec![
        slh_dsa,
        shortest.clone(),
        long(0, &[0x98, 2]),
        long(0, &[0x9B, 0, 0, 0, 0, 0, 0, 0, 2]),
        long(0, &[0x9F]),
        long(1, &[0x18, 1]),
        long(1, &[0x1A, 0, 0, 0, 1]),
        long(2, &[0x58, 20]),
        long(2, &[0x5A, 0, 0, 0, 20]),
    ]
}

#[test]
fn a_principal_has_one_encoding() {
    let valid = encodings();
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let bytes = mutant.of(&valid, &["\u{0}", "\u{1}", "\u{18}"]);
        let mut decoder = minicbor::Decoder::new(&bytes);
        match decoder.decode::<Principal>() {
            Ok(principal) => {
                let encoded = minicbor::to_vec(principal).expect("memory takes all");
                assert_eq!(encoded, bytes[..decoder.position()], "a second encoding of {principal}");
                reach.count("accepted");
            }
            Err(_) => reach.count("refused"),
        }
    });
    reach.assert_met(&["accepted", "refused"]);
}
