//! `strongroom inspect`

use crate::sealed_input::{EnvelopeInput, SealedInput, read_failed};
use crate::streams::{self, Kind};
use anyhow::Result;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use strongroom::envelope::{self, Stanza};
use strongroom::key::EncapsulationKey;
use strongroom::policy::EnvelopePolicy;
use strongroom::principal::Principal;
use strongroom::w3pk::{AnyPayload, Entry, Generation};
use strongroom::{HYBRID_KEM_ID, KEM_ID};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Show what can be read without a key: recipients, policy, sizes
///
/// Example:  strongroom inspect hello.txt
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Inspect {
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The envelope or w3pk payload (default: standard input)
    pub(crate) input: Option<PathBuf>,
}

pub(crate) fn run(args: &Inspect) -> Result<()> {
    let report = match SealedInput::open(args.input.as_deref())? {
        SealedInput::Envelope(envelope) => of_envelope(*envelope)?,
        SealedInput::W3pk(bytes) => of_payload(&AnyPayload::from_json(&bytes)?),
    };
    let text = if args.json { format!("{report}\n") } else { as_text(&report) };
    streams::write(None, text.as_bytes(), Kind::Text)
}

fn of_envelope(source: EnvelopeInput) -> Result<Value> {
    let header = source.opener.header();
    let mut report = json!({
        "format": "envelope",
        "armored": source.armored,
        "envelopeId": hex::encode(header.envelope_id()),
        "recipients": header.stanzas().iter().map(of_stanza).collect::<Vec<_>>(),
        "policy": of_policy(header.policy()),
    });
    let (header_bytes, mut payload) = source.opener.into_parts();
    let payload_bytes =
        io::copy(&mut payload, &mut io::sink()).map_err(|error| read_failed(error, &source.name))?;
    report["headerBytes"] = header_bytes.into();
    report["payloadBytes"] = payload_bytes.into();
    // Without a key, nothing proves this size. A length that no envelope has gives null.
    report["plaintextBytes"] = envelope::payload_plaintext_bytes(payload_bytes).into();
    Ok(report)
}

fn of_stanza(stanza: &Stanza) -> Value {
    let kem = match stanza.kem_id() {
        KEM_ID => "ML-KEM-1024",
        HYBRID_KEM_ID => "MLKEM1024-P384",
        _ => "unknown",
    };
    json!({ "fingerprint": stanza.key_id().to_string(), "kem": kem })
}

fn of_policy(policy: &EnvelopePolicy) -> Value {
    let names = |list: &[Principal]| list.iter().map(Principal::to_string).collect::<Vec<_>>();
    let mut report = serde_json::Map::new();
    let mut put = |name: &str, value: Value| drop(report.insert(name.to_owned(), value));
    if !policy.readers.is_empty() {
        put("readers", names(&policy.readers).into());
    }
    if !policy.owners.is_empty() {
        put("owners", names(&policy.owners).into());
    }
    if let Some(m) = policy.approvals {
        put("approvals", m.into());
    }
    if let Some(vault) = policy.audience {
        put("audience", hex::encode(vault).into());
    }
    for (name, at) in [("notBefore", policy.not_before), ("notAfter", policy.not_after)] {
        if let Some(at) = at {
            put(name, rfc3339(at).into());
        }
    }
    if policy.one_time {
        put("oneTime", true.into());
    }
    if let Some(label) = &policy.label {
        put("label", label.as_str().into());
    }
    report.into()
}

fn rfc3339(at: u64) -> String {
    i64::try_from(at)
        .ok()
        .and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok())
        .and_then(|at| at.format(&Rfc3339).ok())
        .expect("a policy's times are before the year 10000")
}

fn of_payload(sealed: &AnyPayload) -> Value {
    let (format, recipients) = match sealed {
        AnyPayload::Older(_) => ("older", None),
        AnyPayload::Payload(payload) => {
            let format = match payload.generation() {
                Generation::First => "w3pk1",
                Generation::Second => "w3pk2",
            };
            (format, Some(payload.entries().iter().map(of_entry).collect::<Vec<_>>()))
        }
    };
    json!({ "format": format, "recipients": recipients, "plaintextBytes": sealed.data().ciphertext.len() })
}

/// Describes the key that the entry claims to be for. Without a key, nothing proves the claim.
fn of_entry(entry: &Entry) -> Value {
    let fingerprint = EncapsulationKey::from_bytes(entry.encapsulation_key())
        .map_or_else(|error| format!("not a key: {error}"), |key| key.id().to_string());
    json!({ "fingerprint": fingerprint, "kem": "ML-KEM-1024" })
}

fn as_text(report: &Value) -> String {
    let mut text = String::new();
    let armor = if report["armored"] == true { ", armored" } else { "" };
    writeln!(text, "format:     {}{armor}", shown(&report["format"])).expect("memory");
    if report["envelopeId"].is_string() {
        writeln!(text, "id:         {}", shown(&report["envelopeId"])).expect("memory");
        let sizes = [&report["headerBytes"], &report["payloadBytes"]];
        writeln!(text, "header:     {} bytes\npayload:    {} bytes", sizes[0], sizes[1]).expect("memory");
    }
    match &report["plaintextBytes"] {
        Value::Null => text += "plaintext:  of unknown size: the envelope was cut short or extended\n",
        bytes => writeln!(text, "plaintext:  {bytes} bytes").expect("memory"),
    }
    text += "recipients:\n";
    match report["recipients"].as_array() {
        None => text += "  one, which the payload does not name\n",
        Some(list) => list.iter().for_each(|recipient| {
            let (fingerprint, kem) = (shown(&recipient["fingerprint"]), shown(&recipient["kem"]));
            writeln!(text, "  {fingerprint}  {kem}").expect("memory");
        }),
    }
    if let Some(policy) = report["policy"].as_object() {
        text += if policy.is_empty() { "policy:     none\n" } else { "policy:\n" };
        for (name, value) in policy {
            let values = value.as_array().map_or(vec![value], |list| list.iter().collect());
            for (at, value) in values.iter().enumerate() {
                let name = if at == 0 { format!("{name}:") } else { String::new() };
                writeln!(text, "  {name:<12}{}", shown(value)).expect("memory");
            }
        }
    }
    text
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
