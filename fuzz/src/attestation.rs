//! What the targets of attestation share: the vectors of testdata/attestation as valid inputs, and
//! what must hold of an edited one.

use crate::Edit;
use bolero::TypeGenerator;
use serde_json::Value;
use std::path::PathBuf;
use strongroom::encoding::{base64, from_base64};
use strongroom_attest::trust_anchors::SnpProduct;
use strongroom_attest::{
    AppraisalPolicy, Challenge, Evidence, Purpose, Refusal, TrustAnchors, VerifiedServer, appraise, explain,
    verify,
};
use time::{Duration, OffsetDateTime};

/// A vector whose evidence is verified.
pub struct Valid {
    /// The evidence as a server sends it.
    pub json: String,
    /// The same evidence, parsed.
    pub evidence: Evidence,
    /// The evidence's report, decoded.
    pub report: Vec<u8>,
    /// The client's challenge.
    pub asked: Challenge,
    /// The vector's policy, with the test's roots.
    pub policy: AppraisalPolicy,
    /// The time at which the vector is verified.
    pub at: OffsetDateTime,
}

/// The vectors that are verified, and whose names begin with one of these.
///
/// # Panics
/// If they cannot be read.
#[must_use]
pub fn valid(prefixes: &[&str]) -> Vec<Valid> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/attestation"));
    let entries = std::fs::read_dir(folder).expect("the folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy();
        prefixes.iter().any(|prefix| name.starts_with(prefix))
    };
    paths
        .into_iter()
        .filter(is_wanted)
        .filter_map(|path| {
            let vector: Value = serde_json::from_slice(&std::fs::read(path).expect("read")).expect("JSON");
            (vector["outcome"] == "verified").then(|| of_vector(&vector))
        })
        .collect()
}

fn of_vector(vector: &Value) -> Valid {
    let bytes = |name: &str| {
        let text = vector[name].as_str()?;
        Some(hex::decode(text).expect("hex")[..].try_into().expect("32 bytes"))
    };
    let mut roots = TrustAnchors::default();
    for (name, der) in vector["roots"].as_object().expect("roots") {
        let der = from_base64(der.as_str().expect("a text")).expect("base64").into();
        match name.as_str() {
            "intel" => roots.intel = der,
            "amd-milan" => roots.amd = vec![(SnpProduct::Milan, der)],
            "aws" => roots.aws = der,
            _ => panic!("an unknown root: {name}"),
        }
    }
    let json = vector["evidence"].to_string();
    let evidence = Evidence::from_json(json.as_bytes()).expect("evidence");
    let policy = AppraisalPolicy::from_toml(vector["policy"].as_str().expect("a text")).expect("a policy");
    Valid {
        report: from_base64(&evidence.report).expect("base64"),
        asked: Challenge {
            purpose: Purpose::Service,
            nonce: bytes("nonce"),
            tls_spki_sha256: bytes("tlsSpkiSha256"),
        },
        policy: AppraisalPolicy { trust_anchors: roots, ..policy },
        at: OffsetDateTime::from_unix_timestamp(vector["now"].as_i64().expect("a number")).expect("a time"),
        json,
        evidence,
    }
}

/// Edits of a vector before it is verified.
#[derive(Debug, Clone, TypeGenerator)]
pub struct Attempt {
    /// The number of the vector, modulo their number.
    pub which: u8,
    /// The part of it that is edited, modulo the parts of its platform.
    pub part: u8,
    /// The number of the part among several of its kind, modulo their number.
    pub index: u8,
    /// Up to three edits. None at all leave the vector valid.
    #[generator(bolero::produce_with::<Vec<Edit>>().len(0_usize..=3))]
    pub edits: Vec<Edit>,
    /// In one of four cases the time is another one than the vector's.
    pub late: u8,
    /// The other time.
    pub when: When,
    /// In one of eight cases the nonce is another one, or there is none.
    pub nonce: u8,
    /// Whether the policy is drafted from what is shown.
    pub drafted: bool,
}

/// Another time than the vector's.
#[derive(Debug, Clone, Copy, TypeGenerator)]
pub enum When {
    /// This many seconds later. The range has the five minutes by which clocks may differ in it.
    Seconds(i16),
    /// This many days later, up to 89 years either way.
    Days(i16),
    /// This many seconds after 1970, modulo what is a time.
    At(i64),
}

/// The fakes' certificates and lists are valid for at most this long before and after their time.
const FAKES_LAST: Duration = Duration::days(30);
const TOLERANCE: Duration = Duration::minutes(5);

impl Attempt {
    /// The vector that the edits begin with.
    #[must_use]
    pub fn pick<'a>(&self, valid: &'a [Valid]) -> &'a Valid {
        &valid[usize::from(self.which) % valid.len()]
    }

    /// Applies the edits to bytes. `words` are those of the format.
    pub fn edit(&self, bytes: &mut Vec<u8>, words: &[&str]) {
        self.edits.iter().for_each(|edit| edit.apply(bytes, words));
    }

    /// Changes bytes at the places of the edits, and never the length.
    pub fn edit_in_place(&self, bytes: &mut [u8]) {
        let mut held = bytes.to_vec();
        for edit in &self.edits {
            let in_place = match *edit {
                Edit::Flip { at, bit } | Edit::Delete { at, more: bit } => Edit::Flip { at, bit },
                Edit::Replace { at, byte }
                | Edit::Insert { at, byte }
                | Edit::Copy { to: at, more: byte, .. }
                | Edit::Word { at, which: byte } => Edit::Replace { at, byte },
                Edit::Truncate { at } => Edit::Flip { at, bit: 0 },
                Edit::DropLine { line } | Edit::RepeatLine { line, .. } => {
                    Edit::Flip { at: u16::from(line) << 8, bit: line }
                }
            };
            in_place.apply(&mut held, &[]);
        }
        bytes.copy_from_slice(&held);
    }

    /// Applies the edits to a text. `words` are those of the format.
    pub fn edit_text(&self, text: &mut String, words: &[&str]) {
        let mut bytes = std::mem::take(text).into_bytes();
        self.edit(&mut bytes, words);
        *text = String::from_utf8_lossy(&bytes).into_owned();
    }

    /// The vector's evidence after an edit of its text.
    ///
    /// # Errors
    /// The refusal, if the text is not evidence any more.
    pub fn with_json(&self, valid: &Valid, words: &[&str]) -> Result<Evidence, Refusal> {
        let mut json = valid.json.clone().into_bytes();
        self.edit(&mut json, words);
        Evidence::from_json(&json)
    }

    /// The vector's evidence with another report.
    #[must_use]
    pub fn with_report(valid: &Valid, report: &[u8]) -> Evidence {
        Evidence { report: base64(report), ..valid.evidence.clone() }
    }

    fn time(&self, valid: &Valid) -> OffsetDateTime {
        match self.when {
            _ if self.late >= 64 => valid.at,
            When::Seconds(seconds) => valid.at + Duration::seconds(seconds.into()),
            When::Days(days) => valid.at + Duration::days(days.into()),
            When::At(seconds) => {
                let [least, most] = [
                    OffsetDateTime::UNIX_EPOCH.replace_year(-9999),
                    OffsetDateTime::UNIX_EPOCH.replace_year(9999),
                ]
                .map(|time| time.expect("a year").unix_timestamp());
                let seconds = least + seconds.rem_euclid(most - least);
                OffsetDateTime::from_unix_timestamp(seconds).expect("within a time's bounds")
            }
        }
    }

    fn asked(&self, valid: &Valid) -> Challenge {
        let nonce = match self.nonce {
            0..16 => None,
            16..32 => Some([9; 32]),
            _ => valid.asked.nonce,
        };
        Challenge { nonce, ..valid.asked }
    }

    /// Verifies what became of the vector, and checks the outcome. With the makers' roots it is
    /// never verified. If it is verified with the test's roots, the time is one at which it may be,
    /// it says what the vector says, and `counts` finds the same in its report as in the vector's.
    ///
    /// # Errors
    /// The refusal, if it is not verified with the test's roots.
    ///
    /// # Panics
    /// If the outcome is another one than that.
    pub fn verify<T: PartialEq + std::fmt::Debug>(
        &self,
        valid: &Valid,
        evidence: &Evidence,
        counts: impl Fn(&[u8]) -> T,
    ) -> Result<VerifiedServer, Refusal> {
        let (now, asked) = (self.time(valid), self.asked(valid));
        let _ = explain::evidence(evidence);
        if let Some(report) = from_base64(&evidence.report) {
            let _ = explain::report(&report);
        }
        let policy = if self.drafted {
            let draft = AppraisalPolicy::draft(evidence, &valid.policy.trust_anchors, now)?;
            let text = draft.to_toml();
            assert_eq!(
                AppraisalPolicy::from_toml(&text).map(|read| read.to_toml()).ok().as_ref(),
                Some(&text)
            );
            draft
        } else {
            valid.policy.clone()
        };
        let of_makers = AppraisalPolicy { trust_anchors: TrustAnchors::default(), ..policy.clone() };
        assert!(verify(evidence, &asked, &of_makers, now).is_err(), "no maker signed it");

        let appraisal = appraise(evidence, &asked, &policy, now);
        // The evidence's own time is the first to be off. With any nonce and any time of its own
        // the evidence would be too old all the same.
        if (now - valid.at).abs() > FAKES_LAST {
            let mut refusals = appraisal.checks().iter().filter_map(|check| check.refusal);
            assert!(refusals.any(|refusal| !matches!(refusal, Refusal::Timestamp | Refusal::Nonce)), "{now}");
        }
        let server = appraisal.verdict()?;
        let was = &valid.evidence;
        assert_eq!(server.encapsulation_key().to_base64(), was.mlkem_public_key);
        assert_eq!(hex::encode(server.vault_id()), was.vault_id);
        assert_eq!(server.platform(), was.platform);
        assert_eq!(server.tls_spki_sha256().map(hex::encode).unwrap_or_default(), was.tls_spki_sha256);
        // The values that are bound, without those of the server. Hex digits may be of either case.
        let bound = |evidence: &Evidence| {
            (
                evidence.version,
                evidence.epoch,
                evidence.key_origin,
                evidence.timestamp.clone(),
                evidence.key_id.clone(),
                evidence.config_digest.to_lowercase(),
                evidence.nonce.to_lowercase(),
            )
        };
        assert_eq!(bound(evidence), bound(was));
        let report = from_base64(&evidence.report).expect("it was read");
        assert_eq!(counts(&report), counts(&valid.report));
        assert_eq!(explain::report(&report), explain::report(&valid.report), "it has other measurements");

        if asked.nonce.is_some() {
            let made = OffsetDateTime::parse(&was.timestamp, &time::format_description::well_known::Rfc3339);
            assert!((now - made.expect("a time")).abs() <= TOLERANCE, "{now}");
        }
        Ok(server)
    }
}

/// The certificates of a PEM chain, in DER.
///
/// # Panics
/// If the text is not a PEM chain.
#[must_use]
pub fn from_pem_chain(text: &str) -> Vec<Vec<u8>> {
    let body = text.split("-----").skip(2).step_by(4);
    body.map(|body| from_base64(&body.replace(['\n', '\r'], "")).expect("base64")).collect()
}

/// The PEM chain of these certificates.
#[must_use]
pub fn pem_chain(certificates: &[Vec<u8>]) -> String {
    let mut out = String::new();
    for der in certificates {
        out.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in base64(der).as_bytes().chunks(64) {
            out.push_str(&String::from_utf8_lossy(line));
            out.push('\n');
        }
        out.push_str("-----END CERTIFICATE-----\n");
    }
    out
}
