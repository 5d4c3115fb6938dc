//! Hints for a root or a store that does not open.

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

/// Adds a hint to the reason why the chosen sealer is not available.
pub(crate) fn sealer_hint(error: NoSealerError) -> anyhow::Error {
    let hint = match &error {
        NoSealerError::ModuleInTee(_) => {
            "in a TEE, leave out --hsm-module: the platform's own key seals the root, or it stays in memory"
        }
        NoSealerError::NoKey { .. } => {
            "name a sealer that is available here with --root-sealer, or leave the flag out"
        }
        NoSealerError::Processor(_) => {
            "run as a user who may open /dev/sev-guest, or seal under a passphrase with --root-passphrase-file"
        }
        NoSealerError::Token(error) => token_hint(error),
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(Hint(hint))
}

/// The hint for a token that does not seal or open.
pub(crate) fn token_hint(error: &TokenError) -> &'static str {
    match error {
        TokenError::Module { .. } => "name the module of the token's maker with --hsm-module",
        TokenError::NoToken(_) => "plug the token in, or name it with --hsm-token; nothing was changed",
        TokenError::SeveralTokens(_) => {
            "name one with --hsm-token; if two have the same label, give one of them another"
        }
        TokenError::WrongPin => {
            "correct the file of --hsm-pin-file before the next start: each start uses up one of the few tries that the token gives"
        }
        TokenError::FinalTry => {
            "log in to the token with the right PIN by its maker's tool, which resets its count of tries; nothing was changed"
        }
        TokenError::PinLocked => {
            "have the token's security officer set a new PIN, which keeps its keys; nothing was changed"
        }
        TokenError::NoKey(_) => {
            "make one with `pkcs11-tool --login --keygen --key-type aes:32 --sensitive --label LABEL`, or name another with --hsm-key-label"
        }
        TokenError::NoOlderKey { .. } => {
            "restore the older key from the token's backup, or name it with --hsm-key-label; nothing was changed"
        }
        TokenError::SeveralKeys(_) => "give each key a different label; nothing was changed",
        TokenError::KeyRefused { .. } => {
            "make an AES key of 256 bits that never leaves the token, and name it with --hsm-key-label"
        }
        _ => "start the server again once the token answers; nothing was changed",
    }
}

/// Adds a hint to the reason why a root is not opened or kept.
fn kept_root_hint(error: RootError, root_file: &Path) -> anyhow::Error {
    match error {
        RootError::KeysNotConfigured => anyhow::Error::from(error)
            .context(Hint("set ADMIN_MLKEM_PRIVATE_KEY, or ADMIN_MLKEM_PRIVATE_KEY_FILE")),
        RootError::ImportOverRoot => anyhow::Error::from(error).context(Hint(
            "unset ADMIN_MLKEM_PRIVATE_KEY to run this vault, or pass another --data-dir for a vault with the imported key",
        )),
        other => root_hint(other).context(format!("cannot use {}", root_file.display())),
    }
}

/// Adds a hint to the reason why a root file does not open.
pub(crate) fn root_hint(error: RootError) -> anyhow::Error {
    let hint = match &error {
        RootError::OtherSealer { file: Protection::Passphrase, .. } => {
            "name the file that holds the root's passphrase with --root-passphrase-file"
        }
        RootError::OtherSealer { file: Protection::Pkcs11, .. } => {
            "name the token's module with --hsm-module, its key with --hsm-key-label and its PIN's file with --hsm-pin-file"
        }
        RootError::OtherSealer { .. } => {
            "name the sealer of this root with --root-sealer, or pass another --data-dir for a new vault"
        }
        RootError::Sealer(SealerError::Elsewhere { .. }) => {
            "start the server where the root was sealed, or move the root here by a recovery or a handoff; nothing was changed"
        }
        RootError::Sealer(SealerError::Platform(PlatformError::NoSuchMethod(_))) => {
            "run dstack 0.5 or newer, or seal under a passphrase with --root-passphrase-file"
        }
        RootError::Sealer(SealerError::Token(error)) => token_hint(error),
        RootError::Sealer(_) => "start the server again once the platform gives its key; nothing was changed",
        RootError::WrongKey(Protection::Passphrase) => {
            "check that --root-passphrase-file names the file with this vault's passphrase; if it does, restore root.sealed"
        }
        RootError::WrongKey(Protection::Pkcs11) => {
            "check that this token has the key that sealed the root, and not another with its label; if it does, restore root.sealed"
        }
        RootError::NotEntitled => {
            "pass the same recipients and release key as when the root was sealed, or fewer; to add others, recover the root to these settings (docs/how-to/keep-and-recover-the-root.md)"
        }
        RootError::Damaged => "restore root.sealed from its second copy",
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(Hint(hint))
}

/// Adds a hint to the reason why a server has no root to start with. `store` names the store that
/// was found, and `root_file` the file of the root, or nothing where it stays in memory.
pub(crate) fn opening_hint(error: OpeningError, store: &str, root_file: Option<&Path>) -> anyhow::Error {
    let hint = match error {
        OpeningError::StoreWithoutRoot => {
            let missing = match root_file {
                None => "it was only in another process's memory".to_owned(),
                Some(file) => format!("{} is not there", file.display()),
            };
            return anyhow!(Hint(
                "restore the root file, or name it with --root-file; or get the root from a recipient (--recover) or another replica (--join): without it nobody can read the store"
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
            "name the recipients with --recovery 1:KEY as before, or remove them with --recovery none"
        }
        OpeningError::NoRecoveryEnvelope => {
            "restore the root file, or a backup of the store from when --recovery was set"
        }
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(Hint(hint))
}

/// Adds a hint to the reason why another replica did not hand the root over.
pub(crate) fn join_hint(error: JoinError<ClientError>, url: &str) -> anyhow::Error {
    let refused = format!("{url} did not hand the root over");
    match error {
        JoinError::OutsideTee => anyhow::Error::from(error)
            .context(Hint("join from inside a TEE; without one, copy root.sealed"))
            .context("--join"),
        JoinError::NoReleaseKey => anyhow::Error::from(error)
            .context(Hint("name the release key with --release-key, as at the other replica"))
            .context("--join"),
        JoinError::Statement(_) => anyhow::Error::from(error).context("--release-statement"),
        // A transparent error is not in its own chain, where exit code and hint are looked up, so
        // the error inside it is taken out.
        JoinError::Donor(error) => anyhow::Error::from(error).context(refused),
        JoinError::Handoff(error) => {
            let hint = match error {
                HandoffError::Untrusted(_) => {
                    "sign the code of each of the two replicas with `strongroom vault release`, even if it is the same code, and name the statements with --release-statement"
                }
                _ => "docs/how-to/hand-the-root-over.md says what two replicas need; nothing was changed",
            };
            anyhow::Error::from(error).context(Hint(hint)).context(refused)
        }
        other => anyhow::Error::from(other).context(refused),
    }
}

/// Adds a hint to the reason why a database cannot be used.
pub(crate) fn database_hint(error: StoreError) -> anyhow::Error {
    let hint = match &error {
        StoreError::ForeignVault => {
            "name the root file of this store's vault with --root-file, or another database; if two servers made their first start at once, move this one's new root file away, and share the other's or get it with --join"
        }
        StoreError::Unsafe(_) => "set it to on in postgresql.conf and restart the database",
        StoreError::Database(_) => {
            "check --database-url, and that the database runs and lets this user in; name a private certificate authority with \
             --database-ca, or put sslmode=disable into the URL"
        }
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(Hint(hint))
}
