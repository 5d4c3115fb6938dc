//! Properties of all keys, payloads and statements, tried on random ones.

use base64ct::{Base64, Encoding};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use strongroom::SlotId;
use strongroom::key::{DecapsulationKey, EncapsulationKey, Identity};
use strongroom::keyfile::{self, KeyFile};
use strongroom::sign_in::{Draft, WalletStatement};
use strongroom::w3pk::{self, AnyPayload, Generation, OpenError, Payload};
use strongroom::wallet::WalletAddress;
use strongroom_testkit::rng;
use time::{OffsetDateTime, UtcOffset};

/// The key with the number `n`; each number gives another key.
fn key(seed: &[u8; 32], n: usize) -> DecapsulationKey {
    let mut d_and_z = [0; 64];
    d_and_z[..32].copy_from_slice(seed);
    d_and_z[0] = n as u8;
    d_and_z[32..].copy_from_slice(seed);
    DecapsulationKey::from_seed(&d_and_z)
}

fn generation() -> impl Strategy<Value = Generation> {
    select(vec![Generation::First, Generation::Second])
}

fn seal(plaintext: &[u8], keys: &[DecapsulationKey], generation: Generation) -> Payload {
    let recipients: Vec<_> = keys.iter().map(DecapsulationKey::encapsulation_key).collect();
    w3pk::seal(plaintext, &recipients, generation, &mut rng()).expect("distinct recipients")
}

fn through_json(payload: &Payload) -> AnyPayload {
    AnyPayload::from_json(payload.to_json().as_bytes()).expect("our own JSON")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_recipient_and_nobody_else_opens_what_was_sealed(
        plaintext in vec(any::<u8>(), 0..=64 * 1024),
        seed in any::<[u8; 32]>(),
        recipients in 1..=8_usize,
        generation in generation(),
    ) {
        let keys: Vec<_> = (0..recipients).map(|n| key(&seed, n)).collect();
        let stranger = key(&seed, recipients);
        let payload = seal(&plaintext, &keys, generation);
        let read = through_json(&payload);
        prop_assert_eq!(&read, &AnyPayload::Payload(payload.clone()));
        prop_assert_eq!(read.to_json(), payload.to_json());
        prop_assert_eq!(payload.generation(), generation);
        prop_assert_eq!(payload.data().ciphertext.len(), plaintext.len());
        for (key, entry) in keys.iter().zip(payload.entries()) {
            prop_assert!(key.is_for(entry.encapsulation_key()));
            let opened = read.open(key).expect("a recipient");
            prop_assert!(opened.expose() == plaintext);
        }
        prop_assert_eq!(read.open(&stranger).err(), Some(OpenError::NotMine));
    }

    #[test]
    fn nothing_of_a_payload_comes_twice(plaintext in vec(any::<u8>(), 32..64), seed in any::<[u8; 32]>()) {
        let keys = [0, 1].map(|n| key(&seed, n));
        let [one, two] = [(); 2].map(|()| seal(&plaintext, &keys, Generation::Second));
        prop_assert_ne!(one.data().iv, two.data().iv);
        prop_assert_ne!(&one.data().ciphertext, &two.data().ciphertext);
        for (one, two) in one.entries().iter().zip(two.entries()) {
            prop_assert_ne!(one.kem_ciphertext(), two.kem_ciphertext());
            prop_assert_ne!(one.wrapped_key(), two.wrapped_key());
        }
    }

    #[test]
    fn a_key_comes_back_from_each_of_its_texts(seed in any::<[u8; 32]>(), created in "[ -~]{0,64}") {
        let key = key(&seed, 0);
        let public = key.encapsulation_key();
        prop_assert_eq!(public.to_string().parse::<EncapsulationKey>(), Ok(public.clone()));
        prop_assert_eq!(public.to_base64().parse::<EncapsulationKey>(), Ok(public.clone()));
        prop_assert_eq!(EncapsulationKey::from_bytes(public.as_bytes()), Ok(public.clone()));

        let imported = DecapsulationKey::from_expanded(&key.to_expanded()[..]).expect("our own key");
        for (text, seed) in [
            (key.to_secret_text(), true),
            (imported.to_secret_text(), false),
            (key.to_expanded_base64(), false),
            (imported.to_expanded_base64(), false),
        ] {
            let back = DecapsulationKey::from_secret_text(&text).expect("our own text");
            prop_assert!(*back.to_expanded() == *key.to_expanded());
            prop_assert_eq!(back.encapsulation_key(), public.clone());
            let form = if seed { &key } else { &imported };
            prop_assert!(*back.to_secret_text() == *form.to_secret_text(), "the form is kept");
        }
        for key in [Identity::from(key), imported.into()] {
            let file = keyfile::write(&key, &created);
            let Ok(KeyFile::Open(back)) = keyfile::parse(file.as_bytes()) else { panic!("our own file") };
            prop_assert!(*back.to_secret_text() == *key.to_secret_text());
            prop_assert!(*keyfile::write(&back, &created) == *file);
        }
    }

    #[test]
    fn a_slot_comes_back_from_its_text(bytes in any::<[u8; 32]>()) {
        let slot = SlotId::from_bytes(bytes);
        prop_assert_eq!(slot.to_string().parse(), Ok(slot));
    }
}

/// The decoded fields of a second-generation payload for one recipient, to be flipped and written
/// again.
struct Fields([Vec<u8>; 5]);

const NAMES: [&str; 5] = ["publicKey", "ciphertext", "encryptedData", "iv", "authTag"];

impl Fields {
    fn of(payload: &Payload) -> Self {
        let (entry, data) = (&payload.entries()[0], payload.data());
        let ciphertext = [&entry.kem_ciphertext()[..], entry.wrapped_key()].concat();
        let public_key = entry.encapsulation_key().to_vec();
        Self([public_key, ciphertext, data.ciphertext.clone(), data.iv.to_vec(), data.tag.to_vec()])
    }

    fn to_json(&self) -> String {
        let [public_key, ciphertext, data, iv, tag] =
            self.0.each_ref().map(|field| Base64::encode_string(field));
        format!(
            r#"{{"version":2,"recipients":[{{"publicKey":"{public_key}","ciphertext":"{ciphertext}"}}],"encryptedData":"{data}","iv":"{iv}","authTag":"{tag}"}}"#
        )
    }

    /// The outcome of opening after a bit of a field was flipped.
    fn refusal_of_flipped(&mut self, field: usize, bit: usize, key: &DecapsulationKey) -> Option<OpenError> {
        self.0[field][bit / 8] ^= 1 << (bit % 8);
        let sealed = AnyPayload::from_json(self.to_json().as_bytes()).expect("the shape is whole");
        self.0[field][bit / 8] ^= 1 << (bit % 8);
        sealed.open(key).err()
    }
}

fn expected(field: usize) -> Option<OpenError> {
    Some(if NAMES[field] == "publicKey" { OpenError::NotMine } else { OpenError::Damaged })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// In fields of all lengths, at random bits.
    #[test]
    fn a_payload_with_a_flipped_bit_does_not_open(
        plaintext in vec(any::<u8>(), 1..4096),
        seed in any::<[u8; 32]>(),
        bits in vec((0..NAMES.len(), any::<Index>()), 64),
    ) {
        let key = key(&seed, 0);
        let mut fields = Fields::of(&seal(&plaintext, std::slice::from_ref(&key), Generation::Second));
        let whole = AnyPayload::from_json(fields.to_json().as_bytes()).expect("ours").open(&key);
        prop_assert!(whole.expect("nothing is flipped").expose() == plaintext);
        for (field, bit) in bits {
            let bit = bit.index(fields.0[field].len() * 8);
            let refusal = fields.refusal_of_flipped(field, bit, &key);
            prop_assert_eq!(refusal, expected(field), "bit {} of {}", bit, NAMES[field]);
        }
    }
}

/// Every bit of the short fields, and one bit of each byte of the long ones.
#[test]
fn no_byte_of_a_payload_may_change() {
    let key = DecapsulationKey::from_seed(&[9; 64]);
    let mut fields = Fields::of(&seal(b"four years", std::slice::from_ref(&key), Generation::Second));
    for (field, name) in NAMES.iter().enumerate() {
        let bytes = fields.0[field].len();
        let bits: Vec<usize> = match bytes {
            0..=64 => (0..bytes * 8).collect(),
            _ => (0..bytes).map(|byte| byte * 8 + byte % 8).collect(),
        };
        for bit in bits {
            let refusal = fields.refusal_of_flipped(field, bit, &key);
            assert_eq!(refusal, expected(field), "bit {bit} of {name}");
        }
    }
}

/// Any time that RFC 3339 can write: years 0 to 9999, offsets of whole minutes.
fn date_time() -> impl Strategy<Value = OffsetDateTime> {
    let years_1_to_9998 = -62_135_596_800_i64..253_370_764_800;
    (years_1_to_9998, select(vec![0, 1, 500_000_000, 999_999_999]), -23 * 60..=23 * 60_i32).prop_map(
        |(seconds, nanoseconds, minutes)| {
            let offset = UtcOffset::from_whole_seconds(minutes * 60).expect("less than a day");
            let moment = OffsetDateTime::from_unix_timestamp(seconds).expect("within the years");
            moment.replace_nanosecond(nanoseconds).expect("less than a second").to_offset(offset)
        },
    )
}

const AUTHORITY: &str =
    r"([a-z0-9-]{1,20}(\.[a-z0-9-]{1,10}){0,3}|127\.0\.0\.1|\[2001:db8::[0-9a-f]{1,4}\])(:[0-9]{1,5})?";
const URI: &str = r"(https?://[a-z.-]{1,30}(:[0-9]{1,5})?(/([A-Za-z0-9._~-]|%[0-9A-F]{2}){0,10}){0,3}(\?[a-z=&/?]{0,20})?(#[a-z]{0,5})?|urn:[a-z]{2,8}:[A-Za-z0-9:._-]{1,80}|ipfs://[a-z0-9]{1,59}/)";

proptest! {
    #[test]
    fn a_draft_is_written_and_read_as_it_is(
        domain in AUTHORITY,
        address in any::<[u8; 20]>().prop_map(WalletAddress::from_bytes),
        statement in proptest::option::of(r"[A-Za-z0-9:/?#\[\]@!$&'()*+,;=._~ -]{1,200}"),
        uri in URI,
        chain_id in any::<u64>(),
        nonce in "[A-Za-z0-9]{8,128}",
        issued_at in date_time(),
        expiration_time in proptest::option::of(date_time()),
        resources in subsequence((0..32).collect::<Vec<u8>>(), 0..=32)
            .prop_flat_map(|numbers| vec(URI, numbers.len())),
    ) {
        let draft = Draft {
            domain: &domain,
            address,
            statement: statement.as_deref(),
            uri: &uri,
            chain_id,
            nonce: &nonce,
            issued_at,
            expiration_time,
            resources,
        };
        let written = draft.write().expect("every field is of the grammar");
        prop_assert_eq!(written.address(), address);
        prop_assert_eq!(written.nonce(), &nonce);
        prop_assert_eq!(written.statement(), statement.as_deref());
        let text = written.to_string();
        let head = format!("{domain} wants you to sign in with your Ethereum account:\n{address}\n\n");
        prop_assert!(text.starts_with(&head));
        let fields = format!("\nURI: {uri}\nVersion: 1\nChain ID: {chain_id}\nNonce: {nonce}\nIssued At: ");
        prop_assert!(text.contains(&fields));
        let last_lines: Vec<&str> = text.lines().rev().take(draft.resources.len()).collect();
        let resources: Vec<String> = draft.resources.iter().rev().map(|uri| format!("- {uri}")).collect();
        prop_assert_eq!(last_lines, resources);
        prop_assert_eq!(WalletStatement::parse(&text), Ok(written));
    }

    /// A field cannot add a line.
    #[test]
    fn a_draft_with_a_line_feed_is_refused(
        field in 0..5_usize,
        at in any::<Index>(),
        feed in select(vec!["\n", "\r", "\r\n", "\u{2028}", "\u{0}"]),
    ) {
        let mut fields = ["localhost:3000", "I sign in", "http://localhost:3000/", "abcdefgh", "urn:a:b"]
            .map(str::to_owned);
        let at = at.index(fields[field].len() + 1);
        fields[field].insert_str(at, feed);
        let [domain, statement, uri, nonce, resource] = &fields;
        let draft = Draft {
            domain,
            address: WalletAddress::from_bytes([0; 20]),
            statement: Some(statement),
            uri,
            chain_id: 1,
            nonce,
            issued_at: OffsetDateTime::UNIX_EPOCH,
            expiration_time: None,
            resources: vec![resource.clone()],
        };
        prop_assert!(draft.write().is_err(), "{draft:?}");
    }
}
