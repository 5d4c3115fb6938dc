//! The bytes of a sealed-root file (spec/root.md §4).
//!
//! ```text
//! magic 8 || sealer u16 || vault_id 32 || u32 length || sealer data || u32 length || sealed bytes
//! ```

use super::error::RootError;
use crate::access::RootAccess;
use crate::root::Root;
use crate::sealer::{Sealer, SealerError};
use rand_core::CryptoRng;
use strongroom_attest::{KeyOrigin, Protection};
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"SRROOT\0\x01";
/// A longer file is refused as damaged.
pub(super) const MAX_FILE_BYTES: usize = 64 * 1024;
/// Origins, each at the position that is its number in the file.
const ORIGINS: [KeyOrigin; 5] = [
    KeyOrigin::Generated,
    KeyOrigin::Imported,
    KeyOrigin::Recovered,
    KeyOrigin::HandoffGenerated,
    KeyOrigin::HandoffRecovered,
];
/// Sealers, each at the position that is its number in the file.
const SEALERS: [Protection; 5] =
    [Protection::Plain, Protection::Passphrase, Protection::Dstack, Protection::SevSnp, Protection::Pkcs11];

/// Seals a root together with `access`, and returns the whole file.
pub(super) fn write(
    root: &Root,
    access: &RootAccess,
    sealer: &dyn Sealer,
    rng: &mut impl CryptoRng,
) -> Result<Zeroizing<Vec<u8>>, RootError> {
    let protection = sealer.protection();
    let refused = |error| refusal(protection, error);
    let id = SEALERS.iter().position(|known| *known == protection);
    let id =
        u16::try_from(id.expect("every sealer has its number")).expect("few sealers exist").to_be_bytes();
    let data = sealer.data(rng).map_err(refused)?;
    let head = [&MAGIC[..], &id, root.vault_id().as_bytes(), &length(&data), &data].concat();
    let origin = ORIGINS.iter().position(|known| *known == root.origin());
    let origin = origin.expect("every origin has its number");
    let access = access.to_bytes();
    let mut plaintext = Zeroizing::new(Vec::with_capacity(33 + access.len()));
    plaintext.push(u8::try_from(origin).expect("few origins exist"));
    plaintext.extend_from_slice(root.expose());
    plaintext.extend_from_slice(&access);
    let sealed = sealer.seal(&data, &head, &plaintext, rng).map_err(refused)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(head.len() + 4 + sealed.len()));
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(&length(&sealed));
    bytes.extend_from_slice(&sealed);
    Ok(bytes)
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("a root file's parts are short").to_be_bytes()
}

fn refusal(protection: Protection, error: SealerError) -> RootError {
    match error {
        SealerError::Damaged => RootError::Damaged,
        SealerError::WrongKey => RootError::WrongKey(protection),
        other => RootError::Sealer(other),
    }
}

/// The parts of a file, none of which is unsealed or checked yet.
pub(super) struct Fields<'a> {
    id: u16,
    vault_id: &'a [u8; 32],
    pub(super) data: &'a [u8],
    /// All bytes before the length of the sealed bytes, which are bound to them.
    head: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, RootError> {
        let fields = || {
            let (magic, rest) = bytes.split_first_chunk::<8>()?;
            let (id, rest) = rest.split_first_chunk::<2>()?;
            let (vault_id, rest) = rest.split_first_chunk::<32>()?;
            let (data, rest) = length_prefixed(rest)?;
            let head = &bytes[..bytes.len() - rest.len()];
            let (sealed, rest) = length_prefixed(rest)?;
            let whole = magic == MAGIC && rest.is_empty() && bytes.len() <= MAX_FILE_BYTES;
            whole.then_some(Self { id: u16::from_be_bytes(*id), vault_id, data, head, sealed })
        };
        fields().ok_or(RootError::Damaged)
    }

    fn protection(&self) -> Result<Protection, RootError> {
        SEALERS.get(usize::from(self.id)).copied().ok_or(RootError::UnknownSealer(self.id))
    }
}

/// Reads a root file and unseals the root, with the access that it was sealed with. The vault id
/// that follows from the root must be the one in the file.
///
/// # Errors
/// [`RootError::Damaged`], [`RootError::UnknownSealer`], [`RootError::OtherSealer`],
/// [`RootError::WrongKey`], [`RootError::Sealer`].
pub fn parse(bytes: &[u8], sealer: &dyn Sealer) -> Result<(Root, RootAccess), RootError> {
    let fields = Fields::of(bytes)?;
    let (file, asked) = (fields.protection()?, sealer.protection());
    if file != asked {
        return Err(RootError::OtherSealer { file, asked });
    }
    let plaintext =
        sealer.unseal(fields.data, fields.head, fields.sealed).map_err(|error| refusal(asked, error))?;
    let (origin, root) = plaintext.split_first().ok_or(RootError::Damaged)?;
    let origin = *ORIGINS.get(usize::from(*origin)).ok_or(RootError::Damaged)?;
    let (root, access) = root.split_first_chunk().ok_or(RootError::Damaged)?;
    let root = Root::from_parts(Zeroizing::new(*root), origin);
    let access = RootAccess::from_bytes(access).ok_or(RootError::Damaged)?;
    if root.vault_id().as_bytes() == fields.vault_id { Ok((root, access)) } else { Err(RootError::Damaged) }
}

fn length_prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}
