//! Why a sealer does not seal or open a root.

use crate::platform::PlatformError;
use std::path::PathBuf;

/// Why a sealer does not seal or open a root.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealerError {
    /// The sealer's data or the sealed bytes do not have this sealer's form.
    #[error("the root file is damaged")]
    Damaged,
    /// The key is wrong, or the file was altered. The tag does not say which.
    #[error("the root does not open: the key is wrong, or the file was altered")]
    WrongKey,
    /// The file says that it was sealed by another application, image, processor or firmware.
    #[error("the root was sealed by another {what}: {file}, and this is {here}")]
    Elsewhere {
        /// What differs, such as `guest policy`.
        what: &'static str,
        /// Its value in the file, in hex.
        file: String,
        /// Its value on this machine, in hex.
        here: String,
    },
    /// The platform that holds the key does not give it.
    #[error("the platform does not give the root's key")]
    Platform(#[from] PlatformError),
    /// The token that holds the key does not seal or open.
    #[error("the token does not seal or open the root")]
    Token(#[from] TokenError),
}

/// Why a PKCS#11 token does not seal or open a root.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The token's module cannot be loaded.
    #[error("the PKCS#11 module {} cannot be loaded: {reason}", .path.display())]
    Module {
        /// The file that was named as the module.
        path: PathBuf,
        /// The reason, as the system or the module gives it.
        reason: String,
    },
    /// No initialised token is there, or none with the label that was given.
    #[error("no initialised token{} is there", .0.as_ref().map(|label| format!(" labelled `{label}`")).unwrap_or_default())]
    NoToken(Option<String>),
    /// Several tokens fit, so it is not clear which one is meant.
    #[error("several tokens{} are there", .0.as_ref().map(|label| format!(" labelled `{label}`")).unwrap_or_default())]
    SeveralTokens(Option<String>),
    /// The token refused the PIN. It is not tried again.
    #[error(
        "the token refused the PIN, which is not tried again: the token locks the PIN after a few wrong tries"
    )]
    WrongPin,
    /// The PIN was not tried, because the token would lock it after one more wrong try.
    #[error("the PIN was not tried: the token locks it after one more wrong try")]
    FinalTry,
    /// The token has locked the PIN.
    #[error("the token has locked the PIN")]
    PinLocked,
    /// The label of the key is empty or too long.
    #[error("the label of the key is empty or longer than 64 bytes")]
    Label,
    /// The key for new roots is not in the token.
    #[error("the token has no secret key labelled `{0}`")]
    NoKey(String),
    /// The key that the root was sealed under is not in the token.
    #[error(
        "the root was sealed under the key labelled `{file}`, which the token does not have: keep the older key until a server has started once with the newer one"
    )]
    NoOlderKey {
        /// The key's label in the root file.
        file: String,
    },
    /// Several keys have the label, so it is not clear which one is meant.
    #[error("the token has several secret keys labelled `{0}`")]
    SeveralKeys(String),
    /// The key must not seal a root.
    #[error("the key labelled `{label}` is refused: {why}")]
    KeyRefused {
        /// The key's label in the token.
        label: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// The token was removed, or no longer answers. The text is PKCS#11's code.
    #[error("the token is gone, or does not answer ({0})")]
    Gone(String),
    /// The token does not open what it has just sealed.
    #[error("the token's AES-GCM cannot be used: it does not open what it has just sealed")]
    Unfit,
    /// The token refuses for another reason. The text is PKCS#11's code.
    #[error("the token refuses ({0})")]
    Other(String),
}
