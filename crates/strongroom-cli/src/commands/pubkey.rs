//! `strongroom pubkey`

use crate::args::Pubkey;
use crate::files::{self, Kind};
use anyhow::Result;

pub(super) fn run(args: &Pubkey) -> Result<()> {
    let key = files::read_key(&args.key_file)?.encapsulation_key();
    let text = match (args.base64, args.fingerprint) {
        (true, _) => key.to_base64(),
        (_, true) => key.id().to_string(),
        _ => key.to_string(),
    };
    files::write(None, format!("{text}\n").as_bytes(), Kind::Text)
}
