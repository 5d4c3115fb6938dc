//! What was looked at: every rule with its value, and whether it holds. A server is verified when all do.

use crate::refusal::Refusal;

/// One rule of spec/attestation.md#verification, applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it is about.
    pub name: &'static str,
    /// What was found.
    pub found: String,
    /// Why it does not hold, if it does not.
    pub refusal: Option<Refusal>,
}

/// Collects checks while a verifier runs.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<Check>);

impl Checks {
    /// Notes a rule, and whether it holds.
    pub(crate) fn hold(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        holds: bool,
        refusal: Refusal,
    ) {
        self.0.push(Check { name, found: found.into(), refusal: (!holds).then_some(refusal) });
    }

    /// Notes why the verifier cannot go on, or gives what it goes on with. A success shows itself in the rules that follow.
    pub(crate) fn need<T>(&mut self, name: &'static str, result: Result<T, Refusal>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(refusal) => {
                self.hold(name, String::new(), false, refusal);
                None
            }
        }
    }

    /// As [`need`](Self::need), and notes the success with what was found.
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
