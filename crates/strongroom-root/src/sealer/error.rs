//! Why a root is not sealed or opened by its sealer.

use crate::platform::PlatformError;
use std::path::PathBuf;

/// Why a sealer does not seal or unseal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealerError {
    /// The sealer's data or the sealed bytes are none of this sealer's.
    #[error("the root file is damaged")]
    Damaged,
    /// The key is another, or the file was altered: the tag tells no difference.
    #[error("the root does not open: the key is another, or the file was altered")]
    WrongKey,
    /// The file says that it was sealed elsewhere.
    #[error("the root was sealed by another {what}: {file}, and this is {here}")]
    Elsewhere {
        /// What is another.
        what: &'static str,
        /// As the file has it.
        file: String,
        /// As it is here.
        here: String,
    },
    /// Who holds the key does not give it.
    #[error("the root's key cannot be had")]
    Platform(#[from] PlatformError),
    /// The token with the key does not seal or open.
    #[error("the token does not seal or open the root")]
    Token(#[from] TokenError),
}

/// Why a PKCS#11 token does not seal or open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The token's module cannot be loaded.
    #[error("the PKCS#11 module {} cannot be loaded: {reason}", .path.display())]
    Module {
        /// Its file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// No initialised token is there, or none of the label.
    #[error("no initialised token{} is there", .0.as_ref().map(|label| format!(" labelled `{label}`")).unwrap_or_default())]
    NoToken(Option<String>),
    /// Which token is meant is not clear.
    #[error("several tokens{} are there", .0.as_ref().map(|label| format!(" labelled `{label}`")).unwrap_or_default())]
    SeveralTokens(Option<String>),
    /// The token refused the PIN. It is not tried again.
    #[error(
        "the token refused the PIN, which is not tried again: the token counts tries, and locks the PIN after a few"
    )]
    WrongPin,
    /// The PIN was not tried, since the token would lock it after one more that is wrong.
    #[error("the PIN was not tried: one more wrong one locks it")]
    FinalTry,
    /// The token has locked the PIN.
    #[error("the token has locked the PIN")]
    PinLocked,
    /// No name for a key.
    #[error("a key's label has 1 to 64 bytes")]
    Label,
    /// The key for new roots is not in the token.
    #[error("the token has no secret key labelled `{0}`")]
    NoKey(String),
    /// The key that the root was sealed under is not in the token.
    #[error(
        "the root was sealed under the key labelled `{file}`, which the token does not have: an older key has to stay until a server was started once with the newer"
    )]
    NoOlderKey {
        /// The label in the file.
        file: String,
    },
    /// Which key is meant is not clear.
    #[error("the token has several secret keys labelled `{0}`")]
    SeveralKeys(String),
    /// The key is none to seal a root under.
    #[error("the key labelled `{label}` is refused: {why}")]
    KeyRefused {
        /// Its label.
        label: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The token was there.
    #[error("the token is gone, or does not answer ({0})")]
    Gone(String),
    /// What the token sealed, it does not open.
    #[error("the token's AES-GCM is another: it does not open what it sealed")]
    Unfit,
    /// The token refuses.
    #[error("the token refuses ({0})")]
    Other(String),
}
