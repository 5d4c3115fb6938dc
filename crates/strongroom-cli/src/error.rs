//! Failures, as they are told: `error:` says what failed, `hint:` says what to do, and an exit code
//! tells the kind.

use crate::trust::remedies::remedy;
use anstyle::{AnsiColor, Style};
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use strongroom::backup::{self, RestoreError, VerifyError};
use strongroom::envelope;
use strongroom::key::KeyError;
use strongroom::keyfile::{KeyFileError, UnlockError};
use strongroom::mnemonic::MnemonicError;
use strongroom::policy::EnvelopePolicyError;
use strongroom::w3pk::PayloadError;
use strongroom::{OpenError, SealedSecretError};
use strongroom_attest::Refusal;
use strongroom_attest::root_transfer::handoff::HandoffError;
use strongroom_attest::root_transfer::recovery::RecoveryError;
use strongroom_attest::root_transfer::release_statement::ReleaseStatementError;
use strongroom_client::ClientError;
use strongroom_root::TokenError;
use strongroom_root::handoff::JoinError;

const REFUSED: u8 = 1;
const USAGE_OR_IO: u8 = 2;
const ALTERED: &str = "send nothing: somebody between you and the server alters its answers";

/// A refusal, which gives exit code 1.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// What the user can do about an error.
#[derive(Debug)]
pub(crate) struct Hint<Text = &'static str>(pub(crate) Text);

impl<Text: fmt::Display> fmt::Display for Hint<Text> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Writes a line to stderr. A stderr that takes nothing is no reason to fail.
pub(crate) fn tell(line: fmt::Arguments<'_>) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Writes a warning to stderr.
pub(crate) fn warn(what: &str) {
    let yellow = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
    tell(format_args!("{yellow}warning:{yellow:#} {what}"));
}

/// Writes an error with its sources and a hint to stderr, and gives the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    let cyan = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
    let written: Option<&Hint<String>> = error.downcast_ref();
    let own = error.downcast_ref::<Hint>().map(|hint| hint.0).or(written.map(|hint| &*hint.0));
    let mut texts: Vec<String> =
        error.chain().map(ToString::to_string).filter(|text| Some(text.as_str()) != own).collect();
    // The errors of some libraries repeat the text of their source.
    texts.dedup_by(|source, error| error.ends_with(source.as_str()));
    tell(format_args!("{red}error:{red:#} {}", texts.join(": ")));
    if let Some(hint) = own.or_else(|| error.chain().find_map(hint)) {
        tell(format_args!("{cyan}hint:{cyan:#} {hint}"));
    }
    ExitCode::from(if error.chain().any(is_refusal) { REFUSED } else { USAGE_OR_IO })
}

fn is_refusal(cause: &(dyn std::error::Error + 'static)) -> bool {
    let client = matches!(
        cause.downcast_ref(),
        Some(
            ClientError::Refused { .. }
                | ClientError::Untrusted(_)
                | ClientError::Certificate(_)
                | ClientError::Configuration
                | ClientError::Recovery(_)
                | ClientError::Backup(_)
        )
    );
    // A service manager would start again after exit code 2, and each start uses up one of the few
    // tries that a token gives.
    let pin = matches!(
        cause.downcast_ref(),
        Some(TokenError::WrongPin | TokenError::FinalTry | TokenError::PinLocked)
    );
    let join = matches!(cause.downcast_ref::<JoinError<ClientError>>(), Some(JoinError::OtherVault));
    client
        || pin
        || join
        || cause.is::<Refusal>()
        || cause.is::<Refused>()
        || cause.is::<OpenError>()
        || cause.is::<UnlockError>()
        || cause.is::<PayloadError>()
        || cause.is::<SealedSecretError>()
        || cause.is::<envelope::EnvelopeError>()
        || cause.is::<backup::SignedBackupError>()
        || cause.is::<VerifyError>()
        || cause.is::<RestoreError>()
        || cause.is::<HandoffError>()
        || cause.is::<RecoveryError>()
        || cause.is::<ReleaseStatementError>()
}

fn hint(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    if cause.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::StorageFull) {
        return Some("make room, or name a file on another disk with -o; nothing else was changed");
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            MnemonicError::WordCount { .. } | MnemonicError::TooLong => {
                Some("pass 12 to 24 words and nothing else, with white space between them")
            }
            MnemonicError::UnknownWord { .. } | MnemonicError::Checksum { .. } => {
                Some("compare the words with your written copy")
            }
            _ => None,
        };
    }
    if cause.is::<VerifyError>() {
        return Some(
            "check the words, --mnemonic-passphrase-file and --account, or the --public-key: they must be those of its owner. If they are, the backup was altered",
        );
    }
    if let Some(RestoreError::Open(_)) = cause.downcast_ref() {
        return Some(
            "pass the --mnemonic-passphrase-file that it was made with, or leave the flag out if there was none",
        );
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            backup::SignedBackupError::Json { .. } | backup::SignedBackupError::Fields => {
                Some("a backup is what `strongroom backup create` writes")
            }
            _ => Some("fetch it again: it was cut or altered on its way"),
        };
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            OpenError::NotMine => {
                Some("pass the key that it was sealed for with -i; `strongroom inspect` lists the recipients")
            }
            OpenError::Damaged => {
                Some("fetch it again; an older payload may also have been sealed for another key")
            }
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            envelope::EnvelopeError::NotAnEnvelope => None,
            envelope::EnvelopeError::UnknownVersion
            | envelope::EnvelopeError::UnknownThreshold
            | envelope::EnvelopeError::UnknownKem { .. }
            | envelope::EnvelopeError::Policy(EnvelopePolicyError::UnknownKey { .. }) => {
                Some("update strongroom")
            }
            _ => Some("fetch it again: it was cut or altered on its way"),
        };
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            KeyFileError::NoKey | KeyFileError::ManyKeys | KeyFileError::Key { .. } => {
                Some("a key file has one secret key line: see `strongroom keygen`")
            }
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            KeyError::Text => Some(
                "a recipient is a strongroom-pk-1… line, base64 of 1568 bytes, or with -R a file of those",
            ),
            _ => None,
        };
    }
    if let Some(refusal) = cause.downcast_ref() {
        return Some(remedy(*refusal));
    }
    if let Some(error) = cause.downcast_ref() {
        return match error {
            RecoveryError::Untrusted(refusal) => Some(remedy(*refusal)),
            RecoveryError::Configuration => Some(ALTERED),
            _ => None,
        };
    }
    match cause.downcast_ref()? {
        ClientError::Untrusted(refusal) => Some(remedy(*refusal)),
        ClientError::Certificate(_) => Some(
            "check the URL; only a server with --tls-in-tee binds its key in the evidence, and every other one needs a certificate of a public authority",
        ),
        ClientError::Url(_) => {
            Some("pass --server https://host[:port], or http://localhost:3000 for a server here")
        }
        ClientError::Configuration => Some(ALTERED),
        ClientError::Timeout => Some("try again; if the server still does not answer, ask its operator"),
        ClientError::Transport(_) => Some("check the URL and that the server runs: `strongroom serve`"),
        ClientError::Refused { code, .. } => Some(match code.as_str() {
            "slot_not_found" => "check the slot and the wallet: only readers and owners see a slot",
            "sign_in_wrong_domain" => {
                "the operator adds this URL with `strongroom serve --public-url` or --sign-in-origin"
            }
            "sign_in_expired" => "check this machine's clock",
            "wrong_audience" => "seal it for this vault: `strongroom encrypt --server URL --reader 0x…`",
            "policy_without_readers" => "seal it with --reader 0x…",
            "generation_changed" => {
                "the secret was replaced meanwhile: fetch it again with `strongroom secret get --sealed`"
            }
            "vault_not_recipient" => "open it here with `strongroom secret get`",
            "backup_counter" => {
                "another device pushed meanwhile: push the wallet's JSON again, as the next version"
            }
            "backup_superseded" => {
                "create the backup again: the server does not take back a version that was replaced"
            }
            "backup_form" => "pass another --user, or the other form (--compat)",
            "backup_not_found" => "`strongroom backup list` shows what is there",
            "backup_quota" => "delete another backup, or ask the operator for a larger --backup-quota",
            "bad_signature" => "check this machine's clock, and that these are the words of this backup",
            "body_too_large" => "ask the operator for a larger --max-body, or store less",
            "attestation_unavailable" | "overloaded" => {
                "try again in a few seconds; operator: the log says why"
            }
            "recovery_refused" => "bring the root of the vault that owns this store; nothing was changed",
            "handoff_refused" => {
                "docs/how-to/hand-the-root-over.md says what two replicas need; nothing was changed, and the replica can try again"
            }
            "handoff_unknown" => "start the replica again: an offer lasts for a minute and is answered once",
            "ciphertext_held" => "seal the secret again: the vault takes each ciphertext only once",
            _ => return None,
        }),
        _ => None,
    }
}
