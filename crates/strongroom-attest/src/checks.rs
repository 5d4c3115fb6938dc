//! The rules that an appraisal applied: each with the value that was found, and whether it holds.

use crate::refusal::Refusal;

/// One rule of spec/attestation.md#verification, as it was applied to one piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The subject of the rule, for people: `nonce`, `TCB status`.
    pub name: &'static str,
    /// The value in the evidence, for people; empty where there was none to read.
    pub found: String,
    /// Why the rule does not hold, or `None` where it holds.
    pub refusal: Option<Refusal>,
}

/// Collects checks while a verifier runs.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<Check>);

impl Checks {
    /// Notes a rule that the verifier can go on after, whether or not it holds.
    pub(crate) fn hold(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        holds: bool,
        refusal: Refusal,
    ) {
        self.0.push(Check { name, found: found.into(), refusal: (!holds).then_some(refusal) });
    }

    /// Gives what the verifier goes on with, or notes why it cannot go on. A success is not noted:
    /// the rules that follow show it.
    pub(crate) fn need<T>(&mut self, name: &'static str, result: Result<T, Refusal>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(refusal) => {
                self.hold(name, String::new(), false, refusal);
                None
            }
        }
    }

    /// Does what [`need`](Self::need) does, and notes a success too, with what was found.
    pub(crate) fn prove<T>(
        &mut self,
        name: &'static str,
        result: Result<T, Refusal>,
        found: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let value = self.need(name, result)?;
        let found = found(&value);
        self.0.push(Check { name, found, refusal: None });
        Some(value)
    }

    #[cfg(test)]
    pub(crate) fn refusals(&self) -> impl Iterator<Item = Refusal> {
        self.0.iter().filter_map(|check| check.refusal)
    }

    /// Gives up the collected checks, in their order.
    pub(crate) fn into_list(self) -> Vec<Check> {
        self.0
    }
}
