//! Documents of Nitro enclaves: a document that passes is what was signed.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use strongroom_attest::{Evidence, Refusal};
use strongroom_fuzz::Reach;
use strongroom_fuzz::attestation::{Attempt, Valid, valid};

const JSON_WORDS: [&str; 9] = [
    "\"imported\"",
    "\"aws-nitro\"",
    "null",
    "[]",
    "{}",
    "0",
    "\"\"",
    "\"type\":\"nitro\",",
    "\"version\":2,",
];
/// COSE's protected header `{1: -35}`, which means ES384.
const PROTECTED: [u8; 4] = [0xA1, 0x01, 0x38, 0x22];
/// A map, an array, null, an empty byte string, a long length, and a name.
const CBOR_WORDS: [&str; 7] = ["\u{0}", "\u{18}\u{20}", "\u{7f}", "\u{1b}", "\u{1a}\u{0}", "epcrs", "enonce"];
const DER_WORDS: [&str; 6] =
    ["\u{30}\u{0}", "\u{2}\u{0}", "\u{30}\u{7f}", "\u{4}\u{0}", "\u{1}\u{1}", "\u{5}\u{0}"];

/// Payload and signature of a valid document, however it is tagged and its lengths are written.
fn counts(document: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut d = Decoder::new(document);
    if d.datatype().ok() == Some(Type::Tag) {
        d.tag().expect("a tag");
    }
    assert_eq!(d.array().ok(), Some(Some(4)));
    assert_eq!(d.bytes().ok(), Some(&PROTECTED[..]));
    assert_eq!(d.map().ok(), Some(Some(0)));
    let parts = (d.bytes().expect("a payload").to_vec(), d.bytes().expect("a signature").to_vec());
    assert_eq!(d.position(), document.len());
    parts
}

fn document(payload: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new(&mut out)
        .array(4)
        .and_then(|e| e.bytes(&PROTECTED)?.map(0)?.bytes(payload)?.bytes(signature))
        .expect("writing to memory does not fail");
    out
}

/// The places of the certificates in a payload.
fn certificates(payload: &[u8]) -> Vec<(usize, usize)> {
    let starts =
        (0..payload.len() - 5).filter(|&at| payload[at] == 0x59 && payload[at + 3..at + 5] == [0x30, 0x82]);
    starts.map(|at| (at, usize::from(payload[at + 1]) << 8 | usize::from(payload[at + 2]))).collect()
}

fn attempt(attempt: &Attempt, valid: &Valid) -> Result<Evidence, Refusal> {
    let (mut payload, mut signature) = counts(&valid.report);
    let report = match attempt.part % 6 {
        0 => return attempt.with_json(valid, &JSON_WORDS),
        1 => {
            let mut report = valid.report.clone();
            attempt.edit(&mut report, &CBOR_WORDS);
            report
        }
        2 => {
            attempt.edit(&mut payload, &CBOR_WORDS);
            document(&payload, &signature)
        }
        3 => {
            attempt.edit_in_place(&mut signature);
            document(&payload, &signature)
        }
        4 => {
            let places = certificates(&payload);
            let (at, length) = places[usize::from(attempt.index) % places.len()];
            let mut der = payload[at + 3..at + 3 + length].to_vec();
            attempt.edit(&mut der, &DER_WORDS);
            let mut written = Vec::new();
            Encoder::new(&mut written).bytes(&der).expect("writing to memory does not fail");
            payload.splice(at..at + 3 + length, written);
            document(&payload, &signature)
        }
        // Writes the outermost array's length with one byte more.
        _ => {
            let mut report = [&[0x98, 4], &document(&payload, &signature)[1..]].concat();
            attempt.edit(&mut report, &CBOR_WORDS);
            report
        }
    };
    Ok(Attempt::with_report(valid, &report))
}

#[test]
fn a_document_that_passes_is_the_document_that_was_signed() {
    let valid = valid(&["nitro"]);
    assert!(valid.iter().all(|valid| certificates(&counts(&valid.report).0).len() == 5));
    let reach = Reach::default();
    bolero::check!().with_type::<Attempt>().for_each(|input| {
        let valid = input.pick(&valid);
        let evidence = match attempt(input, valid) {
            Ok(evidence) => evidence,
            Err(refusal) => return reach.count(&refusal),
        };
        match input.verify(valid, &evidence, counts) {
            Ok(_) => reach.count("accepted"),
            Err(refusal) => reach.count(&refusal),
        }
    });
    reach.assert_met_after(150, &["accepted", "Report", "Timestamp"]);
    reach.assert_met(&["accepted", "NoEvidence", "Report", "Signature", "Chain", "Timestamp", "Nonce"]);
}
