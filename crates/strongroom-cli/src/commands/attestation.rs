//! `strongroom attestation verify|policy|show`

use crate::error::{Hint, Refused, tell};
use crate::streams::{self, Input, Kind};
use crate::trust::remedies::remedy;
use crate::trust::{self, Trust};
use anstream::adapter::strip_str;
use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result, anyhow};
use serde_json::json;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use strongroom_attest::explain::{self, Rows};
use strongroom_attest::{AppraisalPolicy, Evidence, MAX_EVIDENCE_BYTES, Refusal, TrustAnchors};
use strongroom_client::{Check, PresentedEvidence, Vault};
use time::OffsetDateTime;

/// Check what a server proves: which code holds its key
///
/// Example:  strongroom attestation verify https://vault.example --policy policy.toml
#[derive(clap::Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum AttestationCommand {
    Verify(AttestationVerify),
    Policy(AttestationPolicy),
    Show(AttestationShow),
}

pub(crate) fn run(args: &AttestationCommand, roots: &TrustAnchors) -> Result<()> {
    match args {
        AttestationCommand::Verify(args) => verify(args, roots),
        AttestationCommand::Policy(args) => policy(args, roots),
        AttestationCommand::Show(args) => show(args),
    }
}

/// Verify a server against a policy: every check with its value, ✓ or ✗
///
/// Example:  strongroom attestation verify https://vault.example --policy policy.toml
///
/// Exits with 1 if any check fails. Commands that send a secret make the same checks before they
/// send it.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AttestationVerify {
    #[command(flatten)]
    pub(crate) trust: Trust,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The server: https://host[:port], or http:// to this machine
    pub(crate) url: String,
}

fn verify(args: &AttestationVerify, roots: &TrustAnchors) -> Result<()> {
    let policy = args.trust.policy(&args.url, roots)?;
    let shown = Vault::at(&args.url)?.request_evidence()?;
    let checks = checks(&shown, &policy);
    let text = if args.json { as_json(&checks) } else { colored_for(as_text(&checks), &std::io::stdout()) };
    streams::write(None, text.as_bytes(), Kind::Text)?;
    let failed = checks.iter().filter(|check| check.refusal.is_some()).count();
    if failed == 0 {
        return Ok(());
    }
    let told = Refused(format!("{} is not trusted: {failed} of {} checks fail", args.url, checks.len()));
    Err(match shown.appraise(&policy).verdict() {
        Err(refusal) => anyhow::Error::from(told).context(Hint(remedy(refusal))),
        Ok(_) => told.into(),
    })
}

/// The checks of every rule, and of the connection's certificate if the evidence binds no TLS key.
fn checks(shown: &PresentedEvidence, policy: &AppraisalPolicy) -> Vec<Line> {
    let appraisal = shown.appraise(policy);
    let mut lines: Vec<Line> = appraisal.checks().iter().map(Line::of).collect();
    // The verdict decides here too, as it does for every other command.
    if let Err(refusal) = appraisal.verdict()
        && lines.iter().all(|line| line.refusal.is_none())
    {
        lines.push(Line { name: "evidence", found: String::new(), refusal: Some(refusal.to_string()) });
    }
    if let Some(found) = shown.certificate() {
        let refusal = found.err().map(|error| format!("the certificate is not trusted: {error}"));
        lines.push(Line { name: "TLS certificate", found: "by the public authorities".to_owned(), refusal });
    }
    lines
}

struct Line {
    name: &'static str,
    found: String,
    refusal: Option<String>,
}

impl Line {
    fn of(check: &Check) -> Self {
        let refusal = check.refusal.map(|refusal| refusal.to_string());
        // A terminal shows these texts, and a server must not control it.
        let found = check.found.chars().filter(|c| !c.is_control()).collect();
        Self { name: check.name, found, refusal }
    }
}

fn as_text(lines: &[Line]) -> String {
    let [green, red] =
        [AnsiColor::Green, AnsiColor::Red].map(|color| Style::new().bold().fg_color(Some(color.into())));
    let mut text = String::new();
    for Line { name, found, refusal } in lines {
        let line = match refusal {
            None => writeln!(text, "{green}✓{green:#} {name:<32} {found}"),
            Some(refusal) if found.is_empty() => writeln!(text, "{red}✗{red:#} {name:<32} {refusal}"),
            Some(refusal) => writeln!(text, "{red}✗{red:#} {name:<32} {found}\n  {:<32} {refusal}", ""),
        };
        line.expect("a String takes all");
    }
    text
}

/// Removes the colors where the stream does not show them.
fn colored_for(text: String, stream: &impl RawStream) -> String {
    match AutoStream::choice(stream) {
        ColorChoice::Never => strip_str(&text).to_string(),
        _ => text,
    }
}

fn as_json(lines: &[Line]) -> String {
    let lines: Vec<_> = lines
        .iter()
        .map(|Line { name, found, refusal }| {
            json!({ "check": name, "found": found, "holds": refusal.is_none(), "refusal": refusal })
        })
        .collect();
    format!("{}\n", json!(lines))
}

/// Draft a policy that asks for exactly what a running server proves
///
/// Example:  strongroom attestation policy https://vault.example -o policy.toml
///
/// The draft says which code runs, not which code should run. Compare it with the policy that the
/// operator publishes, or with your own build. It asks for nothing that the server does not prove.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AttestationPolicy {
    /// Keep it for this server, where the other commands find it
    #[arg(long, conflicts_with = "output")]
    pub(crate) keep: bool,
    /// Write to this file (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The server: https://host[:port], or http:// to this machine
    pub(crate) url: String,
}

fn policy(args: &AttestationPolicy, roots: &TrustAnchors) -> Result<()> {
    let shown = Vault::at(&args.url)?.request_evidence()?;
    let policy = AppraisalPolicy::draft(shown.evidence(), roots, OffsetDateTime::now_utc())
        .context("no policy can be drafted from what this server shows")?;
    // The server must pass its own draft, so no policy is drafted from forged evidence.
    let failed: Vec<Line> =
        checks(&shown, &policy).into_iter().filter(|line| line.refusal.is_some()).collect();
    if !failed.is_empty() {
        tell(format_args!("{}", as_text(&failed).trim_end()));
        return Err(Refused(format!(
            "{} proves nothing that a policy could ask for: its evidence fails the checks above",
            args.url
        ))
        .into());
    }
    let text = format!(
        "# What {} proved. Compare it with what its operator publishes.\n{}",
        args.url,
        policy.to_toml()
    );
    if policy.allow_imported_key {
        tell(format_args!(
            "warning: this vault's key was imported: whoever exported it can read what is sealed for it; send it nothing unless you trust them"
        ));
    }
    if let Some(tdx) = &policy.intel_tdx {
        for status in tdx.tcb_statuses.iter().filter(|status| *status != "UpToDate") {
            tell(format_args!("warning: the machine's TCB status is {status}, and this policy accepts it"));
        }
        if !tdx.advisories.is_empty() {
            tell(format_args!(
                "warning: {} apply to the machine, and this policy accepts them",
                tdx.advisories.join(", ")
            ));
        }
    }
    if args.keep {
        let path = trust::path_of(&args.url)?;
        trust::keep(&path, &text)?;
        tell(format_args!("kept in {}: commands that send to {} read it there", path.display(), args.url));
    }
    streams::write(args.output.as_deref(), text.as_bytes(), Kind::Text)
}

/// Explain evidence of any platform, without verifying it
///
/// Example:  strongroom attestation show evidence.json
///           curl -sk https://vault.example/attestation | strongroom attestation show -
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AttestationShow {
    /// Write only the collateral, as `serve --collateral-file` reads it
    #[arg(long, conflicts_with = "json")]
    pub(crate) collateral: bool,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// A file with evidence, a TDX quote, an SEV-SNP report or a Nitro document; - for standard
    /// input; or a server's URL
    pub(crate) from: String,
}

fn show(args: &AttestationShow) -> Result<()> {
    let is_url = args.from.starts_with("https://") || args.from.starts_with("http://");
    let (evidence, rows) = if is_url {
        let evidence = Vault::at(&args.from)?.request_evidence()?.evidence().clone();
        (Some(evidence.clone()), explain::evidence(&evidence)?)
    } else {
        let path = Some(Path::new(&args.from)).filter(|path| *path != Path::new("-"));
        of_bytes(&read_bounded(path)?)?
    };
    let text = match (&evidence, args.collateral, args.json) {
        (Some(evidence), true, _) => format!("{}\n", serde_json::to_string_pretty(&evidence.collateral)?),
        (Some(evidence), _, true) => format!("{}\n", serde_json::to_string_pretty(evidence)?),
        (None, true, _) | (None, _, true) => {
            return Err(anyhow!(Hint("leave out --collateral and --json"))
                .context("this is a bare report: it carries no collateral, and has no JSON form"));
        }
        (_, false, false) => rows_as_text(&rows),
    };
    streams::write(None, text.as_bytes(), Kind::Text)
}

/// Reads one byte more than evidence may have, so a larger input is noticed.
fn read_bounded(path: Option<&Path>) -> Result<Vec<u8>> {
    let input = Input::open(path)?;
    let name = input.name().to_owned();
    let mut bytes = Vec::new();
    input
        .take(MAX_EVIDENCE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {name}"))?;
    Ok(bytes)
}

/// Explains evidence in JSON, or a bare report in bytes.
fn of_bytes(bytes: &[u8]) -> Result<(Option<Evidence>, Rows)> {
    let hint = Hint(
        "pass the answer of GET /secret/attestation, or a TDX quote, an SEV-SNP report or a Nitro document as bytes",
    );
    if bytes.len() > MAX_EVIDENCE_BYTES {
        return Err(anyhow::Error::from(Refusal::Oversized).context(hint));
    }
    if bytes.trim_ascii_start().starts_with(b"{") {
        let evidence = Evidence::from_json(bytes).context(hint)?;
        let rows = explain::evidence(&evidence)?;
        return Ok((Some(evidence), rows));
    }
    Ok((None, explain::report(bytes).context(hint)?))
}

fn rows_as_text(rows: &Rows) -> String {
    rows.iter().fold(String::new(), |mut text, (name, value)| {
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        writeln!(text, "{name:<18} {value}").expect("a String takes all");
        text
    })
}
