//! Reads the texts of SLH-DSA keys and signatures, in paths and bodies.

use crate::error::{ApiError, Code};
use strongroom::slh_dsa::{PublicKey, Signature};

/// A public key, with hex digits in either case. Wallets in the field send both, and sign the lower
/// case.
pub(crate) fn public_key(text: &str) -> Result<PublicKey, ApiError> {
    let key = text.to_ascii_lowercase().parse();
    key.map_err(|error| Code::MalformedPublicKey.because(format!("the public key: {error}")))
}

/// A signature, `0x` and 99,712 hex digits.
pub(crate) fn signature(text: &str) -> Result<Signature, ApiError> {
    text.parse().map_err(|error| Code::MalformedSignature.because(format!("signature: {error}")))
}
