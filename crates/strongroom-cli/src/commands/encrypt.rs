//! `strongroom encrypt`

use crate::envelope_policy::PolicyArgs;
use crate::error::Hint;
use crate::format::Format;
use crate::recipients::{self, Recipients};
use crate::streams::{self, Input, Kind, Output, stream_failed};
use anyhow::{Context, Result, anyhow};
use std::path::PathBuf;
use strongroom::envelope::Sealer;
use strongroom::envelope::armor::ArmorWriter;
use strongroom::os_rng;
use strongroom::w3pk;
use strongroom_attest::TrustAnchors;

/// Seal a file or standard input, of any size, for one or more keys
///
/// Example:  echo hello | strongroom encrypt -a -R friends.txt > hello.txt
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
#[command(group(clap::ArgGroup::new("for_whom").args(["recipient", "recipients_file", "server"]).required(true).multiple(true)))]
pub(crate) struct Encrypt {
    #[command(flatten)]
    pub(crate) recipients: Recipients,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// The format to write
    #[arg(long, value_enum, default_value_t = Format::Envelope)]
    pub(crate) format: Format,
    /// Write the envelope as text, for channels that take no binary data
    #[arg(short, long)]
    pub(crate) armor: bool,
    /// Write to this file (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The plaintext (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

pub(crate) fn run(args: &Encrypt, roots: &TrustAnchors) -> Result<()> {
    let Some(generation) = args.format.generation() else {
        return to_envelope(args, roots);
    };
    if args.policy.is_given() || args.armor || args.recipients.server.is_some() {
        return Err(anyhow!(Hint("leave out --format, or leave out --armor, --server and the policy"))
            .context("a w3pk payload is text and carries no policy"));
    }
    let (recipients, _) = recipients::of(&args.recipients, &args.policy, roots)?;
    let plaintext = Input::open(args.input.as_deref())?.read_whole(&[])?;
    let payload = w3pk::seal(&plaintext, &recipients::for_w3pk(recipients)?, generation, &mut os_rng())?;
    streams::write(args.output.as_deref(), payload.to_json().as_bytes(), Kind::Text)
}

fn to_envelope(args: &Encrypt, roots: &TrustAnchors) -> Result<()> {
    recipients::check_readers(&args.recipients, &args.policy.reader)?;
    let (recipients, policy) = recipients::of(&args.recipients, &args.policy, roots)?;
    let sealer = Sealer::new(&recipients, policy, &mut os_rng())?;
    let input = Input::open(args.input.as_deref())?;
    let kind = if args.armor { Kind::Text } else { Kind::Sealed };
    let output = Output::create(args.output.as_deref(), kind)?;
    seal(sealer, input, output, args.armor)
}

/// Seals the input on all cores, and commits the output.
pub(crate) fn seal(sealer: Sealer, input: Input, mut output: Output, armor: bool) -> Result<()> {
    let threads = input.threads();
    let (from, to) = (input.name().to_owned(), output.name().to_owned());
    let input = input.with_progress();
    let told = |error| stream_failed(error, &from, &to);
    if armor {
        let mut writer = ArmorWriter::new(&mut output);
        sealer.seal(input, &mut writer, threads).map_err(told)?;
        writer.finish().with_context(|| format!("cannot write {to}"))?;
    } else {
        sealer.seal(input, &mut output, threads).map_err(told)?;
    }
    output.commit()
}
