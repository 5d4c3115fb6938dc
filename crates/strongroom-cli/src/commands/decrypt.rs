//! `strongroom decrypt`

use crate::args::Decrypt;
use crate::files::{self, Kind};
use anyhow::Result;
use strongroom::Plaintext;
use strongroom::key::DecapsulationKey;
use strongroom::w3pk::{OpenError, Sealed};

pub(super) fn run(args: &Decrypt) -> Result<()> {
    let keys = args.identity.iter().map(|path| files::read_key(path)).collect::<Result<Vec<_>>>()?;
    let sealed = Sealed::from_json(&files::read(args.input.as_deref())?)?;
    let plaintext = open(&sealed, &keys)?;
    files::write(args.output.as_deref(), plaintext.expose(), Kind::Opened)
}

/// Opens with the first key that fits. An older payload does not say whom it is for, so there "damaged" may mean
/// the next key as well.
pub(super) fn open(sealed: &Sealed, keys: &[DecapsulationKey]) -> Result<Plaintext, OpenError> {
    let mut failure = OpenError::NotMine;
    for key in keys {
        match (sealed.open(key), sealed) {
            (Ok(plaintext), _) => return Ok(plaintext),
            (Err(OpenError::NotMine), _) => {}
            (Err(error), Sealed::Older(_)) => failure = error,
            (Err(error), Sealed::Payload(_)) => return Err(error),
        }
    }
    Err(failure)
}
