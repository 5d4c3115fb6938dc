//! The steps of a demonstration, as they are printed.

use anyhow::{Context, Result};
use std::time::Instant;

/// Numbers the steps, and prints each with the time that it took.
pub(super) struct Steps {
    pub(super) number: u32,
}

impl Steps {
    pub(super) fn step<T>(&mut self, title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.number += 1;
        let start = Instant::now();
        let value = work().with_context(|| format!("step {}, {}", self.number, title.to_lowercase()))?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        anstream::println!("{:2}. {title:<58} {ms:8.2} ms", self.number);
        Ok(value)
    }
}

pub(super) fn show(what: &str, value: impl std::fmt::Display) {
    anstream::println!("      {what:<12} {value}");
}
