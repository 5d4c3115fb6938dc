//! Inputs and outputs of any size: `-` is stdio, and results appear whole or not at all.

mod failure;
mod input;
mod output;
mod progress;

pub(crate) use failure::stream_failed;
pub(crate) use input::{Input, refuse_stdin_twice};
pub(crate) use output::{Kind, Output, write, write_new_secret};
