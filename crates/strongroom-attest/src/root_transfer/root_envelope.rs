//! Carries a vault's root to a recipient or a replica, in a native envelope that is bound to what
//! it was sealed for (spec/root.md §8). The plaintext is:
//!
//! ```text
//! "strongroom/root/1" 0x00 ‖ subject 32 ‖ root 32
//! ```

use rand_core::CryptoRng;
use strongroom::OpenError;
use strongroom::envelope::{self, Envelope, EnvelopeError, SealError};
use strongroom::key::{IdentityRef, Recipient};
use strongroom::policy::EnvelopePolicy;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const LABEL: &[u8; 18] = b"strongroom/root/1\0";
/// The largest envelope that is read, in bytes. One for 32 recipients is smaller.
pub const MAX_BYTES: usize = 64 * 1024;

/// Why there is no root in an envelope.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootEnvelopeError {
    /// The bytes cannot be parsed as an envelope.
    #[error("the envelope of the root cannot be parsed")]
    Parse(#[from] EnvelopeError),
    /// None of the keys opens the envelope, or the envelope was altered.
    #[error("the envelope of the root does not open")]
    Open(#[from] OpenError),
    /// The envelope is too large, carries something else, or was sealed for another vault or
    /// another exchange.
    #[error("the envelope carries no root, or was sealed for another vault or another exchange")]
    Subject,
}

/// Seals a root to those who may have it. The subject is what it is sealed for: the vault's id, or
/// the transcript of a handoff.
///
/// # Errors
/// [`SealError`] where there are no recipients, or more than an envelope can have.
pub fn seal(
    root: &[u8; 32],
    subject: &[u8; 32],
    recipients: &[Recipient],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, SealError> {
    let mut plaintext = Zeroizing::new(Vec::with_capacity(LABEL.len() + 64));
    plaintext.extend_from_slice(LABEL);
    plaintext.extend_from_slice(subject);
    plaintext.extend_from_slice(root);
    Ok(envelope::seal(&plaintext, recipients, EnvelopePolicy::default(), rng)?.as_bytes().to_vec())
}

/// Opens what [`seal`] sealed for this subject.
///
/// # Errors
/// [`RootEnvelopeError`], also where the subject is another one.
pub fn open<'k, K: Into<IdentityRef<'k>>>(
    bytes: &[u8],
    subject: &[u8; 32],
    keys: impl IntoIterator<Item = K>,
) -> Result<Zeroizing<[u8; 32]>, RootEnvelopeError> {
    if bytes.len() > MAX_BYTES {
        return Err(RootEnvelopeError::Subject);
    }
    let opened = Envelope::parse(bytes.to_vec())?.open(keys)?;
    let root = || {
        let rest = opened.expose().strip_prefix(LABEL)?;
        let (found, root) = rest.split_first_chunk::<32>()?;
        let root: &[u8; 32] = root.try_into().ok()?;
        bool::from(found.ct_eq(subject)).then(|| Zeroizing::new(*root))
    };
    root().ok_or(RootEnvelopeError::Subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom::key::{DecapsulationKey, Identity};
    use strongroom_testkit::rng;

    /// This holds because `open` compares the subjects.
    #[test]
    fn a_root_goes_to_who_it_is_sealed_for_and_for_what_alone() {
        let [mine, other] = [1, 2].map(|n| Identity::from(DecapsulationKey::from_seed(&[n; 64])));
        let sealed = seal(&[7; 32], &[8; 32], &[mine.recipient()], &mut rng()).expect("sealed");
        assert_eq!(*open(&sealed, &[8; 32], [&mine]).expect("opened"), [7; 32]);
        assert!(matches!(open(&sealed, &[9; 32], [&mine]), Err(RootEnvelopeError::Subject)));
        assert!(matches!(open(&sealed, &[8; 32], [&other]), Err(RootEnvelopeError::Open(_))));
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(open(&altered, &[8; 32], [&mine]).is_err(), "byte {at}");
        }
        let longer = [&LABEL[..], &[8; 32], &[7; 33]].concat();
        for plaintext in [&longer[..], &longer[..longer.len() - 2], b"", b"strongroom/root/2\0"] {
            let sealed =
                envelope::seal(plaintext, &[mine.recipient()], EnvelopePolicy::default(), &mut rng());
            let sealed = sealed.expect("sealed");
            assert!(matches!(open(sealed.as_bytes(), &[8; 32], [&mine]), Err(RootEnvelopeError::Subject)));
        }
        assert!(matches!(open(&vec![0; MAX_BYTES + 1], &[8; 32], [&mine]), Err(RootEnvelopeError::Subject)));
    }
}
