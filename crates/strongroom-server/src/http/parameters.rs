//! The texts of an SLH-DSA key and of its signature, in paths and bodies.

use crate::error::{ApiError, Code};
use strongroom::slh_dsa::{PublicKey, Signature};

/// A public key in either case: servers in the field take both, and sign with the lower one.
pub(crate) fn public_key(text: &str) -> Result<PublicKey, ApiError> {
    let key = text.to_ascii_lowercase().parse();
    key.map_err(|error| Code::MalformedPublicKey.because(format!("the public key: {error}")))
}

/// A signature: `0x` and 99,712 hex digits.
pub(crate) fn signature(text: &str) -> Result<Signature, ApiError> {
    text.parse().map_err(|error| Code::MalformedSignature.because(format!("signature: {error}")))
}
