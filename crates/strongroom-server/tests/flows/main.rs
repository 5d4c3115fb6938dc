//! The flows of ARCHITECTURE.md, as programs: one file each, at most 60 lines.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "shared with the other test binary")]
mod support;

mod backup;
mod rewrap;
mod secret;
