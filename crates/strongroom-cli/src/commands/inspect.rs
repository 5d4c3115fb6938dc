//! `strongroom inspect`

use crate::args::Inspect;
use crate::files::{self, Kind};
use anyhow::Result;
use serde_json::json;
use strongroom::key::EncapsulationKey;
use strongroom::w3pk::{Entry, Generation, Sealed};

pub(super) fn run(args: &Inspect) -> Result<()> {
    let sealed = Sealed::from_json(&files::read(args.input.as_deref())?)?;
    let (format, recipients) = match &sealed {
        Sealed::Older(_) => ("older", None),
        Sealed::Payload(payload) => {
            let format = match payload.generation() {
                Generation::First => "w3pk1",
                Generation::Second => "w3pk2",
            };
            (format, Some(payload.entries().iter().map(fingerprint).collect::<Vec<_>>()))
        }
    };
    let bytes = sealed.data().ciphertext.len();
    let text = if args.json {
        let report = json!({ "format": format, "recipients": recipients, "plaintextBytes": bytes });
        format!("{report}\n")
    } else {
        let recipients = match recipients {
            None => "  1, which is not named\n".to_owned(),
            Some(list) => list.iter().map(|fingerprint| format!("  {fingerprint}\n")).collect(),
        };
        format!("format:     {format}\nplaintext:  {bytes} bytes\nrecipients:\n{recipients}")
    };
    files::write(None, text.as_bytes(), Kind::Text)
}

/// Of the key that the entry claims to be for; nothing vouches for it.
fn fingerprint(entry: &Entry) -> String {
    EncapsulationKey::from_bytes(entry.encapsulation_key())
        .map_or_else(|error| format!("no key: {error}"), |key| key.id().to_string())
}
