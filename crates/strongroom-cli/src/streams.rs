//! Inputs and outputs of any size.

mod output;

pub(crate) use output::{Input, Kind, Output, refuse_stdin_twice, write, write_new_secret};
