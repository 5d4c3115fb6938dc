//! Quotes of TDX guests, dstack's among them, and Intel's collateral: a quote that passes is what
//! was signed.

use strongroom_attest::platform::tdx::{CollateralKey, measurement};
use strongroom_attest::{Evidence, Refusal, explain};
use strongroom_fuzz::Reach;
use strongroom_fuzz::attestation::{Attempt, Valid, from_pem_chain, pem_chain, valid};

const JSON_WORDS: [&str; 12] = [
    "\"imported\"",
    "\"intel-tdx\"",
    "\"phala\"",
    "null",
    "[]",
    "{}",
    "0",
    "\"\"",
    "\"type\":\"tdx\",",
    "\"version\":2,",
    "9999-12-31T23:59:59-23:59",
    "0000-01-01T00:00:00+23:59",
];
const TEXT_WORDS: [&str; 8] = [
    "UpToDate",
    "9999-12-31T23:59:59-23:59",
    "null",
    "[]",
    "\"",
    "-----BEGIN CERTIFICATE-----\n",
    "18446744073709551616",
    "-1",
];
const DER_WORDS: [&str; 6] =
    ["\u{30}\u{0}", "\u{2}\u{0}", "\u{30}\u{7f}", "\u{4}\u{0}", "\u{1}\u{1}", "\u{5}\u{0}"];

/// The places of a quote's certificates, and of the lengths that count them.
struct Places {
    lengths: [usize; 3],
    certificates: usize,
    end: usize,
}

fn number(bytes: &[u8], at: usize, length: usize) -> usize {
    bytes[at..at + length].iter().rev().fold(0, |n, byte| n << 8 | usize::from(*byte))
}

/// The places in a valid quote.
fn places(quote: &[u8]) -> Places {
    let signed = if number(quote, 0, 2) == 4 { 632 } else { 54 + number(quote, 50, 4) };
    // Signature, key and type of the certification data stand before this.
    let outer = signed + 4 + 64 + 64 + 2;
    // Before this stand the quoting enclave's report, its signature and its authentication data,
    // and the type of the certificates.
    let data = outer + 4 + 384 + 64;
    let inner = data + 2 + number(quote, data, 2) + 2;
    Places {
        lengths: [signed, outer, inner],
        certificates: inner + 4,
        end: inner + 4 + number(quote, inner, 4),
    }
}

/// A valid quote with other certificates, and with lengths that fit them.
fn with_certificates(quote: &[u8], certificates: &[u8]) -> Vec<u8> {
    let places = places(quote);
    let mut out = [&quote[..places.certificates], certificates].concat();
    let end = out.len();
    for at in places.lengths {
        out[at..at + 4].copy_from_slice(&u32::try_from(end - at - 4).expect("short").to_le_bytes());
    }
    out
}

/// Everything in a quote that is signed or signs. The text of its certificates is left out, except
/// for the digits of the first one, and so are the lengths.
fn counts(quote: &[u8]) -> (Vec<u8>, String) {
    let places = places(quote);
    let mut head = quote[..places.certificates].to_vec();
    places.lengths.iter().for_each(|at| head[*at..*at + 4].fill(0));
    let text = String::from_utf8_lossy(&quote[places.certificates..places.end]);
    let first = text.split("-----").nth(2).expect("a certificate");
    (head, first.split_whitespace().collect())
}

fn attempt(attempt: &Attempt, valid: &Valid) -> Result<Evidence, Refusal> {
    let index = usize::from(attempt.index);
    let edit_certificate = |text: &str| {
        let mut certificates = from_pem_chain(text);
        let count = certificates.len();
        attempt.edit(&mut certificates[index % count], &DER_WORDS);
        pem_chain(&certificates)
    };
    let part = attempt.part % 7;
    match part {
        0 => return attempt.with_json(valid, &JSON_WORDS),
        1 => {
            let mut report = valid.report.clone();
            attempt.edit(&mut report, &DER_WORDS);
            return Ok(Attempt::with_report(valid, &report));
        }
        2 => {
            let mut report = valid.report.clone();
            attempt.edit_in_place(&mut report[..places(&valid.report).certificates]);
            return Ok(Attempt::with_report(valid, &report));
        }
        3 | 4 => {
            let places = places(&valid.report);
            let mut text =
                String::from_utf8_lossy(&valid.report[places.certificates..places.end]).into_owned();
            if part == 3 {
                text = edit_certificate(&text);
            } else {
                attempt.edit_text(&mut text, &TEXT_WORDS);
            }
            return Ok(Attempt::with_report(valid, &with_certificates(&valid.report, text.as_bytes())));
        }
        _ => {}
    }
    let mut evidence = valid.evidence.clone();
    let tdx = evidence.collateral.tdx.as_mut().expect("collateral");
    let edit_hex = |text: &mut String| {
        let mut bytes = hex::decode(&*text).expect("hex");
        attempt.edit(&mut bytes, &DER_WORDS);
        *text = hex::encode(bytes);
    };
    if part == 5 {
        let texts = [
            &mut tdx.pck_crl_issuer_chain,
            &mut tdx.root_ca_crl,
            &mut tdx.pck_crl,
            &mut tdx.tcb_info_issuer_chain,
            &mut tdx.tcb_info,
            &mut tdx.tcb_info_signature,
            &mut tdx.qe_identity_issuer_chain,
            &mut tdx.qe_identity,
            &mut tdx.qe_identity_signature,
        ];
        let which = index % texts.len();
        attempt.edit_text(texts.into_iter().nth(which).expect("one of them"), &TEXT_WORDS);
        return Ok(evidence);
    }
    match index / 4 % 6 {
        0 => edit_hex(&mut tdx.root_ca_crl),
        1 => edit_hex(&mut tdx.pck_crl),
        2 => edit_hex(&mut tdx.tcb_info_signature),
        3 => edit_hex(&mut tdx.qe_identity_signature),
        4 => tdx.tcb_info_issuer_chain = edit_certificate(&tdx.tcb_info_issuer_chain),
        _ => tdx.qe_identity_issuer_chain = edit_certificate(&tdx.qe_identity_issuer_chain),
    }
    Ok(evidence)
}

#[test]
fn a_quote_that_passes_is_the_quote_that_was_signed() {
    let valid = valid(&["tdx-", "dstack"]);
    let reach = Reach::default();
    bolero::check!().with_type::<Attempt>().for_each(|input| {
        let valid = input.pick(&valid);
        let evidence = match attempt(input, valid) {
            Ok(evidence) => evidence,
            Err(refusal) => return reach.count(&refusal),
        };
        if let Some(report) = strongroom::encoding::from_base64(&evidence.report) {
            let _ = (CollateralKey::of(&report), measurement(&report));
        }
        match input.verify(valid, &evidence, counts) {
            Ok(_) => reach.count("accepted"),
            Err(refusal) => reach.count(&refusal),
        }
    });
    reach.assert_met_after(150, &["accepted", "Report", "Chain", "Collateral"]);
    reach.assert_met(&[
        "accepted",
        "NoEvidence",
        "Report",
        "Signature",
        "Chain",
        "Collateral",
        "Expired",
        "Timestamp",
        "Nonce",
    ]);
}

/// A server reads its own platform's quote before anything is verified, and `strongroom
/// attestation` reads any quote.
#[test]
fn no_quote_is_too_odd_to_be_read() {
    let valid = valid(&["tdx-v", "dstack"]);
    let reach = Reach::default();
    bolero::check!().with_type::<Attempt>().for_each(|input| {
        let input = Attempt { part: 1 + input.part % 4, ..input.clone() };
        let evidence = attempt(&input, input.pick(&valid)).expect("its report alone is edited");
        let report = strongroom::encoding::from_base64(&evidence.report).expect("our own");
        match (explain::report(&report), CollateralKey::of(&report)) {
            (Ok(_), Some(_)) => reach.count("read"),
            (Ok(_), None) => reach.count("no certificates"),
            (Err(refusal), _) => reach.count(&refusal),
        }
    });
    reach.assert_met(&["read", "no certificates", "Report"]);
}
