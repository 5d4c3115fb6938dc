//! `strongroom encrypt`

use crate::cli::{Encrypt, Format};
use crate::error::Hint;
use crate::recipients;
use crate::streams::{self, Input, Kind, Output};
use anyhow::{Context, Result, anyhow};
use strongroom::envelope::armor::ArmorWriter;
use strongroom::envelope::{Sealer, StreamError};
use strongroom::os_rng;
use strongroom::w3pk::{self, Generation};
use strongroom_attest::TrustAnchors;

pub(crate) fn run(args: &Encrypt, roots: &TrustAnchors) -> Result<()> {
    let Some(generation) = args.format.generation() else {
        return to_envelope(args, roots);
    };
    if args.policy.is_given() || args.armor || args.recipients.server.is_some() {
        return Err(anyhow!(Hint("leave out --format, or --armor, --server and the policy"))
            .context("a w3pk payload is text and carries no policy"));
    }
    let (recipients, _) = recipients::of(&args.recipients, &args.policy, roots)?;
    let plaintext = Input::open(args.input.as_deref())?.read_whole(&[])?;
    let payload = w3pk::seal(&plaintext, &recipients::for_w3pk(recipients)?, generation, &mut os_rng())?;
    streams::write(args.output.as_deref(), payload.to_json().as_bytes(), Kind::Text)
}

impl Format {
    /// `None` for the native format.
    pub(crate) fn generation(self) -> Option<Generation> {
        match self {
            Self::Envelope => None,
            Self::W3pk1 => Some(Generation::First),
            Self::W3pk | Self::W3pk2 => Some(Generation::Second),
        }
    }
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

/// Seals everything on all cores, and commits the output.
pub(crate) fn seal(sealer: Sealer, input: Input, mut output: Output, armor: bool) -> Result<()> {
    let threads = input.threads();
    let (from, to) = (input.name().to_owned(), output.name().to_owned());
    let input = input.with_progress();
    let told = |error| streams_failed(error, &from, &to);
    if armor {
        let mut writer = ArmorWriter::new(&mut output);
        sealer.seal(input, &mut writer, threads).map_err(told)?;
        writer.finish().with_context(|| format!("cannot write {to}"))?;
    } else {
        sealer.seal(input, &mut output, threads).map_err(told)?;
    }
    output.commit()
}

/// Says which of the two streams failed, by its name.
pub(crate) fn streams_failed(error: StreamError, from: &str, to: &str) -> anyhow::Error {
    match error {
        StreamError::Read(error) => anyhow::Error::from(error).context(format!("cannot read {from}")),
        StreamError::Write(error) => anyhow::Error::from(error).context(format!("cannot write {to}")),
        StreamError::Open(error) => error.into(),
        other => other.into(),
    }
}
