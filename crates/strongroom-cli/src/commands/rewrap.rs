//! `strongroom rewrap`

use crate::envelope_policy::PolicyArgs;
use crate::error::{Hint, Refused, tell};
use crate::identities::Identities;
use crate::recipients::{self, Recipients};
use crate::sealed_input::{EnvelopeInput, SealedInput};
use crate::streams::{Kind, Output, stream_failed};
use anyhow::{Context, Result, anyhow};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use strongroom::envelope::armor::ArmorWriter;
use strongroom::envelope::{Header, RewrapError, Sealer};
use strongroom::key::{Identity, KeyId, Recipient};
use strongroom::os_rng;
use strongroom::policy::EnvelopePolicy;
use strongroom_attest::TrustAnchors;

/// Change an envelope's recipients, or give it a new file key
///
/// Example:  strongroom rewrap -i key.txt --add "$(cat bob.pub)" -o note.sealed note.sealed
///
/// --add and --remove leave the payload as it is. A recipient who is removed may have kept the old
/// envelope or its file key, and can still read what they could read before. --rotate-key seals the
/// payload again under a new file key. It needs the public key of every recipient (-r), since an
/// envelope holds only fingerprints. It is the only way to change the policy: a flag replaces its
/// part of the policy, and the rest stays.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Rewrap {
    #[command(flatten)]
    pub(crate) identities: Identities,
    /// Add this public key as a recipient (can be repeated)
    #[arg(long, value_name = "KEY")]
    pub(crate) add: Vec<String>,
    /// Remove this recipient: a public key, or a fingerprint sr:… (can be repeated)
    #[arg(long, value_name = "KEY")]
    pub(crate) remove: Vec<String>,
    /// Make a new file key, and seal the payload again under it
    #[arg(long)]
    pub(crate) rotate_key: bool,
    #[command(flatten)]
    pub(crate) recipients: Recipients,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Write to this file (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The envelope, or - for standard input
    pub(crate) input: PathBuf,
}

pub(crate) fn run(args: &Rewrap, roots: &TrustAnchors) -> Result<()> {
    let SealedInput::Envelope(source) = SealedInput::open(Some(&args.input))? else {
        return Err(anyhow!(Hint("decrypt it, and encrypt it again"))
            .context("a w3pk payload cannot be rewrapped: only a native envelope can"));
    };
    let keys = source.keys(&args.identities)?;
    let header = source.opener.header();
    let remove = args.remove.iter().map(|text| removed(text, header)).collect::<Result<Vec<KeyId>>>()?;
    let kind = if source.armored { Kind::Text } else { Kind::Sealed };
    if args.rotate_key {
        let output = Output::create(args.output.as_deref(), kind)?;
        return rotate(args, *source, &keys, &remove, output, roots);
    }
    if args.recipients.is_given() || args.policy.is_given() {
        return Err(anyhow!(Hint(
            "add --rotate-key and name every recipient with -r, or use --add and --remove"
        ))
        .context("a new list of recipients or a new policy needs a new file key"));
    }
    let add = recipients::named("--add", &args.add)?;
    if add.is_empty() && remove.is_empty() {
        return Err(anyhow!(Hint(
            "pass --add KEY, --remove KEY, or --rotate-key with -r for every recipient"
        ))
        .context("there is nothing to change"));
    }
    let output = Output::create(args.output.as_deref(), kind)?;
    rewrap(*source, &keys, &add, &remove, output)?;
    if !remove.is_empty() {
        tell(format_args!(
            "note: a removed recipient may have kept the old envelope or its key, and can still read what they could read before. \
             --rotate-key seals under a new key that they do not have"
        ));
    }
    Ok(())
}

/// Changes the stanzas, and copies the payload as it is.
fn rewrap(
    source: EnvelopeInput,
    keys: &[Identity],
    add: &[Recipient],
    remove: &[KeyId],
    mut output: Output,
) -> Result<()> {
    let EnvelopeInput { opener, name, armored, .. } = source;
    let to = output.name().to_owned();
    let told = |error: RewrapError| match error {
        RewrapError::Open(error) => anyhow::Error::from(error),
        RewrapError::Read(error) => anyhow::Error::from(error).context(format!("cannot read {name}")),
        RewrapError::Write(error) => anyhow::Error::from(error).context(format!("cannot write {to}")),
        RewrapError::Recipients(error) => error.into(),
        RewrapError::NotARecipient { .. } => Refused(error.to_string()).into(),
        other => other.into(),
    };
    if armored {
        let mut writer = ArmorWriter::new(&mut output);
        opener.rewrap(keys, add, remove, &mut os_rng(), &mut writer).map_err(told)?;
        writer.finish().context("cannot write the end of the armor")?;
    } else {
        opener.rewrap(keys, add, remove, &mut os_rng(), &mut output).map_err(told)?;
    }
    output.commit()
}

/// Seals the plaintext again. Every recipient of before must be named or removed.
fn rotate(
    args: &Rewrap,
    source: EnvelopeInput,
    keys: &[Identity],
    remove: &[KeyId],
    mut output: Output,
    roots: &TrustAnchors,
) -> Result<()> {
    let header = source.opener.header();
    let readers = [&args.policy.reader[..], &header.policy().readers].concat();
    recipients::check_readers(&args.recipients, &readers)?;
    let (mut named, given) = recipients::of(&args.recipients, &args.policy, roots)?;
    for key in recipients::named("--add", &args.add)? {
        recipients::add(&mut named, key);
    }
    let is_named = |id: KeyId| named.iter().any(|key| key.id() == id);
    let missing: Vec<String> = header
        .stanzas()
        .iter()
        .map(|stanza| stanza.key_id())
        .filter(|id| !is_named(*id) && !remove.contains(id))
        .map(|id| id.to_string())
        .collect();
    if !missing.is_empty() {
        let refused = Refused(format!(
            "--rotate-key needs the public key of every recipient, and {} is missing",
            missing.join(", ")
        ));
        let hint = "an envelope holds only fingerprints: pass the public key with -r, or pass --remove with the fingerprint";
        return Err(anyhow::Error::from(refused).context(Hint(hint)));
    }
    if let Some(both) = remove.iter().find(|id| is_named(**id)) {
        return Err(anyhow!("{both} is both named and removed"));
    }
    let sealer = Sealer::new(&named, changed(header, given), &mut os_rng())?;
    let EnvelopeInput { opener, name, armored, .. } = source;
    let to = output.name().to_owned();
    let mut plaintext = opener.into_reader(keys).map_err(|error| stream_failed(error, &name, &to))?;
    let told = |error| stream_failed(error, &name, &to);
    if armored {
        let mut writer = ArmorWriter::new(&mut output);
        sealer.seal(&mut plaintext, &mut writer, NonZeroUsize::MIN).map_err(told)?;
        writer.finish().with_context(|| format!("cannot write {to}"))?;
    } else {
        sealer.seal(&mut plaintext, &mut output, NonZeroUsize::MIN).map_err(told)?;
    }
    output.commit()
}

/// The policy of before, with the parts replaced that are given.
fn changed(header: &Header, given: EnvelopePolicy) -> EnvelopePolicy {
    let before = header.policy().clone();
    let list = |given: Vec<_>, before| if given.is_empty() { before } else { given };
    EnvelopePolicy {
        readers: list(given.readers, before.readers),
        owners: list(given.owners, before.owners),
        audience: given.audience.or(before.audience),
        not_before: given.not_before.or(before.not_before),
        not_after: given.not_after.or(before.not_after),
        label: given.label.or(before.label),
        ..before
    }
}

/// Finds a recipient by public key, by fingerprint, or by the whole key id in hex.
fn removed(text: &str, header: &Header) -> Result<KeyId> {
    let ids = || header.stanzas().iter().map(|stanza| stanza.key_id());
    let key = text.parse::<Recipient>().ok().map(|key| key.id());
    let is_named = |id: &KeyId| {
        key.map_or(id.to_string() == text || hex::encode(id.as_bytes()) == text, |key| key == *id)
    };
    let mut fits = ids().filter(is_named);
    match (fits.next(), fits.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => {
            Err(anyhow!("two recipients have this fingerprint: pass the public key to --remove"))
        }
        _ => {
            let refused = Refused("--remove names nobody among the envelope's recipients".to_owned());
            Err(anyhow::Error::from(refused).context(Hint("`strongroom inspect` lists the recipients")))
        }
    }
}
