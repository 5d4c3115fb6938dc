//! `policy::Policy::decode`: deterministic CBOR, because it is hashed into every part of an
//! envelope.

use strongroom::policy::EnvelopePolicy;
use strongroom::principal::Principal;
use strongroom::wallet::WalletAddress;
use strongroom_fuzz::{Mutant, Reach};

fn valid() -> Vec<Vec<u8>> {
    let wallet = |n| WalletAddress::from_bytes([n; 20]).into();
    let full = EnvelopePolicy {
        readers: vec![wallet(1), wallet(2), Principal::SlhDsa([3; 32])],
        owners: vec![wallet(1)],
        approvals: Some(2),
        audience: Some([4; 32]),
        not_before: Some(5),
        not_after: Some(6),
        one_time: true,
        label: Some("label é".to_owned()),
    };
    let small = EnvelopePolicy { not_after: Some(6), ..EnvelopePolicy::default() };
    [full, small, EnvelopePolicy::default()].map(|policy| policy.encode().expect("a policy")).to_vec()
}

#[test]
fn a_policy_has_one_encoding() {
    let valid = valid();
    let words = ["\u{1}", "\u{5}\u{1}", "\u{7}", "\u{18}", "\u{9}\u{1}"];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let bytes = mutant.of(&valid, &words);
        match EnvelopePolicy::decode(&bytes) {
            Ok(policy) => {
                assert_eq!(policy.encode().as_deref(), Ok(&bytes[..]));
                assert_eq!(policy.clone().normalised(), policy);
                reach.count("accepted");
            }
            Err(error) => reach.count(&error),
        }
    });
    reach.assert_met(&["accepted", "UnknownKey", "Field", "Encoding"]);
}
