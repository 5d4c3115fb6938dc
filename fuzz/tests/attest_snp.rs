//! Reports of SEV-SNP guests and AMD's collateral: a report that passes is what was signed.

use strongroom::encoding::{base64, from_base64};
use strongroom_attest::platform::snp::{CertificateKey, measurement};
use strongroom_attest::{Evidence, Refusal};
use strongroom_fuzz::Reach;
use strongroom_fuzz::attestation::{Attempt, Valid, valid};

const JSON_WORDS: [&str; 9] = [
    "\"imported\"",
    "\"amd-sev-snp\"",
    "null",
    "[]",
    "{}",
    "0",
    "\"\"",
    "\"type\":\"sev-snp\",",
    "\"version\":2,",
];
const DER_WORDS: [&str; 6] =
    ["\u{30}\u{0}", "\u{2}\u{0}", "\u{30}\u{7f}", "\u{4}\u{0}", "\u{1}\u{1}", "\u{5}\u{0}"];

fn attempt(attempt: &Attempt, valid: &Valid) -> Result<Evidence, Refusal> {
    let mut evidence = valid.evidence.clone();
    let snp = evidence.collateral.snp.as_mut().expect("collateral");
    let texts = [&mut snp.vcek, &mut snp.ask, &mut snp.crl];
    let text = texts.into_iter().nth(usize::from(attempt.index % 3)).expect("one of three");
    match attempt.part % 6 {
        0 => return attempt.with_json(valid, &JSON_WORDS),
        part @ 1..=2 => {
            let mut report = valid.report.clone();
            if part == 1 {
                attempt.edit(&mut report, &["\u{2}", "\u{5}", "\u{0}"]);
            } else {
                // The edits go to the signed bytes and to the signature.
                attempt.edit_in_place(&mut report[..0x2D0]);
            }
            return Ok(Attempt::with_report(valid, &report));
        }
        3 => attempt.edit_text(text, &["=", "AA==", "\n"]),
        _ => {
            let mut der = from_base64(text).expect("base64");
            attempt.edit(&mut der, &DER_WORDS);
            *text = base64(&der);
        }
    }
    Ok(evidence)
}

#[test]
fn a_report_that_passes_is_the_report_that_was_signed() {
    let valid = valid(&["snp"]);
    let reach = Reach::default();
    bolero::check!().with_type::<Attempt>().for_each(|input| {
        let valid = input.pick(&valid);
        let evidence = match attempt(input, valid) {
            Ok(evidence) => evidence,
            Err(refusal) => return reach.count(&refusal),
        };
        if let Some(report) = from_base64(&evidence.report) {
            let _ = (CertificateKey::of(&report).map(|key| key.vcek_path()), measurement(&report));
        }
        // All of it counts: nothing may stand after the report.
        match input.verify(valid, &evidence, <[u8]>::to_vec) {
            Ok(_) => {
                assert_eq!(evidence.collateral, valid.evidence.collateral);
                reach.count("accepted");
            }
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
        "Timestamp",
        "Nonce",
    ]);
}
