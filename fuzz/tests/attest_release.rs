//! A release statement lets in what its key signed, and nothing else.

use serde_json::Value;
use strongroom_attest::TrustAnchors;
use strongroom_attest::root_transfer::release_statement::ReleaseStatement;
use strongroom_fuzz::{Mutant, Reach};
use time::OffsetDateTime;

#[test]
fn what_a_statement_lets_in_is_what_was_signed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/handoff/donor-released.json");
    let vector: Value = serde_json::from_slice(&std::fs::read(path).expect("a vector")).expect("JSON");
    let valid = &vector["request"]["releaseStatements"][0];
    let release_key = vector["releaseKey"].as_str().expect("a key").parse().expect("a key");
    let vault_id = hex::decode(vector["vaultId"].as_str().expect("hex")).expect("hex");
    let vault_id: [u8; 32] = vault_id.try_into().expect("32 bytes");
    let now = OffsetDateTime::from_unix_timestamp(vector["now"].as_i64().expect("a number")).expect("a time");
    // Most of the bytes are the signature. The edits go to the rest, which stands before it.
    let text = valid.to_string();
    let at = text.find("\"signature\"").expect("a signature");
    let (before, after) = (&text[..at], &text[at..]);
    let words = ["\"version\":2", "\"policy\":\"\"", "2999", "00", "\\n[aws-nitro]", "null"];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let json = [&mutant.of(&[before], &words)[..], after.as_bytes()].concat();
        let Ok(statement) = ReleaseStatement::from_json(&json) else { return reach.count("no statement") };
        match statement.verify(&release_key, &vault_id, &TrustAnchors::default(), now) {
            Ok(_) => {
                let mut read = serde_json::to_value(&statement).expect("plain data");
                let id = read["vaultId"].as_str().expect("hex").to_lowercase();
                read["vaultId"] = id.into();
                assert_eq!(&read, valid);
                reach.count("verified");
            }
            Err(error) => reach.count(&error),
        }
    });
    reach.assert_met_after(200, &["no statement", "verified"]);
}
