//! Runs the vectors of testdata/attestation: evidence of every platform, one outcome each.
//! `cargo test -p strongroom-attest --test vectors -- --ignored` replaces them, with other keys.

mod make;
mod nitro;
mod snp;
mod tdx;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use strongroom_attest::trust_anchors::SnpProduct;
use strongroom_attest::{AppraisalPolicy, Challenge, Evidence, Purpose, TrustAnchors, verify};
use time::OffsetDateTime;

/// One vector, as its file has it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Vector {
    /// `verified`, or the name of a refusal.
    outcome: String,
    /// When the evidence is verified, in Unix seconds.
    now: i64,
    /// What was asked for, in hex.
    nonce: Option<String>,
    /// What the connection showed, in hex.
    tls_spki_sha256: Option<String>,
    /// The test's roots by platform, base64 of DER.
    roots: BTreeMap<String, String>,
    /// The file of the policy, as TOML.
    policy: String,
    /// The evidence, as a server sends it.
    evidence: serde_json::Value,
    /// Bytes of white space that the server sends after it.
    #[serde(default, skip_serializing_if = "is_zero")]
    spaces_after: usize,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/attestation"))
}

fn bytes(text: &str) -> [u8; 32] {
    hex::decode(text).expect("hex")[..].try_into().expect("32 bytes")
}

impl Vector {
    fn roots(&self) -> TrustAnchors {
        let mut trust_anchors = TrustAnchors::default();
        for (name, der) in &self.roots {
            let der = strongroom::encoding::from_base64(der).expect("base64").into();
            match name.as_str() {
                "intel" => trust_anchors.intel = der,
                "amd-milan" => trust_anchors.amd = vec![(SnpProduct::Milan, der)],
                "aws" => trust_anchors.aws = der,
                _ => panic!("an unknown root: {name}"),
            }
        }
        trust_anchors
    }

    fn run(&self) -> String {
        let policy = AppraisalPolicy::from_toml(&self.policy).expect("a policy");
        let policy = AppraisalPolicy { trust_anchors: self.roots(), ..policy };
        let challenge = Challenge {
            purpose: Purpose::Service,
            nonce: self.nonce.as_deref().map(bytes),
            tls_spki_sha256: self.tls_spki_sha256.as_deref().map(bytes),
        };
        let now = OffsetDateTime::from_unix_timestamp(self.now).expect("a time");
        let sent = self.evidence.to_string() + &" ".repeat(self.spaces_after);
        let evidence = Evidence::from_json(sent.as_bytes());
        match evidence.and_then(|evidence| verify(&evidence, &challenge, &policy, now)) {
            Ok(_) => "verified".to_owned(),
            Err(refusal) => format!("{refusal:?}"),
        }
    }
}

/// Every vector has its outcome. None passes with the makers' own roots, which signed none of this.
#[test]
fn every_vector_has_its_outcome() {
    let mut outcomes = BTreeMap::<String, usize>::new();
    let mut wrong = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "a test reads its vectors")]
    for entry in std::fs::read_dir(folder()).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let vector: Vector = serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("a vector");
        let outcome = vector.run();
        if outcome != vector.outcome {
            wrong.push(format!("{name}: {outcome}, not {}", vector.outcome));
        }
        let with_makers = Vector { roots: BTreeMap::new(), ..vector };
        assert_ne!(with_makers.run(), "verified", "{name}");
        *outcomes.entry(outcome).or_default() += 1;
    }
    println!("{outcomes:#?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((outcomes.values().sum::<usize>(), outcomes["verified"]), (make::COUNT, make::VERIFIED));
}

#[test]
#[ignore = "it makes the vectors, which are kept"]
fn make_vectors() {
    make::all();
}
