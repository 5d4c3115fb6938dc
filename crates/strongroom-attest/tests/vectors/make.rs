//! Makes the vectors: evidence that the test kit's fakes sign, either good or with one thing wrong.

use crate::{Vector, folder, nitro, snp, tdx};
use std::collections::BTreeMap;
use strongroom::encoding::base64;
use strongroom::key::{DecapsulationKey, EncapsulationKey};
use strongroom_attest::{
    AppraisalPolicy, AuxiliaryData, Claims, Collateral, Evidence, KeyOrigin, MAX_EVIDENCE_BYTES, Purpose,
    Report, platform,
};

/// How many there are, and how many of them are good.
pub(crate) const COUNT: usize = 222;
pub(crate) const VERIFIED: usize = 24;

/// 2026-06-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_780_272_000;
pub(crate) const NONCE: [u8; 32] = [4; 32];

/// A vector before it is written.
pub(crate) struct Draft {
    pub(crate) policy: AppraisalPolicy,
    pub(crate) evidence: Evidence,
    pub(crate) root: (&'static str, Vec<u8>),
    pub(crate) now: i64,
    pub(crate) nonce: Option<[u8; 32]>,
    pub(crate) tls: Option<[u8; 32]>,
}

impl Draft {
    pub(crate) fn new(policy: AppraisalPolicy, evidence: Evidence, root: (&'static str, &[u8])) -> Self {
        let root = (root.0, root.1.to_vec());
        Self { policy, evidence, root, now: NOW, nonce: Some(NONCE), tls: None }
    }

    /// With a part of the evidence changed after it was signed.
    pub(crate) fn changed(mut self, change: impl FnOnce(&mut Evidence)) -> Self {
        change(&mut self.evidence);
        self
    }

    /// With a bit of the report flipped after it was signed.
    pub(crate) fn flipped(self, at: usize) -> Self {
        self.with_report(|report| report[at] ^= 1)
    }

    pub(crate) fn with_report(self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        self.changed(|evidence| {
            let mut report = strongroom::encoding::from_base64(&evidence.report).expect("base64");
            change(&mut report);
            evidence.report = base64(&report);
        })
    }

    pub(crate) fn policy(mut self, change: impl FnOnce(&mut AppraisalPolicy)) -> Self {
        change(&mut self.policy);
        self
    }

    pub(crate) fn at(self, seconds_later: i64) -> Self {
        Self { now: NOW + seconds_later, ..self }
    }

    pub(crate) fn write(self, name: &str, outcome: &str) {
        self.write_changed(name, outcome, |_| ());
    }

    /// With what no evidence has.
    fn write_changed(self, name: &str, outcome: &str, change: impl FnOnce(&mut Vector)) {
        let mut vector = Vector {
            outcome: outcome.to_owned(),
            now: self.now,
            nonce: self.nonce.map(hex::encode),
            tls_spki_sha256: self.tls.map(hex::encode),
            roots: BTreeMap::from([(self.root.0.to_owned(), base64(&self.root.1))]),
            policy: self.policy.to_toml(),
            evidence: serde_json::to_value(&self.evidence).expect("plain data"),
            spaces_after: 0,
        };
        change(&mut vector);
        let json = serde_json::to_string(&vector).expect("plain data") + "\n";
        #[expect(clippy::disallowed_methods, reason = "it writes the vectors")]
        std::fs::write(folder().join(format!("{name}.json")), json).expect("written");
    }
}

pub(crate) fn vault_key() -> EncapsulationKey {
    DecapsulationKey::from_seed(&[1; 64]).encapsulation_key()
}

/// The claims that all vectors are of, but for what a test changes before they are signed.
pub(crate) fn claims(key: &EncapsulationKey) -> Claims<'_> {
    Claims {
        purpose: Purpose::Service,
        vault_id: [2; 32],
        epoch: 1,
        encapsulation_key: key,
        key_origin: KeyOrigin::Generated,
        config_digest: [3; 32],
        tls_spki_sha256: None,
        nonce: NONCE,
        timestamp: "2026-06-01T00:00:00Z".to_owned(),
    }
}

/// Evidence of the claims, with what `sign` answers to their report data.
pub(crate) fn sign(
    platform: &str,
    change: impl FnOnce(&mut Claims<'_>),
    auxiliary_data: AuxiliaryData,
    collateral: Collateral,
    sign: impl FnOnce(&Claims<'_>, [u8; 64]) -> Vec<u8>,
) -> Evidence {
    let key = vault_key();
    let mut claims = claims(&key);
    change(&mut claims);
    let bytes = sign(&claims, claims.report_data(platform));
    claims.with_report(platform, Report { bytes, measurement: String::new(), auxiliary_data, collateral })
}

pub(crate) fn all() {
    #[expect(clippy::disallowed_methods, reason = "it writes the vectors")]
    for entry in std::fs::read_dir(folder()).expect("the folder") {
        std::fs::remove_file(entry.expect("an entry").path()).expect("removed");
    }
    let none = || {
        let evidence = platform::none::evidence(&claims(&vault_key()));
        Draft::new(AppraisalPolicy::default(), evidence, ("intel", &[]))
    };
    none().write("none", "NoTee");
    none().write_changed("oversized", "Oversized", |vector| vector.spaces_after = MAX_EVIDENCE_BYTES);
    // What the system that this one replaces shows.
    none().write_changed("five-fields", "NoEvidence", |vector| {
        let five = ["platform", "report", "measurement", "timestamp", "mlkemPublicKey"];
        vector.evidence.as_object_mut().expect("an object").retain(|name, _| five.contains(&name.as_str()));
    });
    none().write_changed("an-array", "NoEvidence", |vector| vector.evidence = serde_json::json!([]));
    none().write_changed("unknown-evidence", "NoEvidence", |vector| {
        vector.evidence["evidence"]["type"] = "sgx".into();
    });
    none().write_changed("unknown-origin", "NoEvidence", |vector| {
        vector.evidence["keyOrigin"] = "found".into();
    });
    tdx::write();
    snp::write();
    nitro::write();
}
