//! `strongroom decrypt`

use crate::identities::Identities;
use crate::sealed_input::{SealedInput, open_payload};
use crate::streams::{self, Kind, Output, stream_failed};
use anyhow::Result;
use std::path::PathBuf;
use strongroom::w3pk;

/// Open what was sealed for a key
///
/// Example:  strongroom decrypt -i key.txt hello.txt
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Decrypt {
    #[command(flatten)]
    pub(crate) identities: Identities,
    /// Write to this file (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The envelope or w3pk payload (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

pub(crate) fn run(args: &Decrypt) -> Result<()> {
    let output = args.output.as_deref();
    // An older payload does not name its key, so all keys are read and tried.
    let source = SealedInput::open(args.input.as_deref())?;
    match source {
        SealedInput::W3pk(bytes) => {
            let keys = args.identities.read()?;
            let opened = open_payload(&w3pk::AnyPayload::from_json(&bytes)?, &keys)?;
            streams::write(output, opened.expose(), Kind::Opened)
        }
        SealedInput::Envelope(envelope) => {
            let keys = envelope.keys(&args.identities)?;
            let mut output = Output::create(output, Kind::Opened)?;
            let to = output.name().to_owned();
            envelope
                .opener
                .open(&keys, &mut output, envelope.threads)
                .map_err(|error| stream_failed(error, &envelope.name, &to))?;
            output.commit()
        }
    }
}
