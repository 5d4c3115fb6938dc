//! `envelope::Envelope::parse`, and opening what it accepts: only what was sealed ever opens.

use minicbor::Encoder;
use strongroom::OpenError;
use strongroom::envelope::{self, Envelope, Header, Opener};
use strongroom::key::{DecapsulationKey, HybridDecapsulationKey, Identity};
use strongroom::policy::EnvelopePolicy;
use strongroom::wallet::WalletAddress;
use strongroom_fuzz::{Mutant, Reach};
use strongroom_testkit::rng;

fn identities() -> [Identity; 2] {
    let hybrid = HybridDecapsulationKey::from_seed(&[2; 32]).expect("a seed");
    [DecapsulationKey::from_seed(&[1; 64]).into(), hybrid.into()]
}

fn valid() -> Vec<Vec<u8>> {
    let [ann, bob] = identities().map(|identity| identity.recipient());
    let policy = EnvelopePolicy {
        readers: vec![WalletAddress::from_bytes([1; 20]).into()],
        audience: Some([2; 32]),
        not_before: Some(1),
        label: Some("label".to_owned()),
        ..EnvelopePolicy::default()
    };
    let stranger = DecapsulationKey::from_seed(&[9; 64]).encapsulation_key().into();
    let seal = |text: &[u8], recipients: &[_], policy: &EnvelopePolicy| {
        let envelope = envelope::seal(text, recipients, policy.clone(), &mut rng()).expect("recipients");
        envelope.as_bytes().to_vec()
    };
    vec![
        seal(b"", std::slice::from_ref(&ann), &EnvelopePolicy::default()),
        seal(b"four years", &[ann.clone(), bob.clone()], &policy),
        seal(&[7; 16_384], &[bob], &policy),
        seal(b"four years", &[stranger], &EnvelopePolicy::default()),
    ]
}

/// The header of what was parsed, written by other code.
fn written(header: &Header) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut e = Encoder::new(&mut bytes);
    let policy = header.policy().encode().expect("a parsed policy");
    e.array(5).expect("memory").u8(1).expect("memory").bytes(header.envelope_id()).expect("memory");
    e.bytes(&policy).expect("memory").null().expect("memory");
    e.array(header.stanzas().len() as u64).expect("memory");
    for stanza in header.stanzas() {
        e.array(4).expect("memory").u16(stanza.kem_id()).expect("memory");
        e.bytes(stanza.key_id().as_bytes()).expect("memory").bytes(stanza.enc()).expect("memory");
        e.bytes(stanza.wrapped()).expect("memory");
    }
    bytes
}

#[test]
fn what_parses_is_written_the_same_and_only_what_was_sealed_opens() {
    let valid = valid();
    let identities = identities();
    let words = ["SRENV\0\0\u{1}", "SRENV\0\0\u{2}", "\u{1}", "\0", "\u{42}", "\u{51}"];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let bytes = mutant.of(&valid, &words);
        let streamed = Opener::new(&bytes[..]).map(|opener| opener.header().clone());
        let envelope = match Envelope::parse(bytes.clone()) {
            Ok(envelope) => envelope,
            Err(error) => {
                assert!(streamed.is_err(), "a stream took what memory refused");
                reach.count(&error);
                return;
            }
        };
        assert_eq!(streamed.ok().as_ref(), Some(envelope.header()));
        let header = written(envelope.header());
        assert_eq!(bytes[8..12], u32::try_from(header.len()).expect("short").to_be_bytes());
        assert!(bytes[12..].starts_with(&header));
        let mut plaintext = Vec::new();
        let streamed = Opener::new(&bytes[..]).expect("it was one just now").open(
            &identities,
            &mut plaintext,
            std::num::NonZeroUsize::MIN,
        );
        match envelope.open(&identities) {
            Ok(opened) => {
                assert!(valid.contains(&bytes), "something else than what was sealed opens");
                assert!(streamed.is_ok() && plaintext == opened.expose());
                reach.count("opened");
            }
            Err(error) => {
                assert!(streamed.is_err());
                assert!(error == OpenError::NotMine || !valid.contains(&bytes));
                reach.count(&error);
            }
        }
    });
    reach.assert_met(&[
        "opened",
        "NotMine",
        "Damaged",
        "NotAnEnvelope",
        "UnknownVersion",
        "Truncated",
        "Encoding",
    ]);
}
