//! Walks `testdata/envelope/`, where each file has one outcome. The reader in `testdata/reader/`
//! walks the same files. `UPDATE_GOLDEN=1` writes them again; every run writes the same bytes.

#![expect(clippy::disallowed_methods, reason = "the vectors are files")]

use minicbor::Encoder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use strongroom::encoding;
use strongroom::envelope::armor::{ArmorReader, ArmorWriter};
use strongroom::envelope::{self, CHUNK_BYTES, Envelope, EnvelopeError, MAGIC};
use strongroom::key::{DecapsulationKey, HybridDecapsulationKey, Identity};
use strongroom::policy::{EnvelopePolicy, EnvelopePolicyError};
use strongroom::wallet::WalletAddress;
use strongroom::{HYBRID_CIPHERTEXT_BYTES, OpenError};
use strongroom_testkit::seeded_random::SeededRandom;

/// A file that is added or lost is noticed here.
const COUNT: usize = 124;
const KEM_BYTES: usize = 1568;
const SEALED_CHUNK: usize = CHUNK_BYTES + 16;

#[derive(Serialize, Deserialize)]
struct Vector {
    /// What is special about this vector.
    comment: String,
    /// Secret key texts.
    keys: Vec<String>,
    /// `opened`, `not mine`, `damaged`, or `refused: ` and why.
    outcome: String,
    /// The plaintext in hex, if it opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<String>,
    /// The envelope in base64; empty if `armored` is there.
    envelope: String,
    /// The envelope as text, instead of base64.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    armored: String,
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "testdata", "envelope"].iter().collect()
}

#[test]
fn every_vector_has_its_outcome() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        write_all();
    }
    let mut count = 0;
    for entry in std::fs::read_dir(folder()).expect("the folder") {
        let path = entry.expect("an entry").path();
        let vector: Vector =
            serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("a vector");
        let (outcome, plaintext) = outcome(&vector);
        assert_eq!(outcome, vector.outcome, "{}", path.display());
        // The name says what its writer meant.
        let meant = path.file_stem().expect("a name").to_string_lossy().replace("not-mine", "not mine");
        let (kind, _) = outcome.split_once(':').unwrap_or((&outcome, ""));
        assert!(meant.starts_with(kind), "{}", path.display());
        assert_eq!(plaintext, vector.plaintext, "{}", path.display());
        count += 1;
    }
    assert_eq!(count, COUNT);
}

fn outcome(vector: &Vector) -> (String, Option<String>) {
    let keys: Vec<Identity> = vector
        .keys
        .iter()
        .map(|text| {
            Identity::from_secret_text(text).unwrap_or_else(|error| panic!("a secret key text: {error}"))
        })
        .collect();
    let mut bytes = encoding::from_base64(&vector.envelope).expect("base64");
    if !vector.armored.is_empty()
        && ArmorReader::new(vector.armored.as_bytes()).read_to_end(&mut bytes).is_err()
    {
        return ("refused: armor".to_owned(), None);
    }
    let envelope = match Envelope::parse(bytes) {
        Ok(envelope) => envelope,
        Err(error) => return (format!("refused: {}", name(error)), None),
    };
    match envelope.open(&keys) {
        Ok(plaintext) => ("opened".to_owned(), Some(hex::encode(plaintext.expose()))),
        Err(OpenError::NotMine) => ("not mine".to_owned(), None),
        Err(_) => ("damaged".to_owned(), None),
    }
}

fn name(error: EnvelopeError) -> String {
    match error {
        EnvelopeError::NotAnEnvelope => "no envelope".to_owned(),
        EnvelopeError::UnknownVersion => "unknown version".to_owned(),
        EnvelopeError::HeaderLength { .. } => "header length".to_owned(),
        EnvelopeError::Truncated => "cut short".to_owned(),
        EnvelopeError::Encoding => "encoding".to_owned(),
        EnvelopeError::UnknownThreshold => "unknown threshold".to_owned(),
        EnvelopeError::UnknownKem { .. } => "unknown KEM".to_owned(),
        EnvelopeError::Recipients { .. } => "recipients".to_owned(),
        EnvelopeError::RepeatedRecipient => "repeated recipient".to_owned(),
        EnvelopeError::Policy(EnvelopePolicyError::UnknownKey { .. }) => "unknown policy key".to_owned(),
        EnvelopeError::Policy(EnvelopePolicyError::Field { field }) => format!("policy field {field}"),
        EnvelopeError::Policy(EnvelopePolicyError::TooLarge) => "policy too large".to_owned(),
        EnvelopeError::Policy(EnvelopePolicyError::Encoding) => "policy encoding".to_owned(),
        other => panic!("no name for {other}"),
    }
}

fn ml_kem(n: u8) -> Identity {
    DecapsulationKey::from_seed(&[n; 64]).into()
}

fn hybrid(n: u8) -> Identity {
    HybridDecapsulationKey::from_seed(&[n; 32]).expect("a seed").into()
}

/// Collects the vectors by name.
struct Vectors(BTreeMap<String, Vector>);

impl Vectors {
    fn add(&mut self, name: &str, comment: &str, keys: &[&Identity], bytes: &[u8]) {
        let mut vector = Vector {
            comment: comment.to_owned(),
            keys: keys.iter().map(|key| key.to_secret_text().to_string()).collect(),
            outcome: String::new(),
            plaintext: None,
            envelope: encoding::base64(bytes),
            armored: String::new(),
        };
        (vector.outcome, vector.plaintext) = outcome(&vector);
        assert!(self.0.insert(name.to_owned(), vector).is_none(), "{name} twice");
    }

    fn add_text(&mut self, name: &str, comment: &str, key: &Identity, text: &str) {
        self.add(name, comment, &[key], &[]);
        let vector = self.0.get_mut(name).expect("just added");
        text.clone_into(&mut vector.armored);
        (vector.outcome, vector.plaintext) = outcome(vector);
    }
}

/// The parts of a header, which are put together wrongly.
struct Parts {
    version: Vec<u8>,
    id: Vec<u8>,
    policy: Vec<u8>,
    threshold: Vec<u8>,
    count: u64,
    stanzas: Vec<u8>,
}

impl Parts {
    fn good() -> Self {
        Self {
            version: vec![1],
            id: vec![7; 16],
            policy: vec![0xA0],
            threshold: vec![0xF6],
            count: 1,
            stanzas: stanza(0x42, 1, KEM_BYTES, 48),
        }
    }

    fn header(&self) -> Vec<u8> {
        let mut header = vec![0x85];
        header.extend_from_slice(&self.version);
        let mut e = Encoder::new(&mut header);
        e.bytes(&self.id).expect("memory").bytes(&self.policy).expect("memory");
        header.extend_from_slice(&self.threshold);
        Encoder::new(&mut header).array(self.count).expect("memory");
        header.extend_from_slice(&self.stanzas);
        header
    }
}

/// A stanza of the right shape that nobody can open.
fn stanza(kem_id: u32, key_id: u8, enc: usize, wrapped: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut e = Encoder::new(&mut bytes);
    e.array(4).expect("memory").u32(kem_id).expect("memory").bytes(&[key_id; 16]).expect("memory");
    e.bytes(&vec![0; enc]).expect("memory").bytes(&vec![0; wrapped]).expect("memory");
    bytes
}

fn envelope_of(header: &[u8]) -> Vec<u8> {
    let length = u32::try_from(header.len()).expect("short").to_be_bytes();
    [&MAGIC[..], &length, header, &[0; 32], &[0; 72]].concat()
}

fn write_all() {
    let mut vectors = Vectors(BTreeMap::new());
    opened(&mut vectors);
    altered(&mut vectors);
    cut_and_moved(&mut vectors);
    armor(&mut vectors);
    refused_headers(&mut vectors);
    refused_policies(&mut vectors);
    std::fs::remove_dir_all(folder()).ok();
    std::fs::create_dir_all(folder()).expect("the folder");
    for (name, vector) in vectors.0 {
        let json = serde_json::to_string_pretty(&vector).expect("a vector");
        std::fs::write(folder().join(format!("{name}.json")), json + "\n").expect("a file");
    }
}

fn seal(plaintext: &[u8], identities: &[&Identity], policy: EnvelopePolicy, seed: u64) -> Vec<u8> {
    let recipients: Vec<_> = identities.iter().map(|identity| identity.recipient()).collect();
    let envelope = envelope::seal(plaintext, &recipients, policy, &mut SeededRandom::new(seed));
    envelope.expect("recipients").as_bytes().to_vec()
}

fn text(count: usize) -> Vec<u8> {
    (0..count).map(|at| at as u8).collect()
}

fn full_policy() -> EnvelopePolicy {
    let wallet = |n| WalletAddress::from_bytes([n; 20]).into();
    EnvelopePolicy {
        readers: vec![wallet(1), wallet(2), strongroom::principal::Principal::SlhDsa([3; 32])],
        owners: vec![wallet(4)],
        approvals: Some(2),
        audience: Some([5; 32]),
        not_before: Some(1_700_000_000),
        not_after: Some(253_402_300_799),
        one_time: true,
        label: Some("苟全性命於亂世".to_owned()),
    }
}

fn opened(vectors: &mut Vectors) {
    let (ann, bob, eve) = (ml_kem(1), hybrid(2), ml_kem(3));
    let example = DecapsulationKey::from_seed(&std::array::from_fn(|at| at as u8)).into();
    let policy = EnvelopePolicy {
        readers: vec![WalletAddress::from_bytes([0x11; 20]).into()],
        audience: Some([0xAA; 32]),
        label: Some("example".to_owned()),
        ..EnvelopePolicy::default()
    };
    let bytes = seal(b"four years", &[&example], policy, 4);
    vectors.add("opened-worked-example", "spec/envelope.md §4.9", &[&example], &bytes);
    let bytes = seal(b"", &[&ann], EnvelopePolicy::default(), 5);
    vectors.add("opened-empty", "no plaintext: one empty chunk", &[&ann], &bytes);
    let bytes = seal(&text(CHUNK_BYTES), &[&ann], EnvelopePolicy::default(), 6);
    vectors.add("opened-one-chunk-full", "16,384 bytes: a full chunk and an empty one", &[&ann], &bytes);
    let bytes = seal(&text(CHUNK_BYTES + 1), &[&ann], EnvelopePolicy::default(), 7);
    vectors.add("opened-two-chunks", "16,385 bytes", &[&ann], &bytes);
    let bytes = seal(b"text", &[&ann, &bob, &eve], full_policy(), 8);
    vectors.add("opened-full-policy", "every field of a policy", &[&ann], &bytes);
    vectors.add("opened-hybrid", "by MLKEM1024-P384", &[&bob], &bytes);
    vectors.add("opened-second-key", "by the second of the keys at hand", &[&ml_kem(9), &eve], &bytes);
    let wallets = |count: u8| (0..count).map(|n| WalletAddress::from_bytes([n; 20]).into()).collect();
    let label = Some("x".repeat(256));
    let most =
        EnvelopePolicy { readers: wallets(100), approvals: Some(100), label, ..EnvelopePolicy::default() };
    let most = seal(b"text", &[&ann], most, 9);
    vectors.add("opened-largest-policy", "100 readers and approvals, a label of 256 bytes", &[&ann], &most);
    vectors.add("not-mine", "sealed for others", &[&ml_kem(9), &hybrid(1)], &bytes);
}

fn altered(vectors: &mut Vectors) {
    let (ann, bob) = (ml_kem(1), hybrid(2));
    let good = seal(b"text", &[&ann, &bob], full_policy(), 20);
    let other = seal(b"text", &[&ann, &bob], full_policy(), 21);
    let header_bytes = u32::from_be_bytes(good[8..12].try_into().expect("a length")) as usize;
    let (mac, payload) = (12 + header_bytes, 12 + header_bytes + 32);
    let policy = full_policy().encode().expect("a policy");
    let policy_at = good.windows(policy.len()).position(|window| window == policy).expect("the policy");
    let stanzas = policy_at + policy.len() + 2;
    let (first, second) = (stanzas, stanzas + 1641);
    let places = [
        ("envelope-id", 15, "the id"),
        ("policy-reader", policy_at + 7, "a reader's address"),
        ("policy-label", policy_at + policy.len() - 1, "the label"),
        ("enc", first + 30, "our KEM ciphertext"),
        ("wrapped", first + 1641 - 1, "our wrapped file key"),
        ("other-key-id", second + 6, "the key id of another's stanza"),
        ("other-enc", second + 40, "another's KEM ciphertext"),
        ("other-wrapped", second + 1738 - 1, "another's wrapped file key"),
        ("mac", mac, "the header's MAC"),
        ("salt", payload, "the payload's salt"),
        ("commitment", payload + 24, "the payload's commitment"),
        ("chunk", payload + 56, "the last chunk"),
        ("tag", good.len() - 1, "the last chunk's tag"),
    ];
    for (name, at, comment) in places {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        if name == "policy-label" {
            // Still UTF-8.
            bytes[at] ^= 3;
        }
        vectors.add(&format!("damaged-{name}"), &format!("a bit of {comment} is flipped"), &[&ann], &bytes);
    }
    let mut bytes = good.clone();
    bytes[first + 6] ^= 1;
    vectors.add("not-mine-key-id", "a bit of our key id is flipped", &[&ann], &bytes);
    let mut point = good.clone();
    point[second + 1738 - 50 - 1] ^= 1;
    vectors.add("damaged-point", "the ephemeral point is not on P-384", &[&bob], &point);
    let mut point = good.clone();
    let y_is_odd = point[second + 1738 - 50 - 1] & 1;
    point[second + 1738 - 50 - 97] = 0x06 + y_is_odd;
    vectors.add("damaged-point-form", "the ephemeral point in SEC 1's hybrid form", &[&bob], &point);

    let rebuilt = |stanzas: &[&[u8]]| {
        let mut header = good[12..first - 1].to_vec();
        header.push(0x80 + stanzas.len() as u8);
        header.extend_from_slice(&stanzas.concat());
        let length = u32::try_from(header.len()).expect("short").to_be_bytes();
        [&MAGIC[..], &length, &header, &good[mac..]].concat()
    };
    let (ours, theirs) = (&good[first..second], &good[second..mac]);
    let third = stanza(0x42, 9, KEM_BYTES, 48);
    vectors.add("damaged-stanza-dropped", "another's stanza is gone", &[&ann], &rebuilt(&[ours]));
    vectors.add("damaged-stanza-moved", "the stanzas changed places", &[&ann], &rebuilt(&[theirs, ours]));
    let added = rebuilt(&[ours, theirs, &third]);
    vectors.add("damaged-stanza-added", "a third stanza, under the old MAC", &[&ann], &added);
    let foreign = &other[first..second];
    let replaced = rebuilt(&[foreign, theirs]);
    vectors.add("damaged-stanza-of-another", "our stanza is another envelope's", &[&ann], &replaced);
    let swapped = [&good[..payload], &other[payload..]].concat();
    vectors.add("damaged-payload-of-another", "the payload is another envelope's", &[&ann], &swapped);
    let swapped = [&good[..mac], &other[mac..]].concat();
    vectors.add("damaged-mac-of-another", "MAC and payload are another envelope's", &[&ann], &swapped);
}

fn cut_and_moved(vectors: &mut Vectors) {
    let ann = ml_kem(1);
    let good = seal(&text(2 * CHUNK_BYTES + 5), &[&ann], EnvelopePolicy::default(), 30);
    let header_bytes = u32::from_be_bytes(good[8..12].try_into().expect("a length")) as usize;
    let payload = 12 + header_bytes + 32;
    let start = payload + 56;
    let (first, rest) = good[start..].split_at(SEALED_CHUNK);
    let (second, last) = rest.split_at(SEALED_CHUNK);
    let with = |chunks: &[&[u8]]| [&good[..start], &chunks.concat()].concat();
    for (name, comment, bytes) in [
        ("damaged-no-payload", "nothing after the MAC", good[..payload].to_vec()),
        ("damaged-prefix-cut", "the commitment is cut", good[..start - 1].to_vec()),
        ("damaged-no-chunk", "no chunk", with(&[])),
        ("damaged-tag-cut", "15 bytes of a tag", with(&[&first[..15]])),
        ("damaged-cut-between", "cut where a chunk ends", with(&[first])),
        ("damaged-cut-within", "cut within a chunk", with(&[first, &second[..1000]])),
        ("damaged-byte-cut", "the last byte is missing", good[..good.len() - 1].to_vec()),
        ("damaged-byte-added", "a byte follows", with(&[first, second, last, &[0]])),
        ("damaged-chunk-added", "the last chunk again", with(&[first, second, last, last])),
        ("damaged-chunks-swapped", "chunks 0 and 1 changed places", with(&[second, first, last])),
        ("damaged-chunk-repeated", "chunk 0 twice", with(&[first, first, second, last])),
        ("damaged-chunk-dropped", "chunk 0 is gone", with(&[second, last])),
    ] {
        vectors.add(name, comment, &[&ann], &bytes);
    }
    for (name, comment, bytes) in [
        ("refused-empty", "no bytes", 0),
        ("refused-magic-cut", "cut within the magic", 5),
        ("refused-length-cut", "cut within header_len", 11),
        ("refused-header-cut", "cut within the header", 100),
        ("refused-mac-cut", "cut within the MAC", payload - 1),
    ] {
        vectors.add(name, comment, &[&ann], &good[..bytes]);
    }
    vectors.add(
        "refused-mac-cut-stranger",
        "cut within the MAC, and not ours",
        &[&ml_kem(9)],
        &good[..payload - 1],
    );
    let other = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    vectors.add("refused-magic", "another magic", &[&ann], &other(0, b's'));
    vectors.add("refused-magic-version", "a magic of version 2", &[&ann], &other(7, 2));
}

fn armor(vectors: &mut Vectors) {
    let ann = ml_kem(1);
    let mut writer = ArmorWriter::new(Vec::new());
    writer.write_all(&seal(b"four years", &[&ann], EnvelopePolicy::default(), 40)).expect("memory");
    let good = String::from_utf8(writer.finish().expect("memory")).expect("ASCII");
    let lines: Vec<&str> = good.lines().collect();
    let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let mut split = lines.clone();
    split.splice(1..2, [&lines[1][..32], &lines[1][32..]]);
    let mut blank = lines.clone();
    blank.insert(1, "");
    let (mut long, two) = (lines.clone(), [lines[1], lines[2]].concat());
    long.splice(1..3, [&two[..]]);
    for (name, comment, text) in [
        ("opened-armor", "in armor", good.clone()),
        ("opened-armor-crlf", "with CR LF", good.replace('\n', "\r\n")),
        ("opened-armor-open-end", "the last line lacks its end", good.trim_end().to_owned()),
        ("opened-armor-white-space", "white space after it", format!("{good} \t\r\n\n")),
        (
            "refused-armor-mixed-ends",
            "LF after the first line, CR LF after the others",
            good.replace('\n', "\r\n").replacen("\r\n", "\n", 1),
        ),
        ("refused-armor-before", "a space before it", format!(" {good}")),
        ("refused-armor-after", "a letter after it", format!("{good}x")),
        (
            "refused-armor-end-space",
            "a space within the last line",
            good.replace("ENVELOPE-----\n", "ENVELOPE-----").replace("OPE-----", "OPE----- \n").replacen(
                "OPE----- \n",
                "OPE-----\n",
                1,
            ),
        ),
        ("refused-armor-form-feed", "a form feed after it", format!("{good}\x0C")),
        ("refused-armor-twice", "twice", format!("{good}{good}")),
        ("refused-armor-no-begin", "without its first line", joined(&lines[1..])),
        ("refused-armor-no-end", "without its last line", joined(&lines[..lines.len() - 1])),
        ("refused-armor-short-line", "a short line that is not the last", joined(&split)),
        ("refused-armor-long-line", "a line of 128 columns", joined(&long)),
        ("refused-armor-blank-line", "a blank line", joined(&blank)),
        ("refused-armor-alphabet", "a character of the URL alphabet", good.replacen('/', "_", 1)),
    ] {
        vectors.add_text(name, comment, &ann, &text);
    }
}

fn refused_headers(vectors: &mut Vectors) {
    let ann = ml_kem(1);
    let mut add = |name: &str, comment: &str, header: &[u8]| {
        vectors.add(&format!("refused-{name}"), comment, &[&ann], &envelope_of(header));
    };
    // Without any change it opens, so each refusal below has no other reason than its change.
    let good = Parts::good().header();
    assert!(Envelope::parse(envelope_of(&good)).is_ok());
    let with = |change: &dyn Fn(&mut Parts)| {
        let mut parts = Parts::good();
        change(&mut parts);
        parts.header()
    };
    let two =
        |kem_id, key_id| [stanza(0x42, 1, KEM_BYTES, 48), stanza(kem_id, key_id, KEM_BYTES, 48)].concat();

    add("version", "version 2", &with(&|p| p.version = vec![2]));
    add("version-text", "a version that is text", &with(&|p| p.version = vec![0x61, b'1']));
    add("version-long", "the version in two bytes", &with(&|p| p.version = vec![0x18, 1]));
    add("id-short", "an id of 15 bytes", &with(&|p| p.id = vec![7; 15]));
    add("threshold", "a threshold", &with(&|p| p.threshold = vec![0x83, 2, 3, 0x80]));
    add("threshold-undefined", "undefined for null", &with(&|p| p.threshold = vec![0xF7]));
    add("no-recipient", "no stanza", &with(&|p| (p.count, p.stanzas) = (0, vec![])));
    add("513-recipients", "a count of 513", &with(&|p| p.count = 513));
    add("million-recipients", "a count of a million", &with(&|p| p.count = 1_000_000));
    add("all-recipients", "a count of 2^64 - 1", &with(&|p| p.count = u64::MAX));
    add("count-too-high", "a count of 2, one stanza", &with(&|p| p.count = 2));
    add("repeated", "two stanzas for one key", &with(&|p| (p.count, p.stanzas) = (2, two(0x42, 1))));
    add("kem", "an unknown KEM", &with(&|p| p.stanzas = stanza(0x43, 1, KEM_BYTES, 48)));
    add("kem-large", "a KEM over 16 bits", &with(&|p| p.stanzas = stanza(0x1_0042, 1, KEM_BYTES, 48)));
    add("enc-short", "an enc that is too short", &with(&|p| p.stanzas = stanza(0x42, 1, KEM_BYTES - 1, 48)));
    let hybrid = stanza(0x42, 1, HYBRID_CIPHERTEXT_BYTES, 48);
    add("enc-of-hybrid", "the hybrid's enc for ML-KEM", &with(&|p| p.stanzas = hybrid.clone()));
    add("wrapped-long", "a wrapped key of 49 bytes", &with(&|p| p.stanzas = stanza(0x42, 1, KEM_BYTES, 49)));
    let arity = [&[0x85], &stanza(0x42, 1, KEM_BYTES, 48)[1..], &[0xF6]].concat();
    add("stanza-arity", "a stanza of five items", &with(&|p| p.stanzas = arity.clone()));
    add("trailing", "a byte after the stanzas", &[&good[..], &[0]].concat());
    add("six-items", "six items", &[&[0x86], &good[1..], &[0xF6]].concat());
    add("indefinite", "an array of indefinite length", &[&[0x9F], &good[1..], &[0xFF]].concat());
    add("long-head", "an array head of two bytes", &[&[0x98, 5], &good[1..]].concat());
    add("map", "a map", &[&[0xA5], &good[1..]].concat());
    let both = [stanza(0x42, 1, KEM_BYTES, 48), stanza(0x51, 1, HYBRID_CIPHERTEXT_BYTES, 48)].concat();
    let both = envelope_of(&with(&|p| (p.count, p.stanzas) = (2, both.clone())));
    vectors.add("not-mine-one-id-two-kems", "one key id under two KEMs", &[&ann], &both);
    for (name, length) in [("length-zero", 0_u32), ("length-over", 1_048_577), ("length-bomb", u32::MAX)] {
        let mut bytes = envelope_of(&good);
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        vectors.add(&format!("refused-{name}"), &format!("header_len {length}"), &[&ann], &bytes);
    }
}

fn refused_policies(vectors: &mut Vectors) {
    let ann = ml_kem(1);
    let wallet = |n: u8| [&[0x82, 0x01, 0x54][..], &[n; 20]].concat();
    let readers = |principals: &[Vec<u8>]| {
        [&[0xA1, 0x01, 0x80 + principals.len() as u8][..], &principals.concat()].concat()
    };
    // The head is the shortest, so the refusal is for the text only.
    let label = |text: &[u8]| {
        let head = match text.len() {
            bytes @ 0..24 => vec![0x60 + bytes as u8],
            bytes @ 24..256 => vec![0x78, bytes as u8],
            bytes => [&[0x79][..], &(bytes as u16).to_be_bytes()].concat(),
        };
        [&[0xA1, 0x08][..], &head, text].concat()
    };
    let slh_dsa = [&[0x82, 0x02, 0x58, 0x20][..], &[0; 32]].concat();
    let hundred_and_one =
        [&[0xA1, 1, 0x98, 101][..], &(0..101).flat_map(wallet).collect::<Vec<_>>()].concat();
    let large = [&[0xA1, 0x08, 0x79, 0x40, 0x00][..], &[b'x'; 0x4000]].concat();
    for (name, comment, policy) in [
        ("unknown-key", "the key 9", vec![0xA1, 9, 1]),
        ("key-order", "not-after before not-before", vec![0xA2, 6, 2, 5, 1]),
        ("key-twice", "not-before twice", vec![0xA2, 5, 1, 5, 1]),
        ("not-one-time", "one-time false", vec![0xA1, 7, 0xF4]),
        ("no-readers", "an empty list of readers", vec![0xA1, 1, 0x80]),
        ("readers-order", "readers that descend", readers(&[wallet(2), wallet(1)])),
        ("readers-twice", "a reader twice", readers(&[wallet(1), wallet(1)])),
        ("principal", "a principal of kind 3", readers(&[[&[0x82, 3, 0x54][..], &[0; 20]].concat()])),
        ("address-short", "an address of 19 bytes", readers(&[[&[0x82, 1, 0x53][..], &[0; 19]].concat()])),
        ("readers-bomb", "a million readers", vec![0xA1, 1, 0x9A, 0, 0x0F, 0x42, 0x40]),
        ("readers-101", "101 readers", hundred_and_one),
        ("readers-kinds", "an SLH-DSA key before a wallet", readers(&[slh_dsa, wallet(1)])),
        (
            "principal-arity",
            "a principal of three items",
            readers(&[[&[0x83], &wallet(1)[1..], &[0]].concat()]),
        ),
        ("approvals", "an approval and no reader", vec![0xA1, 3, 1]),
        ("approvals-zero", "no approvals, said", [&[0xA2], &readers(&[wallet(1)])[1..], &[3, 0]].concat()),
        (
            "approvals-more",
            "two approvals, one reader",
            [&[0xA2], &readers(&[wallet(1)])[1..], &[3, 2]].concat(),
        ),
        ("audience-short", "an audience of 31 bytes", [&[0xA1, 4, 0x58, 31][..], &[0; 31]].concat()),
        ("time", "a time after the year 9999", vec![0xA1, 5, 0x1B, 0, 0, 0, 0x3A, 0xFF, 0xF4, 0x41, 0x80]),
        (
            "time-after",
            "not-after after the year 9999",
            vec![0xA1, 6, 0x1B, 0, 0, 0, 0x3A, 0xFF, 0xF4, 0x41, 0x80],
        ),
        ("times", "not-after is not-before", vec![0xA2, 5, 1, 6, 1]),
        ("label-control", "a label with a line feed", label(b"a\nb")),
        ("label-empty", "an empty label", label(b"")),
        ("label-utf-8", "a label that is no UTF-8", label(b"\xC3\x28")),
        ("label-direction", "a label that turns its direction", label("a\u{202E}b".as_bytes())),
        ("label-long", "a label of 257 bytes", label(&[b'x'; 257])),
        ("too-large", "more than 16,384 bytes", large),
        ("trailing", "a byte after the map", vec![0xA0, 0]),
        ("long-head", "a map head of two bytes", vec![0xB8, 0]),
        ("array", "an array", vec![0x80]),
        ("map-bomb", "a map of 2^64 - 1 entries", vec![0xBB, 255, 255, 255, 255, 255, 255, 255, 255]),
    ] {
        let header = Parts { policy, ..Parts::good() }.header();
        vectors.add(&format!("refused-policy-{name}"), comment, &[&ann], &envelope_of(&header));
    }
}
