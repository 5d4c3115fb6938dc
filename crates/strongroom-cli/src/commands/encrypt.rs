//! `strongroom encrypt`

use super::rng;
use crate::args::{Encrypt, Format};
use crate::files::{self, Kind};
use anyhow::Result;
use strongroom::w3pk::{self, Generation};

pub(super) fn run(args: &Encrypt) -> Result<()> {
    let recipients = files::recipients(&args.recipient, &args.recipients_file)?;
    let generation = match args.format {
        Format::W3pk1 => Generation::First,
        Format::W3pk | Format::W3pk2 => Generation::Second,
    };
    let plaintext = files::read(args.input.as_deref())?;
    let payload = w3pk::seal(&plaintext, &recipients, generation, &mut rng())?;
    files::write(args.output.as_deref(), payload.to_json().as_bytes(), Kind::Text)
}
