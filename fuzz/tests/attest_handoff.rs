//! The messages of a handoff: what a donor grants and a joiner meets is what the other side's
//! evidence says, whatever was done to it.

use serde_json::Value;
use strongroom::encoding::from_base64;
use strongroom::json::Object;
use strongroom_attest::root_transfer::handoff::{
    HandoffRequest, Joiner, Offer, ReceivedHello, ReleasePolicies,
};
use strongroom_attest::{Configuration, TrustAnchors};
use strongroom_fuzz::{Mutant, Reach};
use strongroom_testkit::drawn::Drawn;
use time::OffsetDateTime;

const WORDS: [&str; 12] = [
    "\"generated\"",
    "\"recovered\"",
    "\"imported\"",
    "\"handoff:recovered\"",
    "\"plain\"",
    "null",
    "[]",
    "{}",
    "0",
    "\"\"",
    "\"keyOrigin\":",
    "\"recovery\":",
];

/// A vector of testdata/handoff. Its parts are read as the test of the vectors reads them.
struct Vector(Value);

impl Vector {
    fn read(name: &str) -> Self {
        let path = format!("{}/../testdata/handoff/{name}.json", env!("CARGO_MANIFEST_DIR"));
        Self(serde_json::from_slice(&std::fs::read(path).expect("a vector")).expect("JSON"))
    }

    fn part<T: serde::de::DeserializeOwned>(&self, name: &str) -> T {
        serde_json::from_value(self.0[name].clone()).expect(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        hex::decode(self.part::<String>(name)).expect("hex")
    }

    fn vault_id(&self) -> [u8; 32] {
        self.bytes("vaultId").try_into().expect("32 bytes")
    }

    fn roots(&self) -> TrustAnchors {
        let root = from_base64(&self.part::<String>("root")).expect("base64");
        TrustAnchors { aws: root.into(), ..TrustAnchors::default() }
    }

    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.part("now")).expect("a time")
    }

    fn released(&self) -> ReleasePolicies {
        let statements = self.part::<Vec<_>>("releaseStatements");
        let key = self.part::<String>("releaseKey").parse().expect("a key");
        ReleasePolicies::from_statements(&statements, &key, &self.vault_id(), &self.roots(), self.now())
            .expect("its own")
    }

    fn text(&self, name: &str) -> String {
        self.0[name].to_string()
    }
}

/// What the evidence is about, whatever its hint says.
fn said(message: &Value) -> (Value, Value, Option<Vec<u8>>) {
    let evidence = &message["evidence"];
    let report = from_base64(evidence["report"].as_str().expect("text"));
    (message["configuration"].clone(), evidence["keyOrigin"].clone(), report)
}

#[test]
fn what_a_donor_grants_is_what_the_joiners_evidence_says() {
    let vector = Vector::read("donor-alike");
    let (roots, now) = (vector.roots(), vector.now());
    let release_key = vector.part::<String>("releaseKey").parse().expect("a key");
    let valid = said(&vector.0["request"]);
    // A signature is long, and another target alters its bytes. The edits here see a text without
    // statements, into which the statements are put afterwards.
    let statements = vector.0["request"]["releaseStatements"].to_string();
    let (with, without) = (format!("\"releaseStatements\":{statements}"), "\"releaseStatements\":[]");
    let plain = vector.text("request").replace(&with, without);
    assert!(plain.contains(without));
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let json = mutant.text_of(&[&plain], &WORDS).replace(without, &with);
        let Ok(Object(request)) = serde_json::from_str::<Object<HandoffRequest>>(&json) else {
            return reach.count("no request");
        };
        let offering =
            ReceivedHello::new(&vector.part("hello"), &mut Drawn(vector.bytes("random"))).expect("its own");
        let configuration: Configuration = vector.part("ownConfiguration");
        let offered =
            offering.offer(vector.part("evidence"), configuration, vector.vault_id()).expect("its own").1;
        match offered.grant(&request, &release_key, &roots, now) {
            Ok(_) => {
                assert_eq!(said(&serde_json::to_value(&request).expect("plain data")), valid);
                reach.count("granted");
            }
            Err(_) => reach.count("refused"),
        }
    });
    reach.assert_met_after(200, &["no request", "refused", "granted"]);
}

#[test]
fn whom_a_joiner_meets_is_what_the_donors_evidence_says() {
    let vector = Vector::read("joiner-alike");
    let (valid, released) = (said(&vector.0["offer"]), vector.released());
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let json = mutant.of(&[vector.text("offer")], &WORDS);
        let Ok(Object(offer)) = serde_json::from_slice::<Object<Offer>>(&json) else {
            return reach.count("no offer");
        };
        let joiner = Joiner::new(vector.vault_id(), &mut Drawn(vector.bytes("random")));
        let configuration: Configuration = vector.part("ownConfiguration");
        match joiner.accept(&offer, &released, &configuration, vector.now()) {
            Ok(_) => {
                assert_eq!(said(&serde_json::to_value(&offer).expect("plain data")), valid);
                reach.count("met");
            }
            Err(_) => reach.count("refused"),
        }
    });
    reach.assert_met_after(200, &["no offer", "refused", "met"]);
}
