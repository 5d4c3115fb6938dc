//! `AppraisalPolicy::from_toml`: the policy holds everything that an accepted text says, and is
//! written back as the same policy.

use strongroom_attest::TrustAnchors;
use strongroom_attest::policy::{AppraisalPolicy, AppraisalPolicyError};
use strongroom_fuzz::attestation::valid;
use strongroom_fuzz::{Mutant, Reach};
use toml::{Table, Value};

/// All keys of a policy, with the names of the tables around them.
const KEYS: [&str; 46] = [
    "version",
    "vault_id",
    "config_digests",
    "tls_in_tee",
    "allow_imported_key",
    "intel-tdx",
    "intel-tdx.tcb_statuses",
    "intel-tdx.advisories",
    "intel-tdx.minimum_evaluation_number",
    "intel-tdx.allow_dynamic_platform",
    "intel-tdx.allow_cached_keys",
    "intel-tdx.allow_smt",
    "intel-tdx.measurements",
    "intel-tdx.measurements.mrtd",
    "intel-tdx.measurements.rtmr0",
    "intel-tdx.measurements.rtmr1",
    "intel-tdx.measurements.rtmr2",
    "intel-tdx.dstack",
    "intel-tdx.dstack.compose_hashes",
    "intel-tdx.dstack.app_ids",
    "intel-tdx.dstack.key_providers",
    "intel-tdx.dstack.os_image_hashes",
    "amd-sev-snp",
    "amd-sev-snp.measurements",
    "amd-sev-snp.host_data",
    "amd-sev-snp.allow_smt",
    "amd-sev-snp.minimum_tcb",
    "amd-sev-snp.minimum_tcb.milan",
    "amd-sev-snp.minimum_tcb.milan.bootloader",
    "amd-sev-snp.minimum_tcb.milan.tee",
    "amd-sev-snp.minimum_tcb.milan.snp",
    "amd-sev-snp.minimum_tcb.milan.microcode",
    "amd-sev-snp.minimum_tcb.milan.fmc",
    "amd-sev-snp.minimum_tcb.turin",
    "amd-sev-snp.minimum_tcb.turin.fmc",
    "amd-sev-snp.minimum_tcb.turin.bootloader",
    "amd-sev-snp.minimum_tcb.turin.tee",
    "amd-sev-snp.minimum_tcb.turin.snp",
    "amd-sev-snp.minimum_tcb.turin.microcode",
    "amd-sev-snp.minimum_tcb.genoa",
    "aws-nitro",
    "aws-nitro.measurements",
    "aws-nitro.measurements.pcr0",
    "aws-nitro.measurements.pcr1",
    "aws-nitro.measurements.pcr2",
    "aws-nitro.measurements.pcr8",
];
const WORDS: [&str; 22] = [
    "\nallow_no_tee = true\n",
    "\nroots = []\n",
    "\nx = 1\n",
    "\n[intel-tdx]\n",
    "\n[aws-nitro]\n",
    "\nallow_smt = true\n",
    "\nallow_imported_key = true\n",
    "\npcr3 = \"00\"\n",
    "\n[[aws-nitro.measurements]]\n",
    "\\u0000",
    "\\u007f",
    "\\u001b",
    "\\t",
    "\\\"",
    "é",
    "\u{200b}",
    "\u{e000}",
    "'",
    "\"",
    "# ",
    "256",
    "-1",
];

/// A policy as an operator writes it, in other words than `to_toml`.
const BY_HAND: &str = r#"version = 1
vault_id = "0202020202020202020202020202020202020202020202020202020202020202"
tls_in_tee = true
allow_imported_key = true
[intel-tdx]
tcb_statuses = ["UpToDate", 'SWHardeningNeeded']
advisories = ["INTEL-SA-00001"]
minimum_evaluation_number = 17
measurements = []
dstack = { compose_hashes = [], key_providers = ["kms:3059"] }
[amd-sev-snp.minimum_tcb]
turin = { fmc = 1, bootloader = 4, tee = 0, snp = 24, microcode = 219 }
milan.bootloader = 255
milan.tee = 0
milan.snp = 8
milan.microcode = 0xDB
[aws-nitro]
"#;

/// A key of the table that is not a policy's, if there is one.
fn unknown(table: &Table, path: &str) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        // Genoa's keys are the same as Milan's.
        if !KEYS.contains(&path.replace("genoa.", "milan.").as_str()) {
            return Some(path);
        }
        match value {
            Value::Table(table) => unknown(table, &path),
            Value::Array(values) => {
                values.iter().filter_map(Value::as_table).find_map(|table| unknown(table, &path))
            }
            _ => None,
        }
    })
}

#[test]
fn a_policy_is_what_its_file_says_and_no_more() {
    let mut texts: Vec<String> =
        valid(&["tdx-", "dstack", "snp", "nitro"]).iter().map(|v| v.policy.to_toml()).collect();
    texts.sort();
    texts.dedup();
    // With as many copies of it, one edit in two is of this text.
    texts.extend(vec![BY_HAND.to_owned(); texts.len()]);
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let text = mutant.text_of(&texts, &WORDS);
        match AppraisalPolicy::from_toml(&text) {
            Ok(policy) => {
                assert!(!policy.allow_no_tee);
                assert_eq!(policy.trust_anchors, TrustAnchors::default());
                let table = text.parse::<Table>().expect("it is TOML");
                assert_eq!(unknown(&table, ""), None);
                assert_eq!(table["version"].as_integer(), Some(1));
                for (name, said) in
                    [("allow_imported_key", policy.allow_imported_key), ("tls_in_tee", policy.tls_in_tee)]
                {
                    assert_eq!(table.get(name).is_some_and(|v| v.as_bool() == Some(true)), said);
                }
                let written = policy.to_toml();
                let read = AppraisalPolicy::from_toml(&written).expect("our own");
                assert_eq!(read.to_toml(), written);
                assert_eq!(
                    (read.vault_id, &read.config_digests, read.tls_in_tee, read.allow_imported_key),
                    (policy.vault_id, &policy.config_digests, policy.tls_in_tee, policy.allow_imported_key)
                );
                assert_eq!(read.intel_tdx, policy.intel_tdx);
                assert_eq!(read.amd_sev_snp, policy.amd_sev_snp);
                assert_eq!(read.aws_nitro, policy.aws_nitro);
                reach.count("accepted");
            }
            Err(AppraisalPolicyError::Toml(error)) if error.contains("unknown field") => {
                reach.count("unknown field");
            }
            Err(AppraisalPolicyError::Toml(_)) => reach.count("Toml"),
            Err(error) => reach.count(&error),
        }
    });
    reach.assert_met(&["accepted", "Toml", "unknown field"]);
}

/// Names of key providers and advisories are free text, and drafts take them from what a server
/// shows.
#[test]
fn every_name_is_written_so_that_it_is_read() {
    let reach = Reach::default();
    bolero::check!().with_type::<Vec<char>>().for_each(|name| {
        let name: String = name.iter().collect();
        // TOML reads what JSON escapes.
        let quoted = serde_json::to_string(&name).expect("a text");
        let text = BY_HAND.replace("\"kms:3059\"", &quoted).replace("\"INTEL-SA-00001\"", &quoted);
        match AppraisalPolicy::from_toml(&text) {
            Ok(policy) => {
                let tdx = policy.intel_tdx.as_ref().expect("it is there");
                assert_eq!(tdx.advisories, std::slice::from_ref(&name));
                let read = AppraisalPolicy::from_toml(&policy.to_toml()).expect("our own");
                assert_eq!(read.intel_tdx, policy.intel_tdx);
                reach.count("accepted");
            }
            // TOML wants DEL to be escaped, and JSON does not.
            Err(_) => {
                assert!(name.contains('\u{7f}'));
                reach.count("refused");
            }
        }
    });
    reach.assert_met(&["accepted"]);
}
