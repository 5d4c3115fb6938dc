//! The files of `testdata/formats/`. Each is a list of vectors, and each vector has one outcome.
//! `UPDATE_GOLDEN=1` writes a list again, and every run writes the same one.

use serde_json::{Value, json};
use std::path::PathBuf;

/// What the library makes of an input: the value that it reads, or else `refused: ` and the reason,
/// or another outcome such as `damaged`.
pub type Outcome = Result<Value, String>;

/// Vectors that are about to be written.
#[derive(Default)]
pub struct Cases(Vec<Case>);

struct Case {
    name: String,
    comment: String,
    /// The outcome that the author of the case expects.
    outcome: String,
    input: Value,
}

impl Cases {
    /// Adds an input that must be accepted.
    pub fn accepted(&mut self, name: &str, comment: &str, input: Value) {
        self.add("accepted", name, comment, input);
    }

    /// Adds an input that must be refused, with its reason.
    pub fn refused(&mut self, reason: &str, name: &str, comment: &str, input: Value) {
        self.add(&format!("refused: {reason}"), name, comment, input);
    }

    /// Adds an input with another outcome. The vector's name begins with the outcome's first part.
    ///
    /// # Panics
    /// Where the name is there already.
    pub fn add(&mut self, outcome: &str, name: &str, comment: &str, input: Value) {
        let name = format!("{}-{name}", kind(outcome));
        assert!(self.0.iter().all(|case| case.name != name), "{name} twice");
        self.0.push(Case { name, comment: comment.to_owned(), outcome: outcome.to_owned(), input });
    }
}

/// Asserts that every vector of a file has its outcome and its value, and that there are `count`.
///
/// # Panics
/// Where a vector or their number differs, or the file cannot be read.
pub fn walk(file: &str, count: usize, make: impl FnOnce(&mut Cases), outcome: impl Fn(&Value) -> Outcome) {
    let path: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "..", "..", "testdata", "formats", file].iter().collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let mut cases = Cases::default();
        make(&mut cases);
        let vectors: Vec<Value> = cases.0.into_iter().map(|case| written(case, &outcome)).collect();
        let text = serde_json::to_string_pretty(&vectors).expect("a list");
        std::fs::write(&path, text + "\n").unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let vectors: Vec<Value> = serde_json::from_slice(&text).expect("a list of vectors");
    for vector in &vectors {
        let (found, value) = parts(outcome(&vector["input"]));
        let name = vector["name"].as_str().expect("a name");
        assert_eq!(vector["outcome"], found, "{file}: {name}");
        assert_eq!(vector.get("value"), value.as_ref(), "{file}: {name}");
        assert!(name.starts_with(&kind(&found)), "{file}: {name}");
    }
    assert_eq!(vectors.len(), count, "{file}");
}

fn written(case: Case, outcome: &impl Fn(&Value) -> Outcome) -> Value {
    let (found, value) = parts(outcome(&case.input));
    assert_eq!(found, case.outcome, "{}", case.name);
    let mut vector =
        json!({ "name": case.name, "comment": case.comment, "input": case.input, "outcome": found });
    if let Some(value) = value {
        vector["value"] = value;
    }
    vector
}

fn parts(outcome: Outcome) -> (String, Option<Value>) {
    match outcome {
        Ok(value) => ("accepted".to_owned(), Some(value)),
        Err(outcome) => (outcome, None),
    }
}

/// `not mine: …` as the beginning of a name: `not-mine`.
fn kind(outcome: &str) -> String {
    outcome.split(':').next().expect("a first part").replace(' ', "-")
}

/// A text of an input.
///
/// # Panics
/// Where it is not there.
#[must_use]
pub fn text<'a>(input: &'a Value, field: &str) -> &'a str {
    input[field].as_str().unwrap_or_else(|| panic!("no text {field}"))
}

/// The bytes of an input's hex.
///
/// # Panics
/// Where they are not there.
#[must_use]
pub fn bytes(input: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(input, field)).expect("hex")
}

/// The bytes of an input's hex, which must be exactly `LENGTH`.
///
/// # Panics
/// Where they are not there, or their number is another.
#[must_use]
pub fn array<const LENGTH: usize>(input: &Value, field: &str) -> [u8; LENGTH] {
    bytes(input, field).try_into().unwrap_or_else(|_| panic!("{field} has not {LENGTH} bytes"))
}
