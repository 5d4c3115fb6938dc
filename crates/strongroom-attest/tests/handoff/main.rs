//! Runs the vectors of testdata/handoff: what a joiner and a donor accept from each other, one
//! outcome each. `cargo test -p strongroom-attest --test handoff -- --ignored` replaces them, with
//! other keys.

mod make;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use strongroom::encoding::from_base64;
use strongroom_attest::policy::Hex;
use strongroom_attest::root_transfer::handoff::{
    HandoffError, HandoffRequest, Handover, Hello, Joiner, MAX_STATEMENTS, Offer, PendingRequest,
    ReceivedHello, ReceivedRoot, ReleasePolicies,
};
use strongroom_attest::root_transfer::release_statement::ReleaseStatement;
use strongroom_attest::{Configuration, Evidence, TrustAnchors};
use strongroom_testkit::drawn::Drawn;
use time::OffsetDateTime;

/// One vector, as its file has it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    /// `granted`, `received`, or the name of a refusal.
    outcome: String,
    /// When the messages are verified, in Unix seconds.
    now: i64,
    /// The root of AWS's stand-in, base64 of DER.
    root: String,
    vault_id: Hex<32>,
    release_key: String,
    own_configuration: Configuration,
    /// What this side draws: the donor its 32 bytes; the joiner its nonce and the seed of its key.
    random: String,
    #[serde(flatten)]
    side: Side,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "side", rename_all = "camelCase", deny_unknown_fields)]
enum Side {
    Donor {
        /// The donor's own evidence, which the vector replays.
        evidence: Box<Evidence>,
        hello: Hello,
        request: Box<HandoffRequest>,
    },
    #[serde(rename_all = "camelCase")]
    Joiner { release_statements: Vec<ReleaseStatement>, offer: Box<Offer>, handover: Option<Handover> },
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/handoff"))
}

impl Vector {
    fn run(&self) -> String {
        let trust_anchors =
            TrustAnchors { aws: from_base64(&self.root).expect("base64").into(), ..TrustAnchors::default() };
        let now = OffsetDateTime::from_unix_timestamp(self.now).expect("a time");
        let mut random = Drawn(hex::decode(&self.random).expect("hex"));
        let release_key = self.release_key.parse().expect("a key");
        let outcome = match &self.side {
            Side::Donor { evidence, hello, request } => ReceivedHello::new(hello, &mut random)
                .and_then(|offering| {
                    offering.offer(*evidence.clone(), self.own_configuration.clone(), self.vault_id.0)
                })
                .and_then(|(_, offered)| offered.grant(request, &release_key, &trust_anchors, now))
                .map(|_| "granted"),
            Side::Joiner { release_statements, offer, handover } => {
                let joiner = Joiner::new(self.vault_id.0, &mut random);
                let met = || -> Result<PendingRequest, HandoffError> {
                    let released = ReleasePolicies::from_statements(
                        release_statements,
                        &release_key,
                        &self.vault_id.0,
                        &trust_anchors,
                        now,
                    )?;
                    joiner.accept(offer, &released, &self.own_configuration, now)
                };
                met().and_then(|met| match handover {
                    None => Ok("met"),
                    Some(handover) => {
                        let ReceivedRoot { root, vault_id, .. } = met.open(handover)?;
                        assert_eq!((*root, vault_id), (make::ROOT, self.vault_id.0));
                        Ok("received")
                    }
                })
            }
        };
        outcome.map_or_else(|error| format!("{error:?}"), str::to_owned)
    }
}

/// Every vector has its outcome. None of them passes with AWS's own root, which signed none of
/// this.
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
        *outcomes.entry(outcome).or_default() += 1;
    }
    println!("{outcomes:#?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(outcomes.values().sum::<usize>(), make::COUNT);
}

/// Each costs a verification: so many and no more.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads a vector")]
fn statements_are_counted_before_any_is_looked_at() {
    let json = std::fs::read(folder().join("donor-released.json")).expect("a vector");
    let mut vector: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let statements = vector["request"]["releaseStatements"].as_array_mut().expect("statements");
    *statements = vec![statements[0].clone(); MAX_STATEMENTS + 1];
    let vector: Vector = serde_json::from_value(vector).expect("a vector");
    assert_eq!(vector.run(), "ManyStatements");
}

#[test]
#[ignore = "it makes the vectors, which are kept"]
fn make_vectors() {
    make::all();
}
