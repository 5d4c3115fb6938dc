//! What helps when a root or a store does not open.

use crate::error::Hint;
use anyhow::anyhow;
use std::path::Path;
use strongroom_attest::Protection;
use strongroom_attest::root_transfer::handoff::HandoffError;
use strongroom_client::ClientError;
use strongroom_root::handoff::JoinError;
use strongroom_root::{
    NoSealerError, OpeningError, PlatformError, RootError, RootSource, SealerError, TokenError,
};
use strongroom_store::StoreError;

/// Why the sealer that is meant cannot be had, and what helps.
pub(crate) fn sealer_hint(error: NoSealerError) -> anyhow::Error {
    let hint = match &error {
        NoSealerError::ModuleInTee(_) => {
            "in a TEE, leave out --hsm-module: the platform's own key seals the root, or it stays in memory"
        }
        NoSealerError::NoKey { .. } => "name what is here with --root-sealer, or leave it out",
        NoSealerError::Processor(_) => {
            "run as a user who may open /dev/sev-guest, or seal under a passphrase with --root-passphrase-file"
        }
        NoSealerError::Token(error) => token_hint(error),
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(Hint(hint))
}

/// What helps against a token that does not seal or open.
pub(crate) fn token_hint(error: &TokenError) -> &'static str {
    match error {
        TokenError::Module { .. } => "name the module of the token's maker with --hsm-module",
        TokenError::NoToken(_) => "plug the token in, or name it with --hsm-token; nothing was changed",
        TokenError::SeveralTokens(_) => "name one with --hsm-token; each needs a label of its own",
        TokenError::WrongPin => {
            "correct the file of --hsm-pin-file before the next start: each start is one try of the few that the token gives"
        }
        TokenError::FinalTry => {
            "log in to the token with the right PIN by its maker's tool: then it counts anew; nothing was changed"
        }
        TokenError::PinLocked => {
            "have the token's security officer set a new PIN: its keys stay; nothing was changed"
        }
        TokenError::NoKey(_) => {
            "make one with `pkcs11-tool --login --keygen --key-type aes:32 --sensitive --label LABEL`, or name another with --hsm-key-label"
        }
        TokenError::NoOlderKey { .. } => {
            "bring the older key back from the token's backup, or name it with --hsm-key-label; nothing was changed"
        }
        TokenError::SeveralKeys(_) => "give each key a label of its own; nothing was changed",
        TokenError::KeyRefused { .. } => {
            "make a key that never leaves the token, of AES with 256 bits, and name it with --hsm-key-label"
        }
        _ => "once the token answers again, start anew; nothing was changed",
    }
}

/// Why a root is not opened or kept, and what helps.
fn kept_root_hint(error: RootError, root_file: &Path) -> anyhow::Error {
    match error {
        RootError::KeysNotConfigured => anyhow::Error::from(error)
            .context(Hint("set ADMIN_MLKEM_PRIVATE_KEY, or ADMIN_MLKEM_PRIVATE_KEY_FILE")),
        RootError::ImportOverRoot => anyhow::Error::from(error).context(Hint(
            "unset ADMIN_MLKEM_PRIVATE_KEY to go on with this vault, or pass another --data-dir",
        )),
        other => root_hint(other).context(format!("cannot use {}", root_file.display())),
    }
}

/// What helps against a root file that does not open.
pub(crate) fn root_hint(error: RootError) -> anyhow::Error {
    let hint = match &error {
        RootError::OtherSealer { file: Protection::Passphrase, .. } => {
            "name the file that holds the root's passphrase with --root-passphrase-file"
        }
        RootError::OtherSealer { file: Protection::Pkcs11, .. } => {
            "name the token's module with --hsm-module, its key with --hsm-key-label and its PIN's file with --hsm-pin-file"
        }
        RootError::OtherSealer { .. } => {
            "name how this root is kept with --root-sealer to go on with it, or pass another --data-dir"
        }
        RootError::Sealer(SealerError::Elsewhere { .. }) => {
            "start it where it was sealed, or bring the root of this vault from there; nothing was changed"
        }
        RootError::Sealer(SealerError::Platform(PlatformError::NoSuchMethod(_))) => {
            "run dstack 0.5 or newer, or seal under a passphrase with --root-passphrase-file"
        }
        RootError::Sealer(SealerError::Token(error)) => token_hint(error),
        RootError::Sealer(_) => "once the platform gives its key again, start anew; nothing was changed",
        RootError::WrongKey(Protection::Passphrase) => {
            "look whether --root-passphrase-file names the file of this vault's passphrase; else restore root.sealed"
        }
        RootError::WrongKey(Protection::Pkcs11) => {
            "look whether this token has the key that sealed the root, and not another of its label; else restore root.sealed"
        }
        RootError::NotEntitled => {
            "name the same as when it was sealed, or fewer; others come by a recovery to these settings (docs/how-to/keep-and-recover-the-root.md)"
        }
        RootError::Damaged => "restore root.sealed from where it is kept a second time",
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(Hint(hint))
}

/// Why a server has no root to start with, and what helps. `store` names the store that was found,
/// and `root_file` the file of the root, or nothing where it stays in memory.
pub(crate) fn opening_hint(error: OpeningError, store: &str, root_file: Option<&Path>) -> anyhow::Error {
    let hint = match error {
        OpeningError::StoreWithoutRoot => {
            let missing = match root_file {
                None => "it was in another process's memory only".to_owned(),
                Some(file) => format!("{} is not there", file.display()),
            };
            return anyhow!(Hint(
                "restore the root file, or name it with --root-file; or let a recipient bring the root (--recover), or another replica (--join): without it nobody can read what the store holds"
            ))
            .context(format!("{store} holds a store and no root ({missing})"));
        }
        OpeningError::NoStore(source) => {
            let flag = if source == RootSource::Handoff { "--join" } else { "--recover" };
            return anyhow!(Hint(
                "name the vault's database with --database-url, or the data directory with its store"
            ))
            .context(format!("{flag}: there is no vault's store here"));
        }
        OpeningError::Root(error) => {
            return match root_file {
                Some(file) => kept_root_hint(error, file),
                None => root_hint(error),
            };
        }
        OpeningError::RecipientsForgotten => {
            "name the recipients with --recovery 1:KEY as before, or take them away with --recovery none"
        }
        OpeningError::NoRecoveryEnvelope => {
            "restore the root file, or a backup of the store from when --recovery was set"
        }
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(Hint(hint))
}

/// Why another replica did not hand the root over, and what helps.
pub(crate) fn join_hint(error: JoinError<ClientError>, url: &str) -> anyhow::Error {
    let hint = match &error {
        JoinError::OutsideTee => {
            return anyhow::Error::from(error)
                .context(Hint("join from inside a TEE; without one, copy root.sealed"))
                .context("--join");
        }
        JoinError::NoReleaseKey => {
            return anyhow::Error::from(error)
                .context(Hint("name the release key with --release-key, as at the other replica"))
                .context("--join");
        }
        JoinError::Statement(_) => {
            return anyhow::Error::from(error).context("--release-statement");
        }
        JoinError::Handoff(HandoffError::Untrusted(_)) => {
            "sign what each of the two runs with `strongroom vault release`, also where it is the same code, and name that with --release-statement"
        }
        JoinError::Handoff(_) => {
            "docs/how-to/hand-the-root-over.md says what two replicas need; nothing was changed"
        }
        _ => return anyhow::Error::from(error).context(format!("{url} did not hand the root over")),
    };
    anyhow::Error::from(error).context(Hint(hint)).context(format!("{url} did not hand the root over"))
}

/// Why a database does not serve, and what helps.
pub(crate) fn database_hint(error: StoreError) -> anyhow::Error {
    let hint = match &error {
        StoreError::ForeignVault => {
            "name the root file of this store's vault with --root-file, or another database; where two servers were started at once for the first time, move this one's new root file away, and share the other's or --join it"
        }
        StoreError::Unsafe(_) => "set it to on in postgresql.conf and restart the database",
        StoreError::Database(_) => {
            "check --database-url, and that the database runs and lets this user in; a certificate of its own goes into \
             --database-ca, or sslmode=disable into the URL"
        }
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(Hint(hint))
}
