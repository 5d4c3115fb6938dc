//! What was looked at: every rule with its value, and whether it holds. A server is verified when all do.

use crate::refusal::Refusal;
use crate::verify::VerifiedServer;

/// One rule of spec/attestation.md, applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it is about.
    pub name: &'static str,
    /// What was found.
    pub found: String,
    /// Why it does not hold, if it does not.
    pub refusal: Option<Refusal>,
}

/// All checks of one piece of evidence, in their order; what could not be reached after a failed one is not among them.
#[derive(Debug)]
pub struct Appraisal {
    checks: Vec<Check>,
    server: Option<VerifiedServer>,
}

impl Appraisal {
    /// Each rule that was applied.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The server, where every rule holds.
    ///
    /// # Errors
    /// The first [`Refusal`].
    pub fn verdict(self) -> Result<VerifiedServer, Refusal> {
        match self.checks.into_iter().find_map(|check| check.refusal) {
            Some(refusal) => Err(refusal),
            None => self.server.ok_or(Refusal::NoEvidence),
        }
    }
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

    /// With what the verifier came to, which is `None` where it could not go on.
    pub(crate) fn finish(self, server: Option<VerifiedServer>) -> Appraisal {
        Appraisal { checks: self.0, server }
    }
}
