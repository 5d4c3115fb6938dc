//! Tests across the files of this folder. The refusals are in `testdata/envelope/`.

use super::payload::{self, PayloadKey};
use super::*;
use crate::key::{DecapsulationKey, HybridDecapsulationKey, Identity};
use crate::policy::EnvelopePolicyError;
use crate::wallet::WalletAddress;
use proptest::prelude::*;
use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use strongroom_testkit::rng;
use strongroom_testkit::seeded_random::SeededRandom;

fn ml_kem(n: u8) -> Identity {
    DecapsulationKey::from_seed(&[n; 64]).into()
}

fn hybrid(n: u8) -> Identity {
    HybridDecapsulationKey::from_seed(&[n; 32]).expect("a seed").into()
}

fn bytes(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    SeededRandom::new(count as u64).fill(&mut bytes);
    bytes
}

fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).expect("some threads")
}

/// Sizes at which something changes: the ends of chunks and of segments.
const SIZES: [usize; 11] = {
    let (chunk, segment) = (CHUNK_BYTES, 16 * CHUNK_BYTES);
    [
        0,
        1,
        chunk - 1,
        chunk,
        chunk + 1,
        3 * chunk,
        segment - 1,
        segment,
        segment + 1,
        2 * segment,
        5 * segment + 7,
    ]
};

#[test]
fn every_recipient_opens_it() {
    let identities = [ml_kem(1), hybrid(2), ml_kem(3)];
    let recipients = identities.each_ref().map(Identity::recipient);
    let envelope = seal(b"four years", &recipients, EnvelopePolicy::default(), &mut rng()).expect("three");
    for identity in &identities {
        assert_eq!(envelope.open([identity]).expect("a recipient").expose(), b"four years");
    }
    assert_eq!(envelope.open([&ml_kem(4)]).err(), Some(OpenError::NotMine));
    // One seed, another KEM: another key.
    assert_eq!(envelope.open([&hybrid(1)]).err(), Some(OpenError::NotMine));
    assert_eq!(envelope.plaintext_bytes(), Some(10));
}

/// Sealing in memory, through `Write` in odd pieces, and as a whole on one to three threads gives
/// the same bytes. Every way of opening opens them.
#[test]
fn every_way_gives_the_same() {
    let identity = ml_kem(1);
    for size in SIZES {
        let plaintext = bytes(size);
        let sealer = || {
            let rng = &mut SeededRandom::new(7);
            Sealer::new(&[identity.recipient()], EnvelopePolicy::default(), rng).expect("one recipient")
        };
        let envelope =
            seal(&plaintext, &[identity.recipient()], EnvelopePolicy::default(), &mut SeededRandom::new(7));
        let sealed = envelope.expect("one recipient").as_bytes().to_vec();

        let mut writer = sealer().into_writer(Vec::new()).expect("memory");
        for piece in plaintext.chunks(10_007) {
            writer.write_all(piece).expect("memory");
            writer.flush().expect("memory");
        }
        assert!(writer.finish().expect("memory") == sealed, "{size} by pieces");

        for count in 1..=3 {
            let mut out = Vec::new();
            let sent = sealer().seal(&plaintext[..], &mut out, threads(count)).expect("memory");
            assert!(out == sealed && sent == size as u64, "{size} on {count} threads");
            let mut out = Vec::new();
            let opener = Opener::new(&sealed[..]).expect("an envelope");
            let got = opener.open([&identity], &mut out, threads(count)).expect("its recipient");
            assert!(out == plaintext && got == size as u64, "{size} on {count} threads");
        }

        let parsed = Envelope::parse(sealed.clone()).expect("an envelope");
        assert!(parsed.open([&identity]).expect("its recipient").expose() == plaintext, "{size} in memory");
        assert_eq!(parsed.plaintext_bytes(), Some(size as u64));
        let mut out = Vec::new();
        let opener = Opener::new(&sealed[..]).expect("an envelope");
        let mut reader = opener.into_reader([&identity]).expect("its recipient");
        reader.read_to_end(&mut out).expect("whole");
        assert!(out == plaintext, "{size} by a reader");
    }
}

#[test]
fn any_part_is_read_at_random() {
    let (identity, plaintext) = (ml_kem(1), bytes(5 * CHUNK_BYTES + 100));
    let envelope =
        seal(&plaintext, &[identity.recipient()], EnvelopePolicy::default(), &mut rng()).expect("one");
    // An envelope may be anywhere in a file.
    let mut file = Cursor::new([b"before".to_vec(), envelope.as_bytes().to_vec()].concat());
    file.set_position(6);
    let opener = Opener::new(file).expect("an envelope");
    let mut reader = opener.into_seek_reader([&identity]).expect("its recipient");
    assert_eq!(reader.plaintext_bytes(), plaintext.len() as u64);
    let mut random = SeededRandom::new(1);
    for _ in 0..200 {
        let from = random.below(plaintext.len() + 10);
        let count = random.below(3 * CHUNK_BYTES);
        reader.seek(SeekFrom::Start(from as u64)).expect("a place");
        let mut out = Vec::new();
        reader.by_ref().take(count as u64).read_to_end(&mut out).expect("a part");
        let from = from.min(plaintext.len());
        assert!(out == plaintext[from..(from + count).min(plaintext.len())], "{count} from {from}");
    }
    assert_eq!(reader.seek(SeekFrom::End(-1)).expect("a place"), plaintext.len() as u64 - 1);
    assert_eq!(reader.seek(SeekFrom::Current(-1)).expect("a place"), plaintext.len() as u64 - 2);
    assert!(reader.seek(SeekFrom::Current(i64::MIN)).is_err());
}

/// Rests on the number in a chunk's nonce, and on the short last chunk. Every reader finds the
/// damage, and gives out nothing from the damaged chunk on.
#[test]
fn chunks_cut_off_moved_repeated_or_added_are_noticed() {
    let (identity, plaintext) = (ml_kem(1), bytes(20 * CHUNK_BYTES + 100));
    let envelope =
        seal(&plaintext, &[identity.recipient()], EnvelopePolicy::default(), &mut rng()).expect("one");
    let start = envelope.head.as_bytes().len() + payload::PREFIX_BYTES;
    let (head, chunks) = envelope.as_bytes().split_at(start);
    let chunks: Vec<&[u8]> = chunks.chunks(payload::SEALED_CHUNK_BYTES).collect();
    assert_eq!(chunks.len(), 21);
    let cases: [(&str, usize, Vec<Vec<u8>>); 9] = [
        ("the last cut off", 20, chunks[..20].iter().map(|c| c.to_vec()).collect()),
        ("all cut off", 0, vec![]),
        (
            "a tag cut off",
            20,
            [&chunks[..20], &[&chunks[20][..100]]].concat().iter().map(|c| c.to_vec()).collect(),
        ),
        (
            "a byte cut off",
            20,
            [&chunks[..20], &[&chunks[20][..115]]].concat().iter().map(|c| c.to_vec()).collect(),
        ),
        ("a byte added", 20, [&chunks[..], &[&[0][..]]].concat().iter().map(|c| c.to_vec()).collect()),
        ("a chunk added", 20, [&chunks[..], &[chunks[20]]].concat().iter().map(|c| c.to_vec()).collect()),
        (
            "two swapped",
            3,
            [&chunks[..3], &[chunks[4], chunks[3]], &chunks[5..]]
                .concat()
                .iter()
                .map(|c| c.to_vec())
                .collect(),
        ),
        ("one repeated", 4, [&chunks[..4], &chunks[3..]].concat().iter().map(|c| c.to_vec()).collect()),
        ("one left out", 18, [&chunks[..18], &chunks[19..]].concat().iter().map(|c| c.to_vec()).collect()),
    ];
    for (name, whole_chunks, altered) in cases {
        let altered = [head.to_vec(), altered.concat()].concat();
        let opener = || Opener::new(&altered[..]).expect("the header is whole");
        let damaged =
            |result: Result<u64, StreamError>| matches!(result, Err(StreamError::Open(OpenError::Damaged)));
        for count in 1..=2 {
            let mut out = Vec::new();
            assert!(damaged(opener().open([&identity], &mut out, threads(count))), "{name}");
            assert!(out.len() <= whole_chunks * CHUNK_BYTES && plaintext.starts_with(&out), "{name}");
        }
        let mut out = Vec::new();
        let mut reader = opener().into_reader([&identity]).expect("its recipient");
        let error = reader.read_to_end(&mut out).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{name}");
        assert!(out.len() <= whole_chunks * CHUNK_BYTES && plaintext.starts_with(&out), "{name}");
        assert!(reader.read(&mut [0; 16]).is_err(), "{name}: it stays so");
        let parsed = Envelope::parse(altered.clone()).expect("the header is whole");
        assert_eq!(parsed.open([&identity]).err(), Some(OpenError::Damaged), "{name}");
        // A seeking reader notices damage at the end at once, and any other when it reads there.
        let found = Opener::new(Cursor::new(&altered))
            .expect("the header is whole")
            .into_seek_reader([&identity])
            .map(|mut reader| reader.read_to_end(&mut Vec::new()));
        assert!(!matches!(found, Ok(Ok(_))), "{name}");
    }
}

/// Rests on the binding as the payload's context: a payload belongs to one policy and one id,
/// whatever its key.
#[test]
fn a_payload_is_bound_to_its_header() {
    let input_key = [5; 32];
    let sealed = PayloadKey::derive(&input_key, &[0; 24], &[1; 32]);
    assert!(PayloadKey::open(&input_key, sealed.prefix(), &[1; 32]).is_ok());
    assert_eq!(PayloadKey::open(&input_key, sealed.prefix(), &[2; 32]).err(), Some(OpenError::Damaged));
    let identity = ml_kem(1);
    let of = |label: &str| {
        let policy = EnvelopePolicy { label: Some(label.to_owned()), ..EnvelopePolicy::default() };
        // File key and salt are the same, so only the binding differs.
        seal(b"text", &[identity.recipient()], policy, &mut SeededRandom::new(1)).expect("one recipient")
    };
    let (a, b) = (of("a"), of("b"));
    let swapped = [a.head.as_bytes(), b.payload()].concat();
    assert_eq!(Envelope::parse(swapped).expect("whole").open([&identity]).err(), Some(OpenError::Damaged));
}

#[test]
fn rewrapping_changes_recipients_and_leaves_the_payload() {
    let [ann, bob, eve] = [ml_kem(1), hybrid(2), ml_kem(3)];
    let policy = EnvelopePolicy { label: Some("for two".to_owned()), ..EnvelopePolicy::default() };
    let before = seal(b"text", &[ann.recipient(), eve.recipient()], policy, &mut rng()).expect("two");
    let after =
        before.rewrap([&ann], &[bob.recipient()], &[eve.recipient().id()], &mut rng()).expect("a recipient");
    assert_eq!(after.payload(), before.payload());
    assert_eq!(after.header().policy(), before.header().policy());
    assert_eq!(after.header().envelope_id(), before.header().envelope_id());
    assert_eq!(after.header().stanza_for(&ann), before.header().stanza_for(&ann));
    for identity in [&ann, &bob] {
        assert_eq!(after.open([identity]).expect("a recipient").expose(), b"text");
    }
    assert_eq!(after.open([&eve]).err(), Some(OpenError::NotMine));

    let mut streamed = Vec::new();
    let opener = Opener::new(before.as_bytes()).expect("an envelope");
    opener.rewrap([&ann], &[], &[eve.recipient().id()], &mut rng(), &mut streamed).expect("a recipient");
    assert_eq!(Envelope::parse(streamed).expect("whole").open([&eve]).err(), Some(OpenError::NotMine));

    // A payload that was cut, or belongs to another envelope, is not passed on.
    for bytes in [
        before.as_bytes()[..before.as_bytes().len() - 10].to_vec(),
        [before.head.as_bytes(), &[0; 100]].concat(),
    ] {
        let damaged = Envelope::parse(bytes.clone()).expect("its header is whole");
        let error = damaged.rewrap([&ann], &[bob.recipient()], &[], &mut rng());
        assert!(matches!(error, Err(RewrapError::Open(OpenError::Damaged))));
        let opener = Opener::new(&bytes[..]).expect("its header is whole");
        let error = opener.rewrap([&ann], &[bob.recipient()], &[], &mut rng(), io::sink());
        assert!(matches!(error, Err(RewrapError::Open(OpenError::Damaged))));
    }

    let refusal = |keys: &Identity, add: &[Recipient], remove: &[KeyId]| {
        before.rewrap([keys], add, remove, &mut rng()).expect_err("a mistake")
    };
    let (ann_id, bob_id, eve_id) = (ann.recipient().id(), bob.recipient().id(), eve.recipient().id());
    assert!(matches!(refusal(&bob, &[], &[eve_id]), RewrapError::Open(OpenError::NotMine)));
    assert!(matches!(refusal(&ann, &[], &[bob_id]), RewrapError::NotARecipient { id } if id == bob_id));
    assert!(matches!(
        refusal(&ann, &[eve.recipient()], &[]),
        RewrapError::Recipients(SealError::RepeatedRecipient { id }) if id == eve_id
    ));
    assert!(matches!(refusal(&ann, &[], &[ann_id, eve_id]), RewrapError::Recipients(SealError::NoRecipient)));
}

#[test]
fn lists_of_recipients_are_checked() {
    let refusal = |recipients: &[Recipient]| {
        seal(b"", recipients, EnvelopePolicy::default(), &mut rng()).expect_err("a bad list")
    };
    let one = ml_kem(1).recipient();
    assert_eq!(refusal(&[]), SealError::NoRecipient);
    assert_eq!(refusal(&[one.clone(), one.clone()]), SealError::RepeatedRecipient { id: one.id() });
    assert_eq!(refusal(&vec![one.clone(); MAX_RECIPIENTS + 1]), SealError::TooManyRecipients);
    let policy = EnvelopePolicy { approvals: Some(1), ..EnvelopePolicy::default() };
    let error = seal(b"", &[one], policy, &mut rng()).expect_err("approvals without readers");
    assert_eq!(error, SealError::Policy(EnvelopePolicyError::Field { field: "approvals" }));
}

/// A stream that fails or panics after some bytes.
struct Failing(usize, bool);

impl Read for Failing {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            assert!(!self.1, "the caller's stream panics");
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = out.len().min(self.0);
        self.0 -= count;
        Ok(count)
    }
}

#[test]
fn streams_that_fail_say_which_and_panics_pass() {
    let identity = ml_kem(1);
    let sealer = || Sealer::new(&[identity.recipient()], EnvelopePolicy::default(), &mut rng()).expect("one");
    for count in 1..=2 {
        let error = sealer().seal(Failing(3_000_000, false), io::sink(), threads(count));
        assert!(matches!(error, Err(StreamError::Read(_))));
        let error = sealer().seal(&bytes(3_000_000)[..], &mut [0; 100_000][..], threads(count));
        assert!(matches!(error, Err(StreamError::Write(_))));
        let panics = std::panic::AssertUnwindSafe(|| {
            sealer().seal(Failing(3_000_000, true), io::sink(), threads(count))
        });
        assert!(std::panic::catch_unwind(panics).is_err());
    }
}

/// An output that fails once and would then go on. What was sealed in place is never sealed a
/// second time, which would give the plaintext back.
#[test]
fn a_writer_whose_output_failed_writes_nothing_more() {
    struct Once(Vec<u8>, bool);
    impl Write for Once {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.len() > 10_000 && !std::mem::replace(&mut self.1, true) {
                return Err(ErrorKind::StorageFull.into());
            }
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let sealer = Sealer::new(&[ml_kem(1).recipient()], EnvelopePolicy::default(), &mut rng()).expect("one");
    let mut output = Once(Vec::new(), false);
    let mut writer = sealer.into_writer(&mut output).expect("some room");
    let plaintext = bytes(3 * 16 * CHUNK_BYTES);
    assert!(writer.write_all(&plaintext).is_err());
    assert!(writer.write_all(&plaintext).is_err());
    assert!(writer.finish().is_err());
    assert!(!output.0.windows(64).any(|window| window == &plaintext[..64]));
}

/// An input that fails once and would then go on. What was read before the failure is never given
/// out as plaintext.
#[test]
fn a_reader_whose_input_failed_gives_nothing_more() {
    struct Once<'a>(&'a [u8], bool);
    impl Read for Once<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.0.len() < 1000 && !std::mem::replace(&mut self.1, true) {
                return Err(ErrorKind::TimedOut.into());
            }
            let count = out.len().min(500);
            self.0.read(&mut out[..count])
        }
    }
    let identity = ml_kem(1);
    let envelope =
        seal(&bytes(3000), &[identity.recipient()], EnvelopePolicy::default(), &mut rng()).expect("one");
    let opener = Opener::new(Once(envelope.as_bytes(), false)).expect("an envelope");
    let mut reader = opener.into_reader([&identity]).expect("its recipient");
    let mut out = [0; 100];
    assert_eq!(reader.read(&mut out).expect_err("once").kind(), ErrorKind::TimedOut);
    assert!(reader.read(&mut out).is_err());
    assert_eq!(out, [0; 100]);
}

proptest! {
    #[test]
    fn what_is_sealed_opens(plaintext in proptest::collection::vec(any::<u8>(), 0..40_000), label in "[a-z]{1,20}") {
        let identity = ml_kem(1);
        let policy = EnvelopePolicy { label: Some(label), ..EnvelopePolicy::default() };
        let envelope = seal(&plaintext, &[identity.recipient()], policy.clone(), &mut rng()).expect("one");
        let back = Envelope::parse(envelope.as_bytes().to_vec()).expect("our own");
        prop_assert_eq!(back.header().policy(), &policy);
        let opened = back.open([&identity]).expect("its recipient");
        prop_assert!(opened.expose() == plaintext);
    }

    /// Every altered byte is noticed.
    #[test]
    fn any_altered_byte_is_noticed(at in any::<proptest::sample::Index>(), flip in 1_u8..) {
        let identity = ml_kem(1);
        let envelope = seal(b"four years", &[identity.recipient()], EnvelopePolicy::default(), &mut rng()).expect("one");
        let mut bytes = envelope.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let opened = Envelope::parse(bytes).map(|envelope| envelope.open([&identity]).is_ok());
        prop_assert!(!matches!(opened, Ok(true)), "byte {}", at);
    }
}

/// The example of spec/envelope.md#worked-example; `UPDATE_GOLDEN=1` writes it there, and as the
/// vector of the same name.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test reads and writes the page")]
fn the_worked_example_is_in_the_spec() {
    const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/envelope.md");
    const FENCE: &str = "```example\n";
    let seed: [u8; 64] = std::array::from_fn(|at| at as u8);
    let identity = Identity::from(DecapsulationKey::from_seed(&seed));
    let policy = EnvelopePolicy {
        readers: vec![WalletAddress::from_bytes([0x11; 20]).into()],
        audience: Some([0xAA; 32]),
        label: Some("example".to_owned()),
        ..EnvelopePolicy::default()
    };
    let sealed =
        seal(b"four years", &[identity.recipient()], policy.clone(), &mut SeededRandom::new(4)).expect("one");
    let head = &sealed.head;
    let stanza = &head.header().stanzas()[0];
    let file_key = head.open([(&identity).into()]).expect("its recipient");
    let (prefix, chunks) =
        sealed.payload().split_first_chunk::<{ payload::PREFIX_BYTES }>().expect("a payload");
    let shared_secret = IdentityRef::from(&identity).decapsulate(stanza.enc()).expect("an enc");
    let wrapped = head.as_bytes()[..head.as_bytes().len() - 32].last_chunk::<48>().expect("one stanza");
    let public_digest: [u8; 32] = {
        use sha2::Digest;
        sha2::Sha256::digest(identity.recipient().as_bytes()).into()
    };
    // The seeded randomness between envelope id and salt.
    let message = {
        let mut random = SeededRandom::new(4);
        let (_file_key, _envelope_id) = (random.bytes::<32>(), random.bytes::<16>());
        random.bytes::<32>()
    };
    let mut text = String::new();
    let mut line = |name: &str, bytes: &[u8]| {
        let digits = hex::encode(bytes);
        for (at, part) in digits.as_bytes().chunks(96).enumerate() {
            let name = if at == 0 { name } else { "" };
            text += &format!("{name:<20}{}\n", std::str::from_utf8(part).expect("hex"));
        }
    };
    line("seed", &seed);
    line("SHA-256(ek)", &public_digest);
    line("key_id", stanza.key_id().as_bytes());
    line("file key", file_key.expose());
    line("envelope_id", head.header().envelope_id());
    line("encapsulation m", &message);
    line("policy", &policy.encode().expect("a policy"));
    line("binding", head.binding());
    line("shared secret", shared_secret.expose());
    line("wrapped", wrapped);
    line("mac key", &file_key.mac_key()[..]);
    line("header_mac", &head.as_bytes()[head.as_bytes().len() - 32..]);
    line("payload key", &file_key.payload_input_key()[..]);
    line("salt", &prefix[..24]);
    line("commitment", &prefix[24..]);
    line("chunk 0", chunks);
    line("envelope", sealed.as_bytes());
    let spec = std::fs::read_to_string(PATH).expect("the page");
    let start = spec.find(FENCE).expect("the example") + FENCE.len();
    let end = start + spec[start..].find("```").expect("its end");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(PATH, [&spec[..start], &text, &spec[end..]].concat())
            .expect("the page can be written");
        return;
    }
    assert!(text == spec[start..end], "the format changed: run this test with UPDATE_GOLDEN=1");
}
