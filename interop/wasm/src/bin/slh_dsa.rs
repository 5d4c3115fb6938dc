//! `slh_dsa sign SET` reads SK.seed ‖ SK.prf ‖ PK.seed ‖ M' from stdin. It writes the public key
//! and the deterministic signature, if all back ends of this build agree on them.
//!
//! `slh_dsa verify SET` reads public key ‖ signature ‖ M' from stdin. Its exit code says whether
//! the signature verifies.

use slh_shake::internals::{Backend, pk_root, slh_sign_internal, slh_verify_internal};
use slh_shake::{ParameterSet, Shake128f, Shake128s, Shake192f, Shake192s, Shake256f, Shake256s};
use std::error::Error;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (verb, set) = (args.next().ok_or("a verb")?, args.next().ok_or("a parameter set")?);
    let mut input = Vec::new();
    io::stdin().lock().read_to_end(&mut input)?;
    let run = match set.as_str() {
        "128s" => run::<Shake128s>,
        "128f" => run::<Shake128f>,
        "192s" => run::<Shake192s>,
        "192f" => run::<Shake192f>,
        "256s" => run::<Shake256s>,
        "256f" => run::<Shake256f>,
        other => return Err(format!("no parameter set {other}").into()),
    };
    run(&verb, &input)
}

fn run<P: ParameterSet>(verb: &str, input: &[u8]) -> Result<ExitCode, Box<dyn Error>> {
    match verb {
        "sign" => {
            let (seed, message) = input.split_at_checked(3 * P::N).ok_or("a seed")?;
            let made = Backend::all().into_iter().map(|backend| {
                let pk_seed = &seed[2 * P::N..];
                let root = pk_root::<P>(backend, &seed[..P::N], pk_seed);
                let key = [seed, &root].concat();
                let signature = slh_sign_internal::<P>(backend, &key, message, pk_seed, NonZeroUsize::MIN);
                [pk_seed, &root, &signature].concat()
            });
            let made: Vec<Vec<u8>> = made.collect();
            if made.windows(2).any(|two| two[0] != two[1]) {
                return Err("the back ends differ".into());
            }
            io::stdout().write_all(&made[0])?;
            Ok(ExitCode::SUCCESS)
        }
        "verify" => {
            let (key, rest) = input.split_at_checked(P::PUBLIC_KEY_BYTES).ok_or("a public key")?;
            let (signature, message) = rest.split_at_checked(P::SIGNATURE_BYTES).ok_or("a signature")?;
            let all = Backend::all().into_iter();
            let verified: Vec<bool> = all
                .map(|backend| slh_verify_internal::<P>(backend, &[(key, message, signature)])[0])
                .collect();
            if verified.windows(2).any(|two| two[0] != two[1]) {
                return Err("the back ends differ".into());
            }
            Ok(if verified[0] { ExitCode::SUCCESS } else { ExitCode::from(3) })
        }
        other => Err(format!("no verb {other}").into()),
    }
}
