//! `Evidence` and `verify`: evidence that passes shows exactly what was bound.

use strongroom::json::Object;
use strongroom::key::DecapsulationKey;
use strongroom_attest::{AppraisalPolicy, Challenge, Claims, Evidence, KeyOrigin, Purpose, platform, verify};
use strongroom_fuzz::{Mutant, Reach};
use time::macros::datetime;

const NONCE: [u8; 32] = [4; 32];

#[test]
fn evidence_that_passes_is_the_evidence_that_was_made() {
    let key = DecapsulationKey::from_seed(&[1; 64]).encapsulation_key();
    let made = platform::none::evidence(&Claims {
        purpose: Purpose::Service,
        vault_id: [2; 32],
        epoch: 1,
        encapsulation_key: &key,
        key_origin: KeyOrigin::Generated,
        config_digest: [3; 32],
        tls_spki_sha256: None,
        nonce: NONCE,
        timestamp: "2026-11-22T10:00:00Z".to_owned(),
    });
    let valid = [
        serde_json::to_string(&made).expect("plain data"),
        serde_json::to_string_pretty(&made).expect("plain data"),
    ];
    let asked = Challenge { nonce: Some(NONCE), ..Challenge::default() };
    let policy =
        AppraisalPolicy { allow_no_tee: true, allow_imported_key: true, ..AppraisalPolicy::default() };
    let words = ["\"imported\"", "\"none\"", "null", "[]", "{}", "0", "\"\"", "\"platform\":", "00"];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let json = mutant.of(&valid, &words);
        let Ok(Object(evidence)) = serde_json::from_slice::<Object<Evidence>>(&json) else {
            return reach.count("not evidence");
        };
        match verify(&evidence, &asked, &policy, datetime!(2026-11-22 10:01 UTC)) {
            Ok(server) => {
                assert_eq!(
                    (server.encapsulation_key(), server.vault_id(), server.platform()),
                    (&key, &[2; 32], "none")
                );
                // Nothing that is bound differs, except that hex digits may be of either case.
                assert_eq!(evidence.report, made.report);
                assert_eq!(evidence.timestamp, made.timestamp);
                assert_eq!(evidence.config_digest.to_lowercase(), made.config_digest);
                assert_eq!((evidence.epoch, evidence.key_origin), (made.epoch, made.key_origin));
                reach.count("accepted");
            }
            Err(refusal) => reach.count(&refusal),
        }
    });
    reach.assert_met(&["not evidence", "accepted", "Malformed", "ReportData"]);
}
