//! `envelope seal PUBLIC-KEY…` and `envelope open SECRET-KEY`, from stdin to stdout. They run the
//! library as it is built for wasm32, where other code does AES and P-384.
//!
//! They are for tests only: a secret key does not belong in arguments, which other users can see.

use std::error::Error;
use std::io::{self, Read, Write};
use strongroom::envelope::{Opener, Sealer};
use strongroom::key::{Identity, Recipient};
use strongroom::policy::EnvelopePolicy;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let verb = args.next().ok_or("seal or open")?;
    let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
    let (mut input, output) = (io::stdin().lock(), io::stdout().lock());
    match verb.as_str() {
        "seal" => {
            let recipients = args.map(|text| text.parse()).collect::<Result<Vec<Recipient>, _>>()?;
            let policy = EnvelopePolicy { label: Some("from wasm".to_owned()), ..EnvelopePolicy::default() };
            let mut writer = Sealer::new(&recipients, policy, &mut rng)?.into_writer(output)?;
            io::copy(&mut input, &mut writer)?;
            drop(writer.finish()?);
        }
        "open" => {
            let identity = Identity::from_secret_text(&args.next().ok_or("a secret key")?)?;
            let mut plaintext = Vec::new();
            Opener::new(input)?.into_reader([&identity])?.read_to_end(&mut plaintext)?;
            let mut output = output;
            output.write_all(&plaintext)?;
        }
        other => return Err(format!("no verb {other}").into()),
    }
    Ok(())
}
