//! Messages as they are signed: M' of FIPS 205 §10.2.

use crate::error::LengthError;
use crate::params::ParameterSet;
use alloc::boxed::Box;
use core::fmt;
use core::marker::PhantomData;
use sha2::Digest as _;
use shake::digest::{ExtendableOutput, XofReader};

/// A context string, at most 255 bytes. A signature in one context is not valid in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context<'a>(&'a [u8]);

impl<'a> Context<'a> {
    /// The empty context, which is the standard's default.
    pub const EMPTY: Context<'static> = Context(&[]);

    /// The context of these bytes.
    ///
    /// # Errors
    /// [`ContextTooLong`]: there are more than 255 bytes.
    pub const fn new(bytes: &'a [u8]) -> Result<Self, ContextTooLong> {
        if bytes.len() > 255 { Err(ContextTooLong) } else { Ok(Self(bytes)) }
    }
}

/// A context string has more than 255 bytes (FIPS 205 algorithm 22, line 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the context string is too long: at most 255 bytes are allowed")]
pub struct ContextTooLong;

/// A message in its context, as keys of the parameter set `P` sign it.
#[derive(Clone, Copy)]
pub struct Message<'a, P> {
    /// The domain separator and the length of the context.
    head: [u8; 2],
    context: Context<'a>,
    oid: &'a [u8],
    body: &'a [u8],
    set: PhantomData<P>,
}

impl<'a, P: ParameterSet> Message<'a, P> {
    /// For signing the message itself (§10.2.1, algorithms 22 and 24).
    #[must_use]
    pub const fn pure(context: Context<'a>, message: &'a [u8]) -> Self {
        Self { head: [0, context.0.len() as u8], context, oid: &[], body: message, set: PhantomData }
    }

    /// For signing the hash of a message (§10.2.2, algorithms 23 and 25).
    ///
    /// # Errors
    /// [`WeakHash`]: finding a collision of the hash is easier than breaking the parameter set.
    pub const fn pre_hashed(context: Context<'a>, hash: &'a PreHashed) -> Result<Self, WeakHash> {
        if hash.function.strength_bits() < 8 * P::N {
            return Err(WeakHash);
        }
        let head = [1, context.0.len() as u8];
        Ok(Self { head, context, oid: hash.function.oid(), body: &hash.bytes, set: PhantomData })
    }

    /// The parts of M' (algorithm 22 line 8, algorithm 23 line 24).
    pub(crate) fn parts(&self) -> [&[u8]; 4] {
        [&self.head, self.context.0, self.oid, self.body]
    }
}

/// A hash function or XOF that may hash a message before it is signed.
///
/// Functions with collisions at less than 128 bits of work, such as SHA-224, are missing: they are
/// too weak for every parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HashFunction {
    /// SHA-256: for 128-bit sets.
    Sha256,
    /// SHA-384: for 128- and 192-bit sets.
    Sha384,
    /// SHA-512: for all parameter sets.
    Sha512,
    /// SHA-512/256: for 128-bit sets.
    Sha512_256,
    /// SHA3-256: for 128-bit sets.
    Sha3_256,
    /// SHA3-384: for 128- and 192-bit sets.
    Sha3_384,
    /// SHA3-512: for all parameter sets.
    Sha3_512,
    /// SHAKE128 with 32 bytes: for 128-bit sets.
    Shake128,
    /// SHAKE256 with 64 bytes: for all parameter sets.
    Shake256,
}

impl HashFunction {
    /// Bytes of the function's hashes.
    #[must_use]
    pub const fn output_bytes(self) -> usize {
        match self {
            Self::Sha256 | Self::Sha512_256 | Self::Sha3_256 | Self::Shake128 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 | Self::Shake256 => 64,
        }
    }

    /// Bits of work that a collision takes: half of the output.
    const fn strength_bits(self) -> usize {
        self.output_bytes() * 4
    }

    /// The DER of the object identifier: 2.16.840.1.101.3.4.2 and a number.
    const fn oid(self) -> &'static [u8] {
        macro_rules! oid {
            ($number:literal) => {
                &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, $number]
            };
        }
        match self {
            Self::Sha256 => oid!(1),
            Self::Sha384 => oid!(2),
            Self::Sha512 => oid!(3),
            Self::Sha512_256 => oid!(6),
            Self::Sha3_256 => oid!(8),
            Self::Sha3_384 => oid!(9),
            Self::Sha3_512 => oid!(10),
            Self::Shake128 => oid!(11),
            Self::Shake256 => oid!(12),
        }
    }
}

/// The hash of a message, with its hash function.
#[derive(Clone, PartialEq, Eq)]
pub struct PreHashed {
    function: HashFunction,
    bytes: Box<[u8]>,
}

impl PreHashed {
    /// Hashes a message with `function`.
    #[must_use]
    pub fn new(function: HashFunction, message: &[u8]) -> Self {
        fn xof(mut hash: impl ExtendableOutput, message: &[u8], bytes: usize) -> Box<[u8]> {
            hash.update(message);
            let mut out = alloc::vec![0; bytes];
            hash.finalize_xof().read(&mut out);
            out.into()
        }
        let bytes: Box<[u8]> = match function {
            HashFunction::Sha256 => sha2::Sha256::digest(message)[..].into(),
            HashFunction::Sha384 => sha2::Sha384::digest(message)[..].into(),
            HashFunction::Sha512 => sha2::Sha512::digest(message)[..].into(),
            HashFunction::Sha512_256 => sha2::Sha512_256::digest(message)[..].into(),
            HashFunction::Sha3_256 => sha3::Sha3_256::digest(message)[..].into(),
            HashFunction::Sha3_384 => sha3::Sha3_384::digest(message)[..].into(),
            HashFunction::Sha3_512 => sha3::Sha3_512::digest(message)[..].into(),
            HashFunction::Shake128 => xof(shake::Shake128::default(), message, function.output_bytes()),
            HashFunction::Shake256 => xof(shake::Shake256::default(), message, function.output_bytes()),
        };
        Self { function, bytes }
    }

    /// Takes a hash that was computed elsewhere, for instance piece by piece.
    ///
    /// # Errors
    /// [`LengthError`]: hashes of this function have another length.
    pub fn from_bytes(function: HashFunction, hash: &[u8]) -> Result<Self, LengthError> {
        LengthError::check(function.output_bytes(), hash.len())?;
        Ok(Self { function, bytes: hash.into() })
    }
}

impl fmt::Debug for PreHashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreHashed({:?})", self.function)
    }
}

/// Finding a collision of the hash function is easier than breaking the parameter set (FIPS
/// 205 §10.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hash function is weaker than the parameter set: choose one with longer hashes")]
pub struct WeakHash;
